/**
 * One extraction on the page: the watch whose value is shown, in the encoding of the moment, and three more that
 * only count what the same run costs in each encoding.
 */

import { shortOf, textOf } from "./frames.js";
import { isWritten } from "./ghosts.js";
import { Meters } from "./meters.js";
import { Progress } from "./progress.js";
import { wordFor } from "./words.js";

/** So many frames are kept to look at. */
const KEPT_FRAMES = 200;
/** What this page's extractions are labelled with, so that a dashboard hears of them. */
export const CHANNEL = "demo";

/**
 * @typedef {import("../client/index.js").Session} Session
 * @typedef {import("../client/index.js").Watch} Watch
 * @typedef {import("../client/protocol.js").Json} Json
 * @typedef {import("../client/protocol.js").Encoding} Encoding
 * @typedef {import("../client/protocol.js").WatchFrame} WatchFrame
 * @typedef {{count: number, type: string, rev: number | null, bytes: number, text: string, short: string}} ShownFrame
 * @typedef {import("./memory.js").Start} Start
 * @typedef {import("./memory.js").LaneRecord} LaneRecord
 */

/** Whether the run has left the queue: until then the other watches would only take places. @param {WatchFrame} frame */
function hasBegun(frame) {
  return "state" in frame ? frame.state !== "queued" : "rev" in frame && frame.rev > 0;
}

export class Lane {
  /** The newest last. @type {ShownFrame[]} */
  frames = [];
  frameCount = 0;
  /** How many runs of this page go before it, while it is queued. */
  ahead = 0;
  /** Somebody else started it, so what it was asked for is not known. */
  isShared;
  /** @type {number | null} */
  first_value_ms = null;
  /** @type {number | null} */
  total_ms = null;
  isStopping = false;
  /** A recording plays, no model. */
  isRecorded;
  /** Whether this attempt has shown a leaf. */
  hasBegun = false;
  /** Of this attempt. */
  progress = new Progress("");
  #session;
  #interval_ms;
  #started_at = Date.now();
  #onChange;
  /** What it was before the page was loaded anew. @type {LaneRecord | null} */
  #past = null;
  /** What the run costs in each encoding. @type {Meters} */
  meters;
  /** @type {Watch} */
  #watch;
  /** What is shown until a new watch has something. @type {import("../client/replica.js").ReplicaState} */
  #state;
  /** What the value is before anything is written. @type {Json} */
  #skeleton = null;
  /** The value of the attempt before. @type {Json} */
  #stale = null;

  /**
   * @param {Session} session
   * @param {Start | LaneRecord} start with a past, the extraction is watched again
   * @param {() => void} onChange
   */
  constructor(session, start, onChange) {
    const { number, order, encoding, interval_ms } = start;
    this.#session = session;
    this.#interval_ms = interval_ms;
    this.#onChange = onChange;
    this.number = number;
    this.order = order;
    this.isShared = order.request === null;
    this.encoding = encoding;
    this.isRecorded = session.getSnapshot().welcome?.provider?.name === "recorded";
    this.meters = new Meters("extraction" in start ? start : { bytes: {} }, onChange);
    if ("extraction" in start) {
      const { first_value_ms, total_ms, started_at } = (this.#past = start);
      Object.assign(this, { first_value_ms, total_ms });
      this.#started_at = started_at;
      this.#watch = this.#watchAgain(start.extraction);
    } else {
      const options = { channel: CHANNEL, encoding, interval_ms, progress: true };
      this.#watch = session.extract({ ...order.request, ...options });
    }
    this.#state = this.#watch.getSnapshot();
    this.#follow(this.#watch);
  }

  get state() {
    return this.#state;
  }

  get isOver() {
    return this.#state.ending !== null || this.#state.error !== null;
  }

  /** Whether the gateway has heard of it on this connection. */
  get isAnswered() {
    return this.#watch.isAnswered;
  }

  /** Whether the gateway told of it since the page was loaded. */
  get wasHeard() {
    return this.frameCount > 0;
  }

  /** Whether the gateway does not know it, or not any more. */
  get isUnknown() {
    return this.extraction !== null && this.#state.error?.code === "not_found";
  }

  /** Whether it was remembered for nothing; of what was shared that is said, so it stays. */
  get isGone() {
    return this.isUnknown && !this.isShared && !this.wasHeard;
  }

  /** In a word. */
  get word() {
    if (this.isUnknown) return "gone";
    return this.isStopping && !this.isOver ? "stopping" : wordFor(this.#state.status);
  }

  /** Its name at the gateway, once there is one. */
  get extraction() {
    return this.#watch.extraction;
  }

  /** A new attempt has nothing to show yet: the value is that of the one before. */
  get isStale() {
    return this.#state.reset !== null && !this.hasBegun && !this.isOver;
  }

  get value() {
    return this.isStale ? this.#stale : this.#state.value;
  }

  get elapsed_ms() {
    return this.total_ms ?? Date.now() - this.#started_at;
  }

  /** How long to wait before another try can help. */
  get retry_in_ms() {
    const { retry_after_ms = 0 } = this.#state.error ?? {};
    return Math.max(0, retry_after_ms + this.#started_at + this.elapsed_ms - Date.now());
  }

  /** What to go on with after the page is loaded anew; null: nothing. @returns {LaneRecord | null} */
  get record() {
    const { number, order, encoding, first_value_ms, total_ms, extraction, isUnknown } = this;
    const times = { started_at: this.#started_at, first_value_ms, total_ms, isUnknown };
    const start = { number, order, encoding, interval_ms: this.#interval_ms };
    return extraction === null ? null : { ...start, ...times, ...this.meters.counted, extraction };
  }

  /** What somebody else's run turned out to be. @param {Pick<import("./form.js").Order, "title" | "shape">} told */
  learn({ title, shape }, started_at = this.#started_at) {
    this.order = { ...this.order, title, shape };
    this.#started_at = Math.min(started_at, this.#started_at);
    this.#onChange();
  }

  /** Go on in another encoding: a new watch on the same extraction, the old one is dropped. @param {Encoding} encoding */
  switchTo(encoding) {
    if (encoding === this.encoding) return;
    this.encoding = encoding;
    const before = this.#watch;
    const { extraction } = before;
    if (extraction === null || this.#state.error?.code === "disconnected") return;
    this.#watch = this.#watchAgain(extraction);
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
    this.#watch.close();
    this.meters.close();
  }

  /** @param {string} extraction */
  #watchAgain(extraction) {
    const { encoding } = this;
    return this.#session.watch({ extraction, encoding, interval_ms: this.#interval_ms, progress: true });
  }

  /** @param {Watch} watch */
  #follow(watch) {
    const asked = this.encoding;
    watch.observe((frame, bytes) => {
      this.#keep(frame, bytes);
      if (watch === this.#watch) this.#hear(frame);
      if (watch.extraction && hasBegun(frame)) this.#begin(watch.extraction, asked);
    });
    watch.subscribe((state) => {
      if (watch !== this.#watch) return;
      if (state.rev !== null || state.error || this.#state.rev === null || state.reset) this.#state = state;
      this.#notice();
      this.#onChange();
    });
  }

  /** What a frame says besides the value. @param {WatchFrame & {progress?: import("./progress.js").Told}} frame */
  #hear(frame) {
    const { type, progress } = frame;
    if ((type === "snapshot" || type === "reset") && frame.epoch !== this.progress.epoch)
      this.progress = new Progress(frame.epoch);
    if (progress) this.progress.take(progress, type === "snapshot");
  }

  /** When the first leaf came, and when the end. */
  #notice() {
    const { rev, value, reset, ending } = this.#state;
    if (rev === 0) this.#skeleton = value;
    if (rev === null && reset && this.hasBegun) {
      this.hasBegun = false;
      this.#stale = value;
    }
    if (rev !== null) this.hasBegun ||= isWritten(value, this.#skeleton);
    if (this.hasBegun && !this.isShared) this.first_value_ms ??= this.elapsed_ms;
    if (!this.isOver) return;
    if (this.isShared) this.first_value_ms ??= ending?.timing?.first_delta_ms ?? null;
    this.total_ms ??= (this.#past && ending?.timing?.total_ms) ?? this.elapsed_ms;
  }

  /**
   * @param {string} extraction
   * @param {Encoding} asked
   */
  #begin(extraction, asked) {
    if (this.meters.haveBegun || (this.#past && this.total_ms !== null)) return;
    this.meters.begin(this.#session, extraction, this.#interval_ms, () => this.isOver);
    const wanted = this.encoding;
    if (wanted !== asked) {
      this.encoding = asked;
      queueMicrotask(() => this.switchTo(wanted));
    }
  }

  /**
   * @param {WatchFrame} frame
   * @param {number} bytes
   */
  #keep(frame, bytes) {
    this.frames.push({
      count: ++this.frameCount,
      type: frame.type,
      rev: "rev" in frame ? frame.rev : null,
      bytes,
      text: textOf(frame, bytes),
      short: shortOf(frame, bytes),
    });
    if (this.frames.length > KEPT_FRAMES) this.frames.shift();
  }
}
