/**
 * One watch as its user sees it: the newest state, the values in turn, the result; and as the session drives it:
 * ask, take frames, ask again after a gap or a new connection (PROTOCOL.md §3–§5).
 */

import { digest } from "./bytes.js";
import { GatewayError } from "./errors.js";
import { Replica } from "./replica.js";
import { jsonSchemaOf } from "./schema.js";
import { Store, tell } from "./store.js";

/** So many times in a row a server may answer a gap with another one. */
const MAX_REWATCHES = 5;
const USUAL_MS = 40;
const SLOWEST_MS = 1000;

/**
 * @typedef {import("./protocol.js").Json} Json
 * @typedef {import("./protocol.js").WatchFrame} WatchFrame
 * @typedef {import("./protocol.js").ClientMessage} ClientMessage
 * @typedef {Omit<import("./protocol.js").ExtractionRequest, "schema"> & import("./protocol.js").WatchOptions
 *   & {schema?: Json | import("./schema.js").StandardSchema}} ExtractOptions
 * @typedef {{extraction: string, from?: "start" | "now"} & import("./protocol.js").WatchOptions} WatchingOptions
 * @typedef {import("./replica.js").ReplicaState} ReplicaState
 *
 * @typedef {object} Line what a watch needs of its session
 * @property {(message: ClientMessage) => boolean} send false: not connected
 * @property {(id: string) => boolean} [withdraw] an `extract` that waits its turn; false: there is none
 * @property {number} [least_ms] no watch wants to hear more often
 */

/**
 * @template V
 * @typedef {Omit<ReplicaState, "value"> & {value: V}} WatchState null: no value of the extraction yet
 */

/**
 * @template [T=any] what its result is
 * @template [V=any] what its values in turn are
 */
export class Watch {
  /** The name of the extraction, once the server has given one. @type {string | null} */
  extraction;
  #line;
  #replica;
  #store;
  /** @type {ExtractOptions & Partial<WatchingOptions>} */
  #request;
  #asked = false;
  #rewatches = 0;
  #isCancelling = false;
  #isOver = false;
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
    this.extraction = this.#request.extraction ?? null;
    this.#replica = new Replica(request.encoding);
    this.#store = new Store(this.#replica.state);
    /**
     * The newest state; the same object until something changes.
     *
     * @type {() => WatchState<V | null>}
     */
    this.getSnapshot = /** @type {() => any} */ (this.#store.getSnapshot);
    /**
     * Hear of every change of state; what it returns stops that.
     *
     * @type {(listener: (state: WatchState<V | null>, before: WatchState<V | null>) => void) => () => void}
     */
    this.subscribe = /** @type {any} */ (this.#store.subscribe);
    /**
     * The validated value, of `text` the whole text; rejects with a {@link GatewayError} on any other ending.
     *
     * @type {Promise<T>}
     */
    this.result = new Promise((resolve, reject) => {
      this.subscribe(({ error, ending }) => {
        if (error) reject(error);
        else if (ending) resolve(/** @type {any} */ (this.#replica.whole));
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

  /**
   * The values in turn; a slow loop sees fewer. Ends like `result` does.
   *
   * @returns {AsyncGenerator<V, void, void>}
   */
  [Symbol.asyncIterator]() {
    let value = this.#replica.blank;
    /** @type {number | null} */
    let rev = null;
    return this.#store.each((state) => {
      if (state.value === value && (state.rev === null || state.rev === rev)) return [];
      ({ value, rev } = state);
      return [/** @type {any} */ (value)];
    });
  }

  /** End the extraction, for everybody who watches it. */
  cancel() {
    if (this.#isOver) return;
    if (!this.#asked || this.#line.withdraw?.(this.id)) {
      return this.fail(new GatewayError("cancelled", "the extraction was cancelled"));
    }
    this.#isCancelling = true;
    this.#sayCancel();
  }

  /** Stop looking; the extraction goes on. */
  close() {
    if (this.#isOver) return;
    if (this.#asked && !this.#line.withdraw?.(this.id)) this.#line.send({ type: "unwatch", id: this.id });
    const { value } = this.getSnapshot();
    this.fail(new GatewayError("closed", "the watch was closed", { value: /** @type {any} */ (value) }));
  }

  /** Ask the server: at first, after a gap, on a new connection. */
  ask() {
    if (this.#isOver || this.#replica.state.ending) return;
    this.#replica.isStopped = true;
    const { id, extraction } = this;
    const { encoding, progress, reasoning, skeleton, paths } = this.#request;
    const interval_ms = this.#pace_ms;
    const options = { encoding, interval_ms, progress, reasoning, skeleton, paths };
    const isNew = this.#replica.state.epoch === null && this.#request.from === "now";
    /** @type {ClientMessage} */
    let message;
    try {
      message = extraction
        ? { type: "watch", id, extraction, from: isNew ? "now" : this.#replica.position, ...options }
        : { type: "extract", id, ...this.#request, interval_ms, schema: jsonSchemaOf(this.#request.schema) };
    } catch (error) {
      return this.fail(new GatewayError("schema_invalid", `schema: ${/** @type {Error} */ (error).message}`));
    }
    this.#asked = this.#line.send(message) || this.#asked;
  }

  /**
   * @param {WatchFrame} frame
   * @param {number} bytes
   */
  receive(frame, bytes) {
    const verdict = this.#replica.receive(frame);
    if ("extraction" in frame) {
      this.extraction = frame.extraction;
      this.#sayCancel();
    }
    tell(this.#observers, frame, bytes);
    if (verdict === "rewatch") {
      if (++this.#rewatches > MAX_REWATCHES) {
        this.fail(new GatewayError("internal", "the updates do not fit together"));
      }
      return this.ask();
    }
    if (verdict === "ignored") return;
    if (frame.type !== "watching") this.#rewatches = 0;
    if (frame.type === "completed" && frame.digest && this.#replica.blank !== "") void this.#check(frame.digest);
    else this.#tell(this.#replica.state);
  }

  /** Whether what was asked last has its answer: an error of the server's does not end this watch any more. */
  get isAnswered() {
    return !this.#replica.isStopped;
  }

  /** End this watch from our side. @param {GatewayError} error */
  fail(error) {
    const { code } = error;
    if (this.#replica.state.ending && code !== "closed") this.#doubt = error;
    else this.#tell({ status: code === "cancelled" ? code : "failed", error });
  }

  /**
   * Hear more or less often from now on; a hidden page hears once a second anyway.
   *
   * @param {number} [interval_ms] 0…1000
   */
  adjust(interval_ms = this.#request.interval_ms) {
    this.#request.interval_ms = interval_ms;
    if (this.#isOver || !this.#asked) return;
    this.#line.send({ type: "adjust", id: this.id, interval_ms: this.#pace_ms ?? USUAL_MS });
  }

  /** Be satisfied with half as many updates. */
  slowDown() {
    const { interval_ms = USUAL_MS } = this.#request;
    this.#request.interval_ms = Math.min(SLOWEST_MS, 2 * Math.max(USUAL_MS, interval_ms));
  }

  get #pace_ms() {
    const { least_ms } = this.#line;
    const { interval_ms } = this.#request;
    return least_ms ? Math.max(least_ms, interval_ms ?? 0) : interval_ms;
  }

  /** Say that it is to be ended, once the server knows this watch. */
  #sayCancel() {
    if (this.#isCancelling && this.isAnswered) this.#line.send({ type: "cancel", id: this.id });
  }

  /**
   * Let the ending count once the value has its digest. Meanwhile the line may go and come, or this may be closed.
   *
   * @param {string} claim
   */
  async #check(claim) {
    const { state, whole } = this.#replica;
    const own = await digest(whole).catch(() => null);
    if (own === null || own === claim) this.#tell({ ...state, checked: own !== null });
    else {
      this.#replica = new Replica(this.#request.encoding, state.value);
      if (this.#doubt) this.fail(this.#doubt);
      this.#doubt = new GatewayError("internal", "the digest does not fit the value");
      this.ask();
    }
  }

  /** @param {Partial<ReplicaState>} change */
  #tell(change) {
    if (this.#isOver) return;
    this.#isOver = Boolean(change.ending ?? change.error);
    this.#store.become(change);
  }
}
