/** What a client does after a close, by its code; whatever is not here: back off, resume (PROTOCOL.md §8). */

const FIRST_MS = 500;
const LONGEST_MS = 20_000;

/** Stop. */
export const FINAL = [1000, 1002, 1003, 1007, 1009, 4400, 4403, 4406];
/** Ask for another credential once, then stop. */
export const UNAUTHENTICATED = [4401, 4440];
/** Resume with a longer interval. */
export const TOO_SLOW = 4413;

/**
 * How long to wait before try number `attempt` (0, 1, …): what the server asks for, and full jitter.
 *
 * @param {number} attempt
 * @param {number} retry_after_ms
 * @param {number} chance 0…1
 */
export function backoff(attempt, retry_after_ms, chance) {
  return retry_after_ms + Math.round(chance * Math.min(LONGEST_MS, FIRST_MS * 2 ** attempt));
}
