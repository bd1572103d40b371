/** What a client does after a close: one table and one function (PROTOCOL.md §8). */

const FIRST_MS = 500;
const LONGEST_MS = 20_000;

/** @typedef {"stop" | "wait" | "refresh" | "slower"} Reaction */

/** Codes that are not here: back off, resume. @type {ReadonlyMap<number, Reaction>} */
const REACTIONS = new Map([
  [1000, "stop"],
  [1002, "stop"],
  [1003, "stop"],
  [1007, "stop"],
  [1009, "stop"],
  [4400, "stop"],
  [4401, "refresh"],
  [4403, "stop"],
  [4406, "stop"],
  [4413, "slower"],
  [4440, "refresh"],
]);

/** @param {number} code @returns {Reaction} */
export function reaction(code) {
  return REACTIONS.get(code) ?? "wait";
}

/**
 * How long to wait before try number `attempt` (0, 1, …): full jitter, and never less than the server asks for.
 *
 * @param {number} attempt
 * @param {number} retry_after_ms
 * @param {number} chance 0…1
 */
export function backoff(attempt, retry_after_ms, chance) {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
  return Math.max(retry_after_ms, Math.round(chance * ceiling));
}
