/**
 * Watches on what a channel announces: of those that run what they write, of those that ended how. Few at a time, and
 * few that begin in a second (PROTOCOL.md §10, `watches_per_connection`, `messages_per_s`).
 */

import { glimpse } from "./glimpse.js";

/** So many of those that run are watched at once, the newest; so many of those that ended are asked about. */
const MOST_LIVE = 16;
const MOST_GLANCES = 4;
/** The follow, what is looked at, and one to spare. */
const RESERVED = 3;
/** So many watches begin in a second, less than half of what the gateway takes, and so many at once; a part of these is
 * for those that run alone. */
const PER_SECOND = 8;
const AT_ONCE = 16;
const LIVE_AT_ONCE = 8;
const INTERVAL_MS = 250;
/** So many endings are remembered. */
const MOST_ENDINGS = 1000;
/** A part of the value that none has: what is wanted is the ending alone. */
const NOTHING = ["/~0nothing"];

/**
 * @typedef {import("../client/index.js").Session} Session
 * @typedef {import("../client/index.js").Watch} Watch
 * @typedef {import("../client/protocol.js").Terminal} Terminal
 * @typedef {import("./glimpse.js").Glimpse & {parts: number, attempt: number}} Seen
 * @typedef {{watch: Watch, reach: ReturnType<typeof reachOf>}} Live
 */

export class Eyes {
  /** @type {Map<string, Live>} */
  #live = new Map();
  /** @type {Map<string, Watch>} */
  #glances = new Map();
  /** Null: the gateway keeps it no longer. @type {Map<string, Terminal | null>} */
  #endings = new Map();
  #turns = AT_ONCE;
  #session;
  #onChange;

  /** @param {Session} session @param {() => void} onChange */
  constructor(session, onChange) {
    this.#session = session;
    this.#onChange = onChange;
  }

  get isRecorded() {
    return this.#session.getSnapshot().welcome?.provider?.name === "recorded";
  }

  /** Another second has begun. */
  tick() {
    this.#turns = Math.min(AT_ONCE, this.#turns + PER_SECOND);
  }

  /** Watch the first of these, and no other. @param {readonly string[]} running those in sight */
  watch(running) {
    const chosen = new Set(running.slice(0, this.#room(MOST_LIVE)));
    for (const [extraction, { watch }] of this.#live) if (!chosen.has(extraction)) watch.close();
    for (const extraction of chosen) if (!this.#live.has(extraction) && this.#takesTurn()) this.#open(extraction);
  }

  /** Ask how the first of these ended, where that is not known. @param {readonly string[]} ended those in sight */
  glance(ended) {
    for (const extraction of ended) {
      if (this.#glances.size >= this.#room(MOST_GLANCES)) return;
      const isKnown = this.#endings.has(extraction) || this.#glances.has(extraction);
      if (!isKnown && this.#takesTurn(LIVE_AT_ONCE)) this.#ask(extraction);
    }
  }

  /** What is being written there, where somebody looks. @param {string} extraction @returns {Seen | null} */
  seen(extraction) {
    const live = this.#live.get(extraction);
    const { value = null, rev = null, reset } = live?.watch.getSnapshot() ?? {};
    if (!live || rev === null) return null;
    const { active, complete } = live.reach;
    return { ...glimpse(value, active), parts: complete.size, attempt: reset?.attempt ?? 1 };
  }

  /** Undefined: not known yet. @param {string} extraction */
  ending(extraction) {
    return this.#endings.get(extraction);
  }

  /** How long it ran, as its ending says, in ms. @param {string} extraction */
  duration(extraction) {
    const { timing } = this.#endings.get(extraction) ?? {};
    return timing && !this.neverRan(extraction) ? timing.total_ms - timing.queued_ms : null;
  }

  /** Whether its ending says that it ended while it was queued. @param {string} extraction */
  neverRan(extraction) {
    return this.#endings.get(extraction)?.attempts === 0;
  }

  /** Look at nothing. */
  close() {
    for (const { watch } of this.#live.values()) watch.close();
    for (const watch of this.#glances.values()) watch.close();
  }

  /** @param {number} most */
  #room(most) {
    const { watches_per_connection = Infinity } = this.#session.getSnapshot().welcome?.limits ?? {};
    return Math.max(0, Math.min(most, Math.floor((watches_per_connection - RESERVED) / 2)));
  }

  /** @param {number} [spared] turns that are left to others */
  #takesTurn(spared = 0) {
    return this.#session.getSnapshot().status === "open" && this.#turns > spared && this.#turns-- > 0;
  }

  /** @param {string} extraction */
  #open(extraction) {
    const watch = this.#session.watch({ extraction, encoding: "append", interval_ms: INTERVAL_MS, progress: true });
    this.#live.set(extraction, { watch, reach: reachOf(watch) });
    this.#until(watch, extraction, this.#live);
  }

  /** @param {string} extraction */
  #ask(extraction) {
    const watch = this.#session.watch({ extraction, paths: NOTHING });
    this.#glances.set(extraction, watch);
    this.#until(watch, extraction, this.#glances);
  }

  /** @param {Watch} watch @param {string} extraction @param {Map<string, unknown>} among */
  #until(watch, extraction, among) {
    watch.subscribe(({ ending, error }) => {
      if (ending || error) among.delete(extraction);
      if (ending) this.#keep(extraction, ending);
      else if (error?.code === "not_found") this.#keep(extraction, null);
      this.#onChange();
    });
  }

  /** @param {string} extraction @param {Terminal | null} ending */
  #keep(extraction, ending) {
    this.#endings.delete(extraction);
    this.#endings.set(extraction, ending);
    const [oldest] = this.#endings.keys();
    if (this.#endings.size > MOST_ENDINGS && oldest !== undefined) this.#endings.delete(oldest);
  }
}

/** How far the model is within its newest attempt. @param {Watch} watch */
function reachOf(watch) {
  const reach = { epoch: "", active: /** @type {string | null} */ (null), complete: new Set() };
  watch.observe((frame) => {
    const isAnew = frame.type === "reset" || frame.type === "snapshot";
    if (isAnew && frame.epoch !== reach.epoch)
      Object.assign(reach, { epoch: frame.epoch, active: null, complete: new Set() });
    if ((frame.type !== "snapshot" && frame.type !== "patch") || !frame.progress) return;
    reach.active = frame.progress.active;
    for (const path of frame.progress.completed) reach.complete.add(path);
  });
  return reach;
}
