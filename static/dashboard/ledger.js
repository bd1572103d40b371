/**
 * What was heard of a channel's extractions, one record each (PROTOCOL.md §4, `announcement`). The time comes in.
 *
 * 1. What is announced again changes nothing: no record is there twice, none goes back.
 * 2. A time is one that the server gave. What is first heard of as ended has begun at a time that nobody here knows.
 * 3. What is not announced again on a new connection is gone after a while; what ended stays.
 * 4. The newest are kept, so many that the page stays quick; of the others those that ended go first.
 */

/** So many are kept, as many as a follow keeps. */
const MOST = 1000;
/** After a new connection it takes no longer than this to hear of what runs. */
const DOUBT_MS = 3000;
const ENDED = 2;
/** @type {{[state: string]: number}} */
const RANKS = { queued: 0, running: 1 };

/**
 * @typedef {import("../client/protocol.js").Announcement} Announcement
 * @typedef {import("../client/protocol.js").ExtractionState} State
 *
 * @typedef {object} Heard one extraction, as far as it was heard of; all times are the server's, in ms
 * @property {string} extraction
 * @property {string} extractor
 * @property {State} state
 * @property {number} since_ms when it came to that
 * @property {number | null} begun_ms when it came to be queued or, unheard, to run
 * @property {number | null} running_ms when it came to run
 * @property {number | null} ended_ms
 */

export class Ledger {
  /** In the order in which they were heard of first. @type {Map<string, Heard>} */
  #records = new Map();
  /** Not announced on this connection yet. @type {Set<string>} */
  #doubtful = new Set();
  #doubted_ms = 0;
  /** How far this clock is ahead of the server's, as what had only just happened tells. @type {number | null} */
  #ahead_ms = null;

  /** When the last of those ended, or began, that were forgotten for newer ones. */
  forgotten_ms = -Infinity;

  /** All records, those that were heard of last at first. */
  get newest() {
    return [...this.#records.values()].reverse();
  }

  /** @param {string} extraction */
  record(extraction) {
    return this.#records.get(extraction);
  }

  /** The server's time. @param {number} now_ms ours */
  serverTime(now_ms) {
    return now_ms - (this.#ahead_ms ?? 0);
  }

  /** @param {Announcement} announcement @param {number} now_ms */
  hear(announcement, now_ms) {
    const { extraction, state, at } = announcement;
    const before = this.#records.get(extraction);
    const at_ms = Date.parse(at);
    const wasDoubtful = this.#doubtful.delete(extraction);
    if (before && rank(state) <= rank(before.state)) return;
    if ((before && !wasDoubtful) || at_ms > now_ms) this.#compare(now_ms - at_ms);
    this.#records.set(extraction, Object.freeze(next(before, announcement, at_ms)));
    if (this.#records.size > MOST) this.#forgetOldest();
  }

  /** A new connection: what has not ended has to be announced again. @param {number} now_ms */
  doubt(now_ms) {
    this.#doubted_ms = now_ms;
    this.#ahead_ms = null;
    for (const [extraction, { ended_ms }] of this.#records) if (ended_ms === null) this.#doubtful.add(extraction);
  }

  /** Forget what nobody spoke of again; whether there was any. @param {number} now_ms */
  settle(now_ms) {
    if (this.#doubtful.size === 0 || now_ms - this.#doubted_ms < DOUBT_MS) return false;
    for (const extraction of this.#doubtful) this.#records.delete(extraction);
    this.#doubtful.clear();
    return true;
  }

  /** News travel for a while: those that came quickest know best. @param {number} lag_ms */
  #compare(lag_ms) {
    this.#ahead_ms = Math.min(lag_ms, this.#ahead_ms ?? lag_ms);
  }

  #forgetOldest() {
    const all = [...this.#records.values()];
    const oldest = all.find(({ ended_ms }) => ended_ms !== null) ?? all[0];
    if (!oldest) return;
    this.#records.delete(oldest.extraction);
    this.forgotten_ms = Math.max(this.forgotten_ms, oldest.since_ms);
  }
}

/** @param {State} state */
function rank(state) {
  return RANKS[state] ?? ENDED;
}

/** @param {Heard | undefined} before @param {Announcement} announcement @param {number} at_ms @returns {Heard} */
function next(before, { extraction, extractor, state }, at_ms) {
  const isEnded = rank(state) === ENDED;
  return {
    extraction,
    extractor,
    state,
    since_ms: at_ms,
    begun_ms: before?.begun_ms ?? (isEnded ? null : at_ms),
    running_ms: state === "running" ? at_ms : (before?.running_ms ?? null),
    ended_ms: isEnded ? at_ms : null,
  };
}
