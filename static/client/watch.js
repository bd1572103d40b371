/**
 * One watch as its user sees it: the newest state, the values in turn, the result; and as the session drives it:
 * ask, take frames, ask again after a gap or a new connection (PROTOCOL.md §3–§5).
 */

import { GatewayError } from "./errors.js";
import { Replica } from "./replica.js";

/** So many times in a row a server may answer a gap with another one. */
const MAX_REWATCHES = 5;
const SLOWEST_MS = 1000;

/**
 * @typedef {import("./protocol.js").Json} Json
 * @typedef {import("./protocol.js").WatchFrame} WatchFrame
 * @typedef {import("./protocol.js").ClientMessage} ClientMessage
 * @typedef {import("./protocol.js").ExtractionRequest & import("./protocol.js").WatchOptions} ExtractOptions
 * @typedef {import("./protocol.js").WatchRequest & import("./protocol.js").WatchOptions} WatchingOptions
 * @typedef {import("./replica.js").ReplicaState} ReplicaState
 *
 * @typedef {object} Line what a watch needs of its session
 * @property {(message: ClientMessage) => boolean} send false: not connected
 * @property {(watch: Watch) => void} forget
 */

export class Watch {
  /** The name of the extraction, once the server has given one. @type {string | null} */
  extraction;
  /** What came for this watch so far. */
  bytes = 0;
  frames = 0;
  #line;
  #replica;
  /** @type {ExtractOptions} */
  #request;
  #options;
  #asked = false;
  #answered = false;
  #rewatches = 0;
  #isCancelling = false;
  /** @type {Set<(state: ReplicaState) => void>} */
  #listeners = new Set();
  /** @type {Set<(frame: WatchFrame, bytes: number) => void>} */
  #observers = new Set();
  /** @type {(value: Json) => void} */
  #resolve = () => {};
  /** @type {(error: GatewayError) => void} */
  #reject = () => {};

  /**
   * @param {string} id
   * @param {ExtractOptions | WatchingOptions} request
   * @param {Line} line
   */
  constructor(id, request, line) {
    this.id = id;
    this.#line = line;
    const { encoding, interval_ms, progress, reasoning, skeleton, paths } = request;
    this.#options = { encoding, interval_ms, progress, reasoning, skeleton, paths };
    this.#replica = new Replica(encoding);
    this.extraction = "extraction" in request ? request.extraction : null;
    this.#request = { ...request };
    /** The validated value, of `text` the whole text; rejects with a {@link GatewayError} on any other ending. @type {Promise<Json>} */
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.result.catch(() => {});
  }

  /** The newest state; the same object until something changes. */
  getSnapshot = () => this.#replica.state;

  /**
   * Hear of every change of state.
   *
   * @param {(state: ReplicaState) => void} listener
   * @returns {() => void} stops it
   */
  subscribe = (listener) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /**
   * See every frame of this watch as it came.
   *
   * @param {(frame: WatchFrame, bytes: number) => void} observer
   * @returns {() => void} stops it
   */
  observe(observer) {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  /** The values in turn; a slow loop sees fewer. Ends like `result` does. */
  async *[Symbol.asyncIterator]() {
    let value = this.#replica.blank;
    let rev = null;
    for (;;) {
      const state = this.#replica.state;
      if (state.value !== value || (state.rev !== null && state.rev !== rev)) {
        ({ value, rev } = state);
        yield value;
      } else if (state.error?.code === "closed") return;
      else if (state.error) throw state.error;
      else if (state.ending) return;
      else await this.#changed();
    }
  }

  /** End the extraction, for everybody who watches it. */
  cancel() {
    if (this.#replica.ended) return;
    if (!this.#asked) return this.fail(new GatewayError("cancelled", "Cancelled before it was started."));
    this.#isCancelling = true;
    if (this.#answered) this.#line.send({ type: "cancel", id: this.id });
  }

  /** Stop looking; the extraction goes on. */
  close() {
    if (this.#replica.ended) return;
    if (this.#asked) this.#line.send({ type: "unwatch", id: this.id });
    this.fail(
      new GatewayError("closed", "Nobody looks at this any more.", { value: this.#replica.state.value }),
    );
  }

  /** Ask the server: at first, after a gap, on a new connection. */
  ask() {
    this.#answered = false;
    this.#replica.stop();
    const { id, extraction } = this;
    /** @type {ClientMessage} */
    const message = extraction
      ? { type: "watch", id, extraction, from: this.#replica.position, ...this.#options }
      : { type: "extract", id, ...this.#request };
    this.#asked = this.#line.send(message) || this.#asked;
  }

  /**
   * @param {WatchFrame} frame
   * @param {number} bytes
   */
  receive(frame, bytes) {
    this.bytes += bytes;
    this.frames += 1;
    if (frame.type === "started" || frame.type === "watching") this.#accept(frame.extraction);
    const before = this.#replica.state;
    const verdict = this.#replica.receive(frame);
    for (const observer of this.#observers) observer(frame, bytes);
    if (verdict === "rewatch") this.#rewatch();
    else if (verdict === "applied" && frame.type !== "watching") this.#rewatches = 0;
    if (this.#replica.state !== before) this.#tell();
  }

  /**
   * The server refused something about this watch.
   *
   * @param {GatewayError} error
   */
  refuse(error) {
    if (!this.#answered) this.fail(error);
  }

  /** @param {GatewayError} error */
  fail(error) {
    if (this.#replica.ended) return;
    this.#replica.fail(error);
    this.#tell();
  }

  /** Be satisfied with half as many updates. */
  slowDown() {
    const interval_ms = Math.min(SLOWEST_MS, 2 * Math.max(40, this.#options.interval_ms ?? 40));
    this.#options.interval_ms = this.#request.interval_ms = interval_ms;
  }

  /** @param {string} extraction */
  #accept(extraction) {
    this.extraction = extraction;
    this.#answered = true;
    if (this.#isCancelling) this.#line.send({ type: "cancel", id: this.id });
  }

  #rewatch() {
    this.#rewatches += 1;
    if (this.#rewatches <= MAX_REWATCHES) this.ask();
    else this.fail(new GatewayError("internal", "The server's updates do not fit together."));
  }

  #tell() {
    const { state, ended } = this.#replica;
    if (ended) this.#settle(state);
    for (const listener of [...this.#listeners]) listener(state);
  }

  /** @param {ReplicaState} state */
  #settle(state) {
    this.#line.forget(this);
    if (state.error) this.#reject(state.error);
    else this.#resolve(this.#options.encoding === "items" ? state.snapshot : state.value);
  }

  #changed() {
    return new Promise((resolve) => {
      const stop = this.subscribe((state) => {
        stop();
        resolve(state);
      });
    });
  }
}
