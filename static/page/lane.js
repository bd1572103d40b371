/**
 * One extraction on the page: the watch whose value is shown, in the encoding of the moment, and three more that
 * only count what the same run costs in each encoding.
 */

import { ENCODINGS, digest } from "../client/index.js";

/** So many frames are kept to look at. */
const KEPT_FRAMES = 200;
/** Longer frames are described rather than kept. */
const LONG_FRAME_BYTES = 8_000;
const SHOWN_CHARS = 400;

/**
 * @typedef {import("../client/index.js").Session} Session
 * @typedef {import("../client/index.js").Watch} Watch
 * @typedef {import("../client/protocol.js").Json} Json
 * @typedef {import("../client/protocol.js").Encoding} Encoding
 * @typedef {import("../client/protocol.js").WatchFrame} WatchFrame
 * @typedef {import("../client/watch.js").ExtractOptions} ExtractOptions
 * @typedef {{count: number, type: string, rev: number | null, bytes: number, text: string}} ShownFrame
 */

export class Lane {
  /** What was asked for. */
  order;
  /** The newest last. @type {ShownFrame[]} */
  frames = [];
  frameCount = 0;
  /** @type {Map<Encoding, Watch>} */
  meters = new Map();
  /** @type {number | null} */
  first_value_ms = null;
  /** @type {number | null} */
  total_ms = null;
  isStopping = false;
  /** A recording plays, no model. */
  isRecorded;
  /** Every watch ended with the digest that this page computed from its own value. */
  isProven = false;
  #session;
  #interval_ms;
  #started_ms = performance.now();
  #onChange;
  /** @type {Watch} */
  #watch;
  /** What is shown until a new watch has something. @type {import("../client/replica.js").ReplicaState} */
  #state;

  /**
   * @param {Session} session
   * @param {{number: number, encoding: Encoding, interval_ms: number} & import("./form.js").Order} start
   * @param {() => void} onChange
   */
  constructor(session, { number, title, request, shape, encoding, interval_ms }, onChange) {
    this.#session = session;
    this.#interval_ms = interval_ms;
    this.#onChange = onChange;
    this.number = number;
    this.title = title;
    this.order = { title, request, shape };
    this.encoding = encoding;
    this.isRecorded = session.getSnapshot().welcome?.provider?.name === "recorded";
    this.#watch = session.extract({ ...request, encoding, interval_ms });
    this.#state = this.#watch.getSnapshot();
    this.#follow(this.#watch);
  }

  get state() {
    return this.#state;
  }

  get isOver() {
    return this.#state.ending !== null || this.#state.error !== null;
  }

  get elapsed_ms() {
    return this.total_ms ?? performance.now() - this.#started_ms;
  }

  /** How long to wait before another try can help. */
  get retry_in_ms() {
    const { retry_after_ms = 0 } = this.#state.error ?? {};
    return Math.max(0, retry_after_ms + this.#started_ms + this.elapsed_ms - performance.now());
  }

  /** Go on in another encoding: a new watch on the same extraction, the old one is dropped. @param {Encoding} encoding */
  switchTo(encoding) {
    if (encoding === this.encoding) return;
    this.encoding = encoding;
    const before = this.#watch;
    const { extraction } = before;
    if (extraction === null || this.#state.error?.code === "disconnected") return;
    this.#watch = this.#session.watch({ extraction, encoding, interval_ms: this.#interval_ms });
    this.#follow(this.#watch);
    before.close();
  }

  cancel() {
    if (this.isOver) return;
    this.isStopping = true;
    this.#watch.cancel();
    this.#onChange();
  }

  /** Look no longer. */
  close() {
    for (const watch of [this.#watch, ...this.meters.values()]) watch.close();
  }

  /** @param {Watch} watch */
  #follow(watch) {
    const asked = this.encoding;
    watch.observe((frame, bytes) => {
      this.#keep(frame, bytes);
      if (frame.type === "started") this.#begin(frame.extraction, asked);
    });
    watch.subscribe((state) => {
      if (watch !== this.#watch) return;
      if (state.rev !== null || state.error || this.#state.rev === null) this.#state = state;
      if (state.rev && this.first_value_ms === null) this.first_value_ms = this.elapsed_ms;
      if (this.isOver) this.total_ms ??= this.elapsed_ms;
      this.#onChange();
    });
  }

  /**
   * @param {string} extraction
   * @param {Encoding} asked
   */
  #begin(extraction, asked) {
    if (this.meters.size > 0) return;
    for (const encoding of ENCODINGS) {
      const meter = this.#session.watch({ extraction, encoding, interval_ms: this.#interval_ms });
      meter.subscribe(this.#onChange);
      meter.result.then(
        () => this.#prove(),
        () => {},
      );
      this.meters.set(encoding, meter);
    }
    const wanted = this.encoding;
    if (wanted !== asked) {
      this.encoding = asked;
      queueMicrotask(() => this.switchTo(wanted));
    }
  }

  async #prove() {
    const ends = [...this.meters.values()].map((watch) => watch.getSnapshot());
    if (!ends.every(({ ending }) => ending?.type === "completed")) return;
    const digests = await Promise.all(ends.map(({ value }) => digest(value)));
    this.isProven = ends.every(
      ({ ending }, at) => ending?.digest !== undefined && ending.digest === digests[at],
    );
    this.#onChange();
  }

  /**
   * @param {WatchFrame} frame
   * @param {number} bytes
   */
  #keep(frame, bytes) {
    this.frames.push({
      count: ++this.frameCount,
      type: frame.type,
      rev: revOf(frame),
      bytes,
      text: textOf(frame, bytes),
    });
    if (this.frames.length > KEPT_FRAMES) this.frames.shift();
  }
}

/** @param {WatchFrame} frame */
function revOf(frame) {
  return "rev" in frame ? frame.rev : null;
}

/**
 * @param {WatchFrame} frame
 * @param {number} bytes
 */
function textOf(frame, bytes) {
  const { type: _, id: __, ...rest } = frame;
  if (bytes > LONG_FRAME_BYTES) return `${Object.keys(rest).join(", ")} …`;
  const text = JSON.stringify(rest);
  return text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)} …` : text;
}
