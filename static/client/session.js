/** One session: many watches on one connection that comes back (PROTOCOL.md §2–§5). */

import { Connection } from "./connection.js";
import { GatewayError } from "./errors.js";
import { randomKey } from "./text.js";
import { Watch } from "./watch.js";

/**
 * @typedef {import("./connection.js").ConnectionState} ConnectionState
 * @typedef {import("./watch.js").ExtractOptions} ExtractOptions
 * @typedef {import("./watch.js").WatchingOptions} WatchingOptions
 */

export class Session {
  /** Errors that belong to no watch, the newest one. @type {GatewayError | null} */
  error = null;
  #connection;
  /** @type {Map<string, Watch>} */
  #watches = new Map();
  #names = 0;
  #isOpen = false;
  #line = {
    /** @param {import("./protocol.js").ClientMessage} message */
    send: (message) => this.#connection.send(message),
    /** @param {Watch} watch */
    forget: (watch) => void this.#watches.delete(watch.id),
  };

  /**
   * @param {string | URL} url
   * @param {import("./connection.js").ConnectionOptions} options
   */
  constructor(url, options) {
    this.#connection = new Connection(url, options, {
      onMessage: (message, bytes) => this.#route(message, bytes),
      onSlow: () => this.#watches.forEach((watch) => watch.slowDown()),
    });
    /** The connection's newest state; the same object until something changes. */
    this.getSnapshot = this.#connection.store.getSnapshot;
    /** Hear of every change of the connection; what it returns stops that. */
    this.subscribe = this.#connection.store.subscribe;
    this.subscribe((state) => this.#changed(state));
    this.#connection.open();
  }

  /**
   * Start an extraction and watch it.
   *
   * @param {ExtractOptions} request
   */
  extract(request) {
    return this.#open({ key: randomKey(), ...request });
  }

  /**
   * Watch an extraction that exists.
   *
   * @param {WatchingOptions} request
   */
  watch(request) {
    return this.#open(request);
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

  /** @param {ExtractOptions | WatchingOptions} request */
  #open(request) {
    const watch = new Watch(`w${++this.#names}`, request, this.#line);
    const { status, error } = this.getSnapshot();
    this.#watches.set(watch.id, watch);
    if (error) watch.fail(error);
    else if (status === "open") watch.ask();
    return watch;
  }

  /** @param {ConnectionState} state */
  #changed({ status, error }) {
    const opens = status === "open" && !this.#isOpen;
    this.#isOpen = status === "open";
    for (const watch of [...this.#watches.values()]) {
      if (error) watch.fail(error);
      else if (opens) watch.ask();
    }
  }

  /**
   * @param {import("./protocol.js").ServerMessage} message
   * @param {number} bytes
   */
  #route(message, bytes) {
    const watch = this.#watches.get(/** @type {{id?: string}} */ (message).id ?? "");
    if (message.type === "error") {
      const { code, message: words, ...details } = message;
      const error = new GatewayError(code, words, details);
      if (watch) watch.refuse(error);
      else this.error = error;
    } else watch?.receive(/** @type {import("./protocol.js").WatchFrame} */ (message), bytes);
  }
}

/**
 * Connect to a gateway. It returns at once: what is asked for is sent when the connection is there, and again where
 * it left off when it comes back.
 *
 * @param {string | URL} url ws: or wss:, for example `new URL("v1/ws", document.baseURI)` with its protocol changed
 * @param {import("./connection.js").ConnectionOptions} [options]
 */
export function connect(url, options = {}) {
  return new Session(url, options);
}
