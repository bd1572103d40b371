/** Which extractions are drawn, and in which order: what runs comes before what waits. No page, no clock. */

/**
 * @typedef {import("./ledger.js").Heard} Heard
 * @typedef {{drawn: readonly Heard[], left: readonly Heard[]}} Share what is drawn of a list, and what is not
 */

/**
 * Of those that wait a few are enough while others run: those that are next.
 *
 * @param {readonly Heard[]} records the newest first
 * @param {{now: number, queued: number}} most so many are drawn, and so many of them may wait
 * @returns {Share}
 */
export function live(records, most) {
  const running = records.filter(({ state }) => state === "running");
  const queued = records.filter(({ state }) => state === "queued").reverse();
  const ran = cut(running, most.now);
  const waiting = cut(queued, Math.min(most.queued, most.now - ran.drawn.length));
  return { drawn: [...ran.drawn, ...waiting.drawn], left: [...ran.left, ...waiting.left] };
}

/** @param {readonly Heard[]} records @param {number} most @returns {Share} */
export function past(records, most) {
  const ended = records.filter(({ ended_ms }) => ended_ms !== null);
  return cut(ended.sort((a, b) => b.since_ms - a.since_ms), most);
}

/** What the button for more says. @param {readonly Heard[]} left */
export function moreWords(left) {
  const queued = left.filter(({ state }) => state === "queued").length;
  const waits = queued === 0 ? "" : queued === left.length ? ", all queued" : `, ${queued.toLocaleString("en")} of them queued`;
  return `Show more (${left.length.toLocaleString("en")} ${left.length === 1 ? "is" : "are"} not shown${waits})`;
}

/** @param {readonly Heard[]} records @param {number} most @returns {Share} */
function cut(records, most) {
  return { drawn: records.slice(0, most), left: records.slice(most) };
}
