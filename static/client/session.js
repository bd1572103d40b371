/** One session: many watches on one connection that comes back (PROTOCOL.md §2–§5). */

import { randomKey } from "./bytes.js";
import { Connection } from "./connection.js";
import { errorOf } from "./errors.js";
import { Follow } from "./follow.js";
import { TOO_SLOW } from "./reconnect.js";
import { surroundings } from "./surroundings.js";
import { Watch } from "./watch.js";

/**
 * @typedef {import("./connection.js").ConnectionState} ConnectionState
 * @typedef {import("./protocol.js").Welcome} Welcome
 * @typedef {import("./watch.js").ExtractOptions} ExtractOptions
 * @typedef {import("./watch.js").WatchingOptions} WatchingOptions
 * @typedef {import("./errors.js").GatewayError} GatewayError
 *
 * @typedef {object} Live what a watch and a follow have in common, and what only a watch has
 * @property {() => void} ask
 * @property {(error: GatewayError) => void} fail
 * @property {(message: any, bytes: number) => void} receive
 * @property {boolean} [isAnswered]
 * @property {() => void} [slowDown]
 * @property {() => void} [adjust]
 */

/**
 * @template R, T
 * @typedef {import("./schema.js").ResultOf<R, T>} ResultOf
 */

/**
 * @template R, T
 * @typedef {import("./schema.js").ValueOf<R, T>} ValueOf
 */

/** Nobody sees a hidden page: its watches hear so often (PROTOCOL.md §3, `adjust`). */
const HIDDEN_MS = 1000;

export class Session {
  /** Errors that end no watch, the newest one. @type {GatewayError | null} */
  error = null;
  #connection;
  /** Watches and follows that have not ended. @type {Map<string, Live>} */
  #live = new Map();
  #names = 0;
  #leave;

  /**
   * @param {string | URL} url
   * @param {import("./connection.js").ConnectionOptions} options
   */
  constructor(url, options) {
    this.#connection = new Connection(url, options, (message, bytes) => this.#route(message, bytes));
    /** The connection's newest state; the same object until something changes. */
    this.getSnapshot = this.#connection.store.getSnapshot;
    /** Hear of every change of the connection; what it returns stops that. */
    this.subscribe = this.#connection.store.subscribe;
    this.subscribe((state, before) => this.#changed(state, before.status));
    this.#leave = surroundings(
      () => this.#connection.probe(),
      (isHidden) => this.#hide(isHidden),
    );
    this.#connection.open();
  }

  /** The server's welcome, once there is one; rejects where the connection is closed for good. */
  connected() {
    return new Promise((/** @type {(welcome: Welcome) => void} */ resolve, reject) => {
      const look = () => {
        const { status, welcome, error } = this.getSnapshot();
        if (error) reject(error);
        else if (status === "open" && welcome) resolve(welcome);
        else return;
        stop();
      };
      const stop = this.subscribe(look);
      look();
    });
  }

  /**
   * Start an extraction and watch it.
   *
   * @template [T=any] what its result is, where no schema says it
   * @template {ExtractOptions} [R=ExtractOptions]
   * @param {import("./schema.js").Only<R, ExtractOptions>} request
   * @returns {Watch<ResultOf<R, T>, ValueOf<R, T>>}
   */
  extract(request) {
    return this.#open(/** @type {typeof Watch<ResultOf<R, T>, ValueOf<R, T>>} */ (Watch), {
      ...request,
      key: request.key ?? randomKey(),
    });
  }

  /**
   * Watch an extraction that exists.
   *
   * @template [T=any] what its result is
   * @template {WatchingOptions} [R=WatchingOptions]
   * @param {import("./schema.js").Only<R, WatchingOptions>} request
   * @returns {Watch<ResultOf<R, T>, ValueOf<R, T>>}
   */
  watch(request) {
    return this.#open(/** @type {typeof Watch<ResultOf<R, T>, ValueOf<R, T>>} */ (Watch), request);
  }

  /**
   * Hear of a channel's extractions: those that have not ended, and every change from now on.
   *
   * @param {{channel: string}} request
   */
  follow(request) {
    return this.#open(Follow, request);
  }

  /** Try again now instead of after the wait. */
  reconnect() {
    this.#connection.open();
  }

  /** Drop the socket as a bad line would, and come back. */
  interrupt() {
    this.#connection.interrupt();
  }

  /** The end; watches that are open fail with `closed`. */
  close() {
    this.#connection.close();
  }

  /**
   * @template {Watch<unknown> | Follow} T, R
   * @param {new (id: string, request: R, line: Connection) => T} Kind
   * @param {R} request
   */
  #open(Kind, request) {
    const id = `w${++this.#names}`;
    const opened = new Kind(id, request, this.#connection);
    this.#live.set(id, opened);
    opened.subscribe(({ error, ending }) => {
      if (error || ending) this.#live.delete(id);
    });
    const { status, error } = this.getSnapshot();
    if (error) opened.fail(error);
    else if (status === "open") opened.ask();
    return opened;
  }

  /** @param {boolean} isHidden */
  #hide(isHidden) {
    this.#connection.least_ms = isHidden ? HIDDEN_MS : 0;
    for (const each of this.#live.values()) each.adjust?.();
  }

  /** @param {ConnectionState} state @param {string} before */
  #changed({ status, error, code }, before) {
    if (error) this.#leave();
    for (const each of [...this.#live.values()]) {
      if (error) each.fail(error);
      else if (status === "open" && before !== status) each.ask();
      else if (status === "waiting" && code === TOO_SLOW) each.slowDown?.();
    }
  }

  /**
   * @param {import("./protocol.js").ServerMessage} message
   * @param {number} bytes
   */
  #route(message, bytes) {
    const { id, nonce } = /** @type {{id?: string, nonce?: string}} */ (message);
    const meant = this.#live.get(id ?? nonce ?? "");
    if (message.type === "error") {
      const error = errorOf(message);
      if (meant && !meant.isAnswered) meant.fail(error);
      else this.error = error;
    } else meant?.receive(message, bytes);
  }
}

/**
 * Connect to a gateway. It returns at once: what is asked for is sent when the connection is there, and again where
 * it left off when it comes back.
 *
 * @param {string | URL} url of ws, or http, which is the same; relative to the page, for example `v1/ws`
 * @param {import("./connection.js").ConnectionOptions} [options]
 */
export function connect(url, options = {}) {
  return new Session(url, options);
}
