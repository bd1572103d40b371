/**
 * The receiving side of one watch: which frames it applies, which it drops, and when it has to ask again
 * (PROTOCOL.md §4). It knows no socket and no clock.
 *
 * 1. The state is replaced, never changed: the same object means that nothing happened. So it is for the parts of the
 *    value, also where a whole one comes.
 * 2. An update is applied exactly when it starts at our revision; what we have already is dropped.
 * 3. After a gap nothing is applied until the server has answered the new `watch`.
 * 4. Exactly one ending; nothing after it.
 * 5. Of text, reasoning and items, which may be repeated, what we have already changes nothing.
 */

import { errorOf } from "./errors.js";
import { apply } from "./patch.js";
import { share } from "./sharing.js";

/**
 * @typedef {import("./protocol.js").Json} Json
 * @typedef {import("./protocol.js").Position} Position
 * @typedef {import("./protocol.js").Terminal} Terminal
 *
 * @typedef {object} ReplicaState
 * @property {"waiting" | import("./protocol.js").ExtractionState} status waiting: no answer yet
 * @property {string | null} epoch
 * @property {number | null} rev null as long as there is no value of this epoch
 * @property {Json} value after a reset the old one, until the new one comes; of `text` the text so far, of `items`
 *   the items so far, a list of `Item`
 * @property {Json} snapshot of `items`, the value it ends with
 * @property {string} reasoning what the model has thought aloud so far, where it was asked for
 * @property {boolean} final the value is the validated one
 * @property {import("./protocol.js").Progress | null} progress of the newest update, where it was asked for
 * @property {import("./errors.js").GatewayError | null} error
 * @property {Terminal | null} ending
 * @property {boolean} checked the value has the digest that its ending names; false at the end too where none is to be
 *   had (a page from plain http), of `text` and with `paths`
 * @property {import("./protocol.js").Reset | null} reset the newest one
 *
 * @typedef {"applied" | "ignored" | "ended" | "rewatch"} Verdict
 */

/** @type {ReplicaState} */
const BLANK = {
  status: "waiting",
  epoch: null,
  rev: null,
  value: null,
  snapshot: null,
  reasoning: "",
  final: false,
  progress: null,
  error: null,
  ending: null,
  checked: false,
  reset: null,
};

export class Replica {
  /** @type {ReplicaState} */
  state = BLANK;
  /** Nothing is applied until the server answers. */
  isStopped = false;
  /** Where what we have of each ends, in UTF-16 code units, as `at` counts. */
  #ends = { text: 0, reasoning: 0 };
  /** Of what nothing came since the answer: the first may begin later, where the oldest is kept no longer. */
  #unheard = new Set(["text", "reasoning"]);

  /**
   * @param {import("./protocol.js").Encoding} [encoding] of the watch
   * @param {Json} [value] to show until the first one comes
   */
  constructor(encoding, value = null) {
    /** The value before anything has come; null: that of a revision. @type {Json} */
    this.blank = encoding === "text" ? "" : encoding === "items" ? [] : null;
    this.#become({ value: this.blank ?? value });
  }

  /** Where a new `watch` goes on. */
  get position() {
    const { epoch, rev } = this.state;
    return rev === null ? "start" : /** @type {Position} */ ({ epoch, rev });
  }

  /** The value of the extraction: of `items` what comes behind them. */
  get whole() {
    return Array.isArray(this.blank) ? this.state.snapshot : this.state.value;
  }

  /**
   * Take one frame of this watch and say what to do.
   *
   * @param {import("./protocol.js").WatchFrame} frame
   * @returns {Verdict}
   */
  receive(frame) {
    if (this.state.ending) return "ignored";
    if (frame.type === "started" || frame.type === "watching") return this.#answered(frame);
    if (this.isStopped) return "ignored";
    switch (frame.type) {
      case "snapshot":
      case "patch":
        return this.#update(frame);
      case "item":
        return this.#item(frame);
      case "text":
      case "reasoning":
        return this.#text(frame);
      case "reset":
        return this.#become({ ...this.#cleared(), epoch: frame.epoch, rev: null, final: false, reset: frame });
      case "completed":
      case "incomplete":
      case "failed":
      case "cancelled":
        return this.#terminal(frame);
      default:
        return "ignored";
    }
  }

  /** @param {import("./protocol.js").Started | import("./protocol.js").Watching} frame */
  #answered(frame) {
    this.isStopped = false;
    this.#unheard = new Set(["text", "reasoning"]);
    const { state: status, epoch } = frame;
    if (epoch === this.state.epoch) return this.#become({ status });
    const begun = this.blank === null ? {} : { epoch, rev: null };
    return this.#become({ ...this.#cleared(), ...begun, status });
  }

  /** Forget items, text and reasoning: those of another epoch come. @returns {Partial<ReplicaState>} */
  #cleared() {
    this.#ends = { text: 0, reasoning: 0 };
    return { reasoning: "", value: this.blank ?? this.state.value };
  }

  /** One item per key, in the order they came. @param {import("./protocol.js").ItemFrame} frame @returns {Verdict} */
  #item({ type: _, id, rev, ...item }) {
    const items = /** @type {any[]} */ (this.state.value);
    const place = items.findIndex(({ key }) => key === item.key);
    if (JSON.stringify(items[place]) === JSON.stringify(item)) return "ignored";
    return this.#grown({ value: Object.assign([...items], { [place < 0 ? items.length : place]: item }) });
  }

  /** @param {import("./protocol.js").TextFrame} frame @returns {Verdict} */
  #text({ type, at, text }) {
    if (!this.#unheard.delete(type) && at > this.#ends[type]) return this.#gap();
    const fresh = text.slice(Math.max(0, this.#ends[type] - at));
    if (!fresh) return "ignored";
    this.#ends[type] = at + text.length;
    const name = type === "text" ? "value" : type;
    return this.#grown({ [name]: this.state[name] + fresh });
  }

  /** The model has begun to write, but for revision 0. @param {Partial<ReplicaState>} change */
  #grown(change) {
    const { status } = this.state;
    const begins = change.rev !== 0 && (status === "waiting" || status === "queued");
    return this.#become({ ...change, status: begins ? "running" : status });
  }

  /**
   * After one that does not fit, the next `watch` begins with a whole value.
   *
   * @param {import("./protocol.js").Snapshot | import("./protocol.js").Patch} frame
   * @returns {Verdict}
   */
  #update(frame) {
    const { epoch, rev, value } = this.state;
    const isPatch = frame.type === "patch";
    if (isPatch ? rev === null : rev !== null && frame.epoch !== epoch) return this.#gap();
    if (rev !== null && frame.rev <= rev) return "ignored";
    if (isPatch && frame.from !== rev) return this.#gap();
    try {
      return this.#grown({
        epoch: isPatch ? epoch : frame.epoch,
        rev: frame.rev,
        final: frame.final ?? false,
        progress: frame.progress ?? null,
        [this.blank === null ? "value" : "snapshot"]: isPatch ? apply(value, frame.ops) : share(value, frame.value),
      });
    } catch {
      this.#become({ rev: null });
      return this.#gap();
    }
  }

  /** @param {Terminal} frame @returns {Verdict} */
  #terminal(frame) {
    const { epoch, rev, value } = this.state;
    const isOurs = frame.epoch === epoch && (frame.rev === rev || this.blank === "");
    if (!isOurs && (rev !== null || frame.type === "completed")) return this.#gap();
    const { type: status } = frame;
    /** @type {import("./errors.js").Failed} */
    const failure = status === "failed" ? frame.error : { code: status, message: `the extraction is ${status}` };
    this.#become({ status, ending: frame, error: status === "completed" ? null : errorOf(failure, value) });
    return "ended";
  }

  /** @returns {Verdict} */
  #gap() {
    this.isStopped = true;
    return "rewatch";
  }

  /** @param {Partial<ReplicaState>} change @returns {Verdict} */
  #become(change) {
    this.state = Object.freeze({ ...this.state, ...change });
    return "applied";
  }
}
