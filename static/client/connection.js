/**
 * One connection that comes back: WebSocket, hello and welcome, the silence limit, and the way back after a close
 * (PROTOCOL.md §2, §7, §8). What the messages mean is not known here.
 */

import { GatewayError } from "./errors.js";
import { CLIENT, SILENCE_MS, SUBPROTOCOL } from "./protocol.js";
import { backoff, reaction } from "./reconnect.js";
import { Store } from "./store.js";
import { utf8 } from "./text.js";

/** After this long without a break the next one counts as the first (PROTOCOL.md §8). */
const SETTLED_MS = 30_000;

/**
 * @typedef {import("./protocol.js").Welcome} Welcome
 * @typedef {import("./protocol.js").ServerMessage} ServerMessage
 *
 * @typedef {object} Timers
 * @property {(callback: () => void, delay_ms: number) => unknown} set
 * @property {(handle: any) => void} clear
 *
 * @typedef {string | undefined} Token
 *
 * @typedef {object} ConnectionOptions
 * @property {string | (() => Token | Promise<Token>)} [token] a function is asked anew for every connection, which
 *   waits for its answer; undefined: none
 * @property {string} [client] free text for the server's log
 * @property {typeof globalThis.WebSocket} [WebSocket]
 * @property {Timers} [timers]
 * @property {() => number} [random]
 *
 * @typedef {object} ConnectionState
 * @property {"connecting" | "open" | "waiting" | "closed"} status waiting: for the next try
 * @property {Welcome | null} welcome the newest one, with the provider as it is now
 * @property {number} delay_ms how long this wait is
 * @property {number | null} code of the newest close
 * @property {GatewayError | null} error why it is closed for good
 *
 * @typedef {object} ConnectionEvents
 * @property {(message: ServerMessage, bytes: number) => void} onMessage
 * @property {() => void} onSlow the server found us too slow
 */

/** @type {Timers} */
const REAL_TIMERS = {
  set: (callback, delay_ms) => setTimeout(callback, delay_ms),
  clear: (handle) => clearTimeout(handle),
};

/** @type {ConnectionState} */
const INITIAL = { status: "connecting", welcome: null, delay_ms: 0, code: null, error: null };

export class Connection {
  store = new Store(INITIAL);
  #url;
  #options;
  #events;
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {Map<string, unknown>} */
  #timers = new Map();
  #attempt = 0;
  #retry_after_ms = 0;
  #refreshed = false;

  /**
   * @param {string | URL} url
   * @param {ConnectionOptions} options
   * @param {ConnectionEvents} events
   */
  constructor(url, options, events) {
    this.#url = url;
    this.#options = { client: CLIENT, timers: REAL_TIMERS, random: Math.random, WebSocket: globalThis.WebSocket, ...options };
    this.#events = events;
  }

  get state() {
    return this.store.state;
  }

  /** Start, or try again now instead of after the wait. */
  open() {
    if (this.#socket || this.state.status === "closed") return;
    this.#stopTimers();
    this.#become({ status: "connecting", delay_ms: 0 });
    const { token } = this.#options;
    if (typeof token !== "function") return this.#dial(token);
    Promise.resolve()
      .then(token)
      .then(
        (fresh) => this.#dial(fresh),
        () => this.#lost(4401),
      );
  }

  /** @param {import("./protocol.js").ClientMessage} message */
  send(message) {
    if (this.state.status !== "open") return false;
    this.#write(message);
    return true;
  }

  /** Drop the socket as a bad line would; the way back is the usual one. */
  interrupt() {
    if (this.#socket) this.#drop(1006);
  }

  /** The end, from this side. */
  close() {
    this.#hangUp(1000);
    this.#finish(1000, new GatewayError("closed", "The session was closed."));
  }

  /** @param {string | undefined} token */
  #dial(token) {
    if (this.#socket || this.state.status !== "connecting") return;
    const { WebSocket, client } = this.#options;
    const socket = new WebSocket(this.#url, [SUBPROTOCOL]);
    this.#socket = socket;
    socket.onopen = () => this.#write({ type: "hello", token, client });
    socket.onmessage = (event) => this.#receive(event.data);
    socket.onclose = (event) => this.#drop(event.code);
    this.#listen();
  }

  /** @param {any} text */
  #receive(text) {
    this.#listen();
    const message = parse(text);
    if (message.type === "welcome") this.#welcomed(message);
    else if (message.type === "provider") this.#provided(message);
    else {
      // A goaway, or an error about the connection itself.
      if (!message.id) this.#retry_after_ms = message.retry_after_ms ?? this.#retry_after_ms;
      this.#events.onMessage(message, utf8(text).length);
    }
  }

  /** @param {Welcome} welcome */
  #welcomed(welcome) {
    this.#retry_after_ms = 0;
    this.#refreshed = false;
    this.#after("settled", SETTLED_MS, () => {
      this.#attempt = 0;
    });
    this.#become({ status: "open", welcome, code: null, delay_ms: 0 });
  }

  /** @param {import("./protocol.js").ProviderMessage} message */
  #provided({ type: _, ...provider }) {
    const { welcome, status } = this.state;
    if (welcome && status === "open") this.#become({ welcome: { ...welcome, provider } });
  }

  /** Begin the silence limit anew. */
  #listen() {
    this.#after("silence", SILENCE_MS, () => this.interrupt());
  }

  /** @param {import("./protocol.js").ClientMessage} message */
  #write(message) {
    this.#socket?.send(JSON.stringify(message));
  }

  /** @param {number} code */
  #drop(code) {
    this.#hangUp();
    this.#lost(code);
  }

  /** @param {number} code */
  #lost(code) {
    this.#stopTimers();
    const what = reaction(code);
    const renewable = typeof this.#options.token === "function";
    if (what === "stop" || (what === "refresh" && (this.#refreshed || !renewable))) {
      return this.#finish(
        code,
        new GatewayError("disconnected", `The server closed the connection (${code}).`),
      );
    }
    if (what === "refresh") this.#refreshed = true;
    if (what === "slower") this.#events.onSlow();
    const delay_ms = backoff(this.#attempt, this.#retry_after_ms, this.#options.random());
    this.#attempt += 1;
    this.#after("retry", delay_ms, () => this.open());
    this.#become({ status: "waiting", delay_ms, code });
  }

  /**
   * @param {number} code
   * @param {GatewayError} error
   */
  #finish(code, error) {
    if (this.state.status === "closed") return;
    this.#stopTimers();
    this.#become({ status: "closed", delay_ms: 0, code, error });
  }

  /** @param {number} [code] */
  #hangUp(code) {
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(code);
  }

  /**
   * @param {string} name one timer per name
   * @param {number} delay_ms
   * @param {() => void} callback
   */
  #after(name, delay_ms, callback) {
    const { timers } = this.#options;
    timers.clear(this.#timers.get(name));
    this.#timers.set(name, timers.set(callback, delay_ms));
  }

  #stopTimers() {
    for (const handle of this.#timers.values()) this.#options.timers.clear(handle);
    this.#timers.clear();
  }

  /** @param {Partial<ConnectionState>} change */
  #become(change) {
    this.store.tell(Object.freeze({ ...this.state, ...change }));
  }
}

/** What is no message is one of no type, which everybody ignores. @param {string} text */
function parse(text) {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}
