/**
 * One watch as its user sees it: the newest state, the values in turn, the result; and as the session drives it:
 * ask, take frames, ask again after a gap or a new connection (PROTOCOL.md §3–§5).
 */

import { digest } from "./digest.js";
import { GatewayError } from "./errors.js";
import { Replica } from "./replica.js";
import { Store } from "./store.js";

/** So many times in a row a server may answer a gap with another one. */
const MAX_REWATCHES = 5;
const USUAL_MS = 40;
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
  #store;
  /** @type {ExtractOptions} */
  #request;
  #asked = false;
  #rewatches = 0;
  #isCancelling = false;
  /** What a digest that differs means; null: to ask once more. @type {GatewayError | null} */
  #doubt = null;
  /** @type {Set<(frame: WatchFrame, bytes: number) => void>} */
  #observers = new Set();

  /**
   * @param {string} id
   * @param {ExtractOptions | WatchingOptions} request
   * @param {Line} line
   */
  constructor(id, request, line) {
    this.id = id;
    this.#line = line;
    this.#request = { ...request };
    this.extraction = "extraction" in request ? request.extraction : null;
    this.#replica = new Replica(request.encoding);
    this.#store = new Store(this.#replica.state);
    /** The newest state; the same object until something changes. */
    this.getSnapshot = this.#store.getSnapshot;
    /** Hear of every change of state; what it returns stops that. */
    this.subscribe = this.#store.subscribe;
    /** The validated value, of `text` the whole text; rejects with a {@link GatewayError} on any other ending. @type {Promise<Json>} */
    this.result = new Promise((resolve, reject) => {
      this.subscribe(({ error, ending }) => {
        if (error) reject(error);
        else if (ending) resolve(this.#replica.whole);
      });
    });
    this.result.catch(() => {});
  }

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
      const state = this.getSnapshot();
      if (state.value !== value || (state.rev !== null && state.rev !== rev)) {
        ({ value, rev } = state);
        yield value;
      } else if (state.error?.code === "closed") return;
      else if (state.error) throw state.error;
      else if (state.ending) return;
      else await this.#store.changed();
    }
  }

  /** End the extraction, for everybody who watches it. */
  cancel() {
    if (this.#isOver) return;
    if (!this.#asked) return this.fail(new GatewayError("cancelled", "Cancelled before it was started."));
    this.#isCancelling = true;
    if (!this.#replica.isStopped) this.#line.send({ type: "cancel", id: this.id });
  }

  /** Stop looking; the extraction goes on. */
  close() {
    if (this.#isOver) return;
    if (this.#asked) this.#line.send({ type: "unwatch", id: this.id });
    const { value } = this.getSnapshot();
    this.fail(new GatewayError("closed", "Nobody looks at this any more.", { value }));
  }

  /** Ask the server: at first, after a gap, on a new connection. */
  ask() {
    if (this.#isOver || this.#replica.state.ending) return;
    this.#replica.isStopped = true;
    const { id, extraction } = this;
    const { encoding, interval_ms, progress, reasoning, skeleton, paths } = this.#request;
    const options = { encoding, interval_ms, progress, reasoning, skeleton, paths };
    /** @type {ClientMessage} */
    const message = extraction
      ? { type: "watch", id, extraction, from: this.#replica.position, ...options }
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
    const verdict = this.#replica.receive(frame);
    if (frame.type === "started" || frame.type === "watching") this.#accept(frame.extraction);
    for (const observer of this.#observers) observer(frame, bytes);
    if (verdict === "rewatch") this.#rewatch();
    else if (verdict === "applied" && frame.type !== "watching") this.#rewatches = 0;
    const claim = verdict === "ended" && frame.type === "completed" && this.#replica.blank !== "" && frame.digest;
    if (claim) void this.#check(claim);
    else this.#tell(this.#replica.state);
  }

  /**
   * The server refused something about this watch.
   *
   * @param {GatewayError} error
   */
  refuse(error) {
    if (this.#replica.isStopped) this.fail(error);
  }

  /** End this watch from our side. @param {GatewayError} error */
  fail(error) {
    const { code } = error;
    if (this.#replica.state.ending && code !== "closed") this.#doubt = error;
    else {
      const status = code === "cancelled" ? code : "failed";
      this.#tell(Object.freeze({ ...this.getSnapshot(), status, error }));
    }
  }

  /** Be satisfied with half as many updates. */
  slowDown() {
    const { interval_ms = USUAL_MS } = this.#request;
    this.#request.interval_ms = Math.min(SLOWEST_MS, 2 * Math.max(USUAL_MS, interval_ms));
  }

  get #isOver() {
    const { ending, error } = this.getSnapshot();
    return ending !== null || error !== null;
  }

  /** @param {string} extraction */
  #accept(extraction) {
    this.extraction = extraction;
    if (this.#isCancelling) this.#line.send({ type: "cancel", id: this.id });
  }

  #rewatch() {
    this.#rewatches += 1;
    if (this.#rewatches <= MAX_REWATCHES) this.ask();
    else this.fail(new GatewayError("internal", "The server's updates do not fit together."));
  }

  /**
   * Let the ending count once the value has its digest. Meanwhile the line may go and come, or this may be closed.
   *
   * @param {string} claim
   */
  async #check(claim) {
    const { state, whole } = this.#replica;
    const own = await digest(whole).catch(() => null);
    if (own === null || own === claim) this.#tell(Object.freeze({ ...state, checked: own !== null }));
    else {
      this.#replica = new Replica(this.#request.encoding, state.value);
      if (this.#doubt) return this.fail(this.#doubt);
      this.#doubt = new GatewayError("internal", "The value does not have the digest that the server names.");
      this.ask();
    }
  }

  /** @param {ReplicaState} state */
  #tell(state) {
    if (this.#isOver || state === this.getSnapshot()) return;
    if (state.ending || state.error) this.#line.forget(this);
    this.#store.tell(state);
  }
}
