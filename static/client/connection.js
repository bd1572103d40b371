/**
 * One connection that comes back: WebSocket, hello and welcome, the silence limit, and the way back after a close
 * (PROTOCOL.md §2, §7, §8). What the messages mean is not known here.
 */

import { GatewayError, errorOf } from "./errors.js";
import { FINAL, UNAUTHENTICATED, backoff } from "./reconnect.js";
import { Store, report } from "./store.js";
import { utf8 } from "./bytes.js";

const SUBPROTOCOL = "extraction.v1";
const CLIENT = "js/0.1";
/** After this long without any frame the line is given up (PROTOCOL.md §7). */
const SILENCE_MS = 25_000;
/** The same where there is reason to doubt the line, and it was asked. */
const PROBE_MS = 5_000;
/** Of what the server takes: what is sent evenly does not arrive so. */
const CAUTION = 0.9;
/** After this long without a break the next one counts as the first (PROTOCOL.md §8). */
const SETTLED_MS = 30_000;

/**
 * @typedef {import("./protocol.js").Welcome} Welcome
 * @typedef {import("./protocol.js").ServerMessage} ServerMessage
 * @typedef {import("./protocol.js").ClientMessage} ClientMessage
 *
 * @typedef {object} Timers
 * @property {(callback: () => void, delay_ms: number) => unknown} set
 * @property {(handle: any) => void} clear
 *
 * @typedef {string | undefined} Secret
 * @typedef {string | (() => Secret | Promise<Secret>)} Credential a function is asked anew for every connection, which
 *   waits for its answer; undefined: none
 *
 * @typedef {object} ConnectionOptions
 * @property {Credential} [token]
 * @property {Credential} [ticket] goes before the token, where there is one; a text opens one connection
 * @property {string} [client] free text for the server's log
 * @property {new (url: string, protocols: string[]) => any} [WebSocket] where the platform has none, such as Node 20
 * @property {Timers} [timers]
 * @property {() => number} [random]
 *
 * @typedef {object} ConnectionState
 * @property {"connecting" | "open" | "waiting" | "closed"} status waiting: for the next try
 * @property {Welcome | null} welcome the newest one, with the provider as it is now
 * @property {number} delay_ms how long this wait is
 * @property {number | null} code of the newest close
 * @property {GatewayError | null} error why it is closed for good
 * @property {import("./protocol.js").Goaway | null} goaway the server is about to close this connection
 */

/** @type {ConnectionState} */
const INITIAL = { status: "connecting", welcome: null, delay_ms: 0, code: null, error: null, goaway: null };

export class Connection {
  store = new Store(INITIAL);
  /** No watch wants to hear more often. */
  least_ms = 0;
  #url;
  #options;
  #onMessage;
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {Map<string, unknown>} */
  #timers = new Map();
  /** What is to be sent as soon as the server wants to hear of it, the ends in front. @type {ClientMessage[]} */
  #waiting = [];
  /** So many messages were sent before their turn. */
  #early = 0;
  #attempt = 0;
  #retry_after_ms = 0;
  #isRefreshed = false;
  /** What the server said last of this connection. @type {import("./protocol.js").ErrorMessage | null} */
  #said = null;

  /**
   * @param {string | URL} url
   * @param {ConnectionOptions} options
   * @param {(message: ServerMessage, bytes: number) => void} onMessage
   */
  constructor(url, options, onMessage) {
    this.#url = addressOf(url);
    const { WebSocket } = globalThis;
    /** @type {Timers} */
    const timers = { set: setTimeout, clear: clearTimeout };
    this.#options = { client: CLIENT, timers, random: Math.random, WebSocket, ...options };
    if (!this.#options.WebSocket) throw new TypeError("there is no WebSocket here: give one as an option");
    this.#onMessage = onMessage;
  }

  get state() {
    return this.store.state;
  }

  /** Start, or try again now instead of after the wait. */
  open() {
    if (this.#socket || this.state.status === "closed") return;
    this.#hangUp();
    this.store.become({ status: "connecting", delay_ms: 0 });
    const { ticket, token } = this.#options;
    if (!isAsked(ticket) && !isAsked(token)) return this.#dial(ticket, token);
    const { state } = this;
    this.#credential()
      .then((credential) => this.state === state && this.#dial(...credential))
      .catch((error) => {
        report(error);
        if (this.state === state) this.#lost(1006);
      });
  }

  /** Something has changed around the line: see whether it holds, or try again now. */
  probe() {
    const { status } = this.state;
    if (status === "waiting") this.open();
    if (status !== "open") return;
    this.#write({ type: "ping" });
    this.#listen(PROBE_MS);
  }

  /**
   * Send, or have it wait its turn; what is watched again is free.
   *
   * @param {ClientMessage} message
   * @returns {boolean} false: not connected
   */
  send(message) {
    if (this.state.status !== "open") return false;
    if (message.type === "watch") this.#write(message);
    else if (message.type === "cancel") this.#waiting.unshift(message);
    else this.#waiting.push(message);
    this.#takeTurns();
    return true;
  }

  /** Take back an `extract` that was not sent yet. @param {string} id @returns {boolean} false: there is none */
  withdraw(id) {
    const at = this.#waiting.findIndex((message) => message.type === "extract" && message.id === id);
    return at >= 0 && this.#waiting.splice(at, 1).length > 0;
  }

  /** Drop the socket as a bad line would; the way back is the usual one. */
  interrupt() {
    if (this.#socket) this.#lost(1006);
  }

  /** The end, from this side. */
  close() {
    for (const message of this.#waiting) if (message.type === "cancel") this.#write(message);
    this.#lost(1000, new GatewayError("closed", "the session was closed"));
  }

  /** A ticket, else a token. @returns {Promise<[Secret, Secret]>} */
  async #credential() {
    const { ticket, token } = this.#options;
    const fresh = isAsked(ticket) ? await ticket() : ticket;
    return [fresh, fresh ? undefined : isAsked(token) ? await token() : token];
  }

  /** @param {Secret} ticket @param {Secret} token */
  #dial(ticket, token) {
    if (this.#socket || this.state.status !== "connecting") return;
    const { WebSocket, client } = this.#options;
    /** @type {WebSocket} */
    const socket = new WebSocket(this.#url, [SUBPROTOCOL]);
    this.#socket = socket;
    socket.onopen = () => {
      this.#write({ type: "hello", ...(ticket ? { ticket } : { token }), client });
      if (ticket === this.#options.ticket) this.#options.ticket = undefined;
    };
    socket.onmessage = (event) => this.#receive(event.data);
    socket.onclose = (event) => this.#lost(event.code);
    socket.onerror = () => {}; // a close follows, in which there is more; npm's `ws` throws what nobody hears
    this.#listen();
  }

  /** @param {any} text */
  #receive(text) {
    this.#listen();
    const message = parse(text);
    if (message.type === "welcome") this.#welcomed(message);
    else if (message.type === "provider") this.#provided(message);
    else {
      /** A goaway, or an error about the connection itself. */
      if (!message.id) this.#retry_after_ms = message.retry_after_ms ?? this.#retry_after_ms;
      if (message.type === "error" && !message.id) this.#said = message;
      if (message.type === "goaway") this.store.become({ goaway: message });
      else this.#onMessage(message, utf8(text).length);
    }
  }

  /** @param {Welcome} welcome */
  #welcomed(welcome) {
    this.#retry_after_ms = 0;
    this.#isRefreshed = false;
    this.#said = null;
    this.#after("settled", SETTLED_MS, () => {
      this.#attempt = 0;
    });
    this.store.become({ status: "open", welcome, code: null, delay_ms: 0, goaway: null });
  }

  /** @param {import("./protocol.js").ProviderMessage} message */
  #provided({ type: _, ...provider }) {
    const { welcome } = this.state;
    if (welcome) this.store.become({ welcome: { ...welcome, provider } });
  }

  /** Send what waits, as far as the server lets us be early (PROTOCOL.md §10). */
  #takeTurns() {
    const { messages_per_s = Infinity, messages_burst = Infinity } = this.state.welcome?.limits ?? {};
    while (this.#waiting.length > 0 && this.#early < CAUTION * messages_burst) {
      this.#write(this.#waiting.shift());
      if (this.#early++ === 0) this.#awaitTurn(1000 / (CAUTION * messages_per_s));
    }
  }

  /** @param {number} turn_ms how often there is one */
  #awaitTurn(turn_ms) {
    this.#after("turn", turn_ms, () => {
      this.#early -= 1;
      this.#takeTurns();
      if (this.#early > 0) this.#awaitTurn(turn_ms);
    });
  }

  /** Begin the silence limit anew. */
  #listen(limit_ms = SILENCE_MS) {
    this.#after("silence", limit_ms, () => this.interrupt());
  }

  /** @param {ClientMessage | undefined} message */
  #write(message) {
    const text = JSON.stringify(message);
    const { message_bytes = Infinity } = this.state.welcome?.limits ?? {};
    const { length } = utf8(text);
    if (length <= message_bytes) return this.#socket?.send(text);
    const { id } = /** @type {{id?: string}} */ (message);
    const said = `expected at most ${message_bytes} bytes in all, got ${length}`;
    this.#onMessage({ type: "error", id, code: "input_too_large", message: said, retryable: false }, 0);
  }

  /** @param {number} code @param {GatewayError} [error] */
  #lost(code, error) {
    this.#hangUp();
    if (this.state.status === "closed") return;
    const isRefused = UNAUTHENTICATED.includes(code);
    const { ticket, token } = this.#options;
    const isRefreshed = this.#isRefreshed || !(isAsked(ticket) || isAsked(token));
    if (FINAL.includes(code) || (isRefused && isRefreshed)) {
      error ??= this.#said ? errorOf(this.#said) : new GatewayError("disconnected", `the connection was closed (${code})`);
      return this.store.become({ status: "closed", delay_ms: 0, code, error });
    }
    this.#isRefreshed ||= isRefused;
    const delay_ms = backoff(this.#attempt++, this.#retry_after_ms, this.#options.random());
    this.#after("retry", delay_ms, () => this.open());
    this.store.become({ status: "waiting", delay_ms, code });
  }

  /** Be without a socket and without timers. */
  #hangUp() {
    this.#timers.forEach(this.#options.timers.clear);
    this.#timers.clear();
    this.#waiting = [];
    this.#early = 0;
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(1000);
  }

  /**
   * @param {string} name one timer per name
   * @param {number} delay_ms
   * @param {() => void} callback
   */
  #after(name, delay_ms, callback) {
    const { set, clear } = this.#options.timers;
    clear(this.#timers.get(name));
    this.#timers.set(name, set(callback, delay_ms));
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

/** Relative to the page, and http is ws. @param {string | URL} url */
function addressOf(url) {
  const { document, location } = globalThis;
  const address = new URL(url, document?.baseURI ?? location?.href);
  address.protocol = address.protocol.replace("http", "ws");
  return address.href;
}

/** @param {Credential} [credential] @returns {credential is () => Secret | Promise<Secret>} */
function isAsked(credential) {
  return typeof credential === "function";
}
