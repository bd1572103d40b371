/** What the records of a channel come to: counts, rates, durations, outcomes. Functions of records and a clock. */

import { inTime } from "../page/words.js";

/**
 * @typedef {import("./ledger.js").Heard} Heard
 *
 * @typedef {object} Known what is known besides the records
 * @property {(extraction: string) => number | null} [timed] how long one ran that nobody here heard begin, in ms
 * @property {(extraction: string) => boolean} [neverRan] whether its ending says that it ended while it was queued
 * @property {number} [forgotten_ms] when the last one ended that is not among the records any more
 */

/** In the order in which they are stacked. */
export const OUTCOMES = /** @type {const} */ (["completed", "incomplete", "failed", "cancelled"]);
/** A bar is this wide, and there are so many. */
export const BAR_MS = 10_000;
export const BARS = 30;
const MINUTE_MS = 60_000;

/**
 * @typedef {(typeof OUTCOMES)[number]} Outcome
 * @typedef {{[state in Outcome | "queued" | "running"]: number}} Counts
 * @typedef {{[outcome in Outcome]: number}} Bar
 *
 * @typedef {object} Dot one that ended
 * @property {Outcome} state
 * @property {number} at_ms
 * @property {number} duration_ms from running to its end
 *
 * @typedef {object} Figures
 * @property {Counts} counts
 * @property {number} ended how many have
 * @property {number} untimed how many of those in the bars ran for a time that nobody here knows
 * @property {number | null} begunPerMinute within the last minute; null while one that ended in it has begun unheard
 * @property {number} endedPerMinute
 * @property {boolean} isCut there were more, which are forgotten
 * @property {boolean} isMinuteCut there were more in that minute, too
 * @property {boolean} areBarsCut there were more in the time of the bars
 * @property {number} from_ms where the first bar begins
 * @property {Bar[]} bars the last one is still growing
 * @property {Dot[]} dots those in the bars whose duration is known
 * @property {number | null} median_ms of the dots
 * @property {number | null} p90_ms
 */

/**
 * @param {readonly Heard[]} records
 * @param {number} now_ms the server's
 * @param {Known} [known]
 * @returns {Figures}
 */
export function figures(records, now_ms, { forgotten_ms = -Infinity, ...known } = {}) {
  const counts = countsOf(records);
  const from_ms = (Math.floor(now_ms / BAR_MS) - BARS + 1) * BAR_MS;
  const recent = records.flatMap((heard) => ended(heard, from_ms, known));
  const dots = recent.flatMap(dot);
  const sorted = dots.map(({ duration_ms }) => duration_ms).sort((a, b) => a - b);
  const isLately = (/** @type {number | null} */ at_ms) => at_ms !== null && at_ms > now_ms - MINUTE_MS;
  return {
    counts,
    ended: OUTCOMES.reduce((sum, outcome) => sum + counts[outcome], 0),
    untimed: recent.filter(({ duration_ms, wasQueued }) => duration_ms === null && !wasQueued).length,
    begunPerMinute: records.some(({ begun_ms, ended_ms }) => begun_ms === null && isLately(ended_ms))
      ? null
      : records.filter(({ begun_ms }) => isLately(begun_ms)).length,
    endedPerMinute: records.filter(({ ended_ms }) => isLately(ended_ms)).length,
    isCut: forgotten_ms > -Infinity,
    isMinuteCut: isLately(forgotten_ms),
    areBarsCut: forgotten_ms >= from_ms,
    from_ms,
    bars: barsOf(recent, from_ms),
    dots,
    median_ms: quantile(sorted, 0.5),
    p90_ms: quantile(sorted, 0.9),
  };
}

/**
 * The least of the values that so many are not above.
 *
 * @param {readonly number[]} sorted
 * @param {number} share 0…1
 */
export function quantile(sorted, share) {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null;
}

/** @param {readonly Heard[]} records @returns {Counts} */
function countsOf(records) {
  const counts = { queued: 0, running: 0, completed: 0, incomplete: 0, failed: 0, cancelled: 0 };
  for (const { state } of records) counts[state] += 1;
  return counts;
}

/**
 * @typedef {object} Recent
 * @property {Outcome} state
 * @property {number} at_ms
 * @property {number | null} duration_ms
 * @property {boolean} wasQueued it ended without having run, so there is no duration to know
 */

/**
 * @param {Heard} heard
 * @param {number} from_ms
 * @param {Known} known
 * @returns {Recent[]}
 */
function ended({ extraction, state, begun_ms, ended_ms, running_ms }, from_ms, { timed, neverRan }) {
  if (ended_ms === null || ended_ms < from_ms) return [];
  const duration_ms = running_ms === null ? (timed?.(extraction) ?? null) : ended_ms - running_ms;
  const wasCancelled = state === "cancelled" && begun_ms !== null && duration_ms === null;
  const wasQueued = wasCancelled || neverRan?.(extraction) === true;
  return [{ state: /** @type {Outcome} */ (state), at_ms: ended_ms, duration_ms, wasQueued }];
}

/** @param {Recent} recent @returns {Dot[]} */
function dot({ state, at_ms, duration_ms, wasQueued }) {
  return duration_ms === null || wasQueued ? [] : [{ state, at_ms, duration_ms: Math.max(0, duration_ms) }];
}

/** What seems to lie ahead ended just now: clocks differ. @param {readonly Recent[]} recent @param {number} from_ms */
function barsOf(recent, from_ms) {
  const bars = Array.from({ length: BARS }, () => ({ completed: 0, incomplete: 0, failed: 0, cancelled: 0 }));
  for (const { state, at_ms } of recent) {
    const bar = bars[Math.min(BARS - 1, Math.floor((at_ms - from_ms) / BAR_MS))];
    if (bar) bar[state] += 1;
  }
  return bars;
}

/**
 * A round number that is at least this: the top of a scale. Of nothing there is none.
 *
 * @param {number} most
 */
export function roundTop(most) {
  if (most === 0) return 0;
  const step = 10 ** Math.floor(Math.log10(Math.max(1, most)));
  return [1, 2, 5, 10].map((factor) => factor * step).find((top) => top >= most) ?? most;
}

/** How long something takes or took, in whole seconds, so that a clock ticks evenly. @param {number} ms */
export function inSeconds(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

/** How long ago something was. @param {number} ms */
export function ago(ms) {
  if (ms < 5000) return "just now";
  if (ms < MINUTE_MS) return `${Math.floor(ms / 1000)} s ago`;
  if (ms < 60 * MINUTE_MS) return `${Math.floor(ms / MINUTE_MS)} min ago`;
  return `${Math.floor(ms / (60 * MINUTE_MS))} h ago`;
}

/** What stands below the median: of how many it is, where that is not all. @param {Figures} figures */
export function timedWords({ dots, untimed, p90_ms }) {
  const all = dots.length + untimed;
  if (untimed > 0) return `${dots.length.toLocaleString("en")} of ${all.toLocaleString("en")} timed`;
  return p90_ms === null ? "" : `90 % in ${inTime(p90_ms)}`;
}

/** In words that never say none of some, or all of less. @param {number} part @param {number} all */
export function percent(part, all) {
  const share = all === 0 ? 0 : (100 * part) / all;
  if (share > 0 && share < 1) return "< 1 %";
  return share > 99 && share < 100 ? "> 99 %" : `${Math.round(share)} %`;
}
