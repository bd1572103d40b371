/** A WebSocket whose other end is the test, a clock that moves when it is told to, and a session between them. */

import { createHash } from "node:crypto";

import { connect } from "../../static/client/index.js";

/** @typedef {any} Message */

/** @param {object} [options] */
export function setUp(options = {}) {
  const server = new FakeServer();
  const clock = new ManualClock();
  const session = connect("ws://gateway/v1/ws", {
    WebSocket: server.WebSocket,
    timers: clock.timers,
    random: () => 1,
    ...options,
  });
  return { server, clock, session };
}

/** A session that is welcome, with the hello taken away. @param {object} [options] @param {Message} [welcome] */
export function welcomed(options, welcome) {
  const all = setUp(options);
  all.server.socket.welcome(welcome).take();
  return all;
}

/** Of a text in canonical form. @param {string} canonical */
export function sha256(canonical) {
  return createHash("sha256").update(canonical).digest("hex");
}

/** The platform's SHA-256, which is ready when the test says so. */
export class ManualHashing {
  /** @type {(() => void)[]} */
  #waiting = [];

  /** @param {import("node:test").TestContext} context until whose end it is the platform's */
  constructor(context) {
    /** @param {string} _ @param {Uint8Array} bytes */
    const digest = (_, bytes) =>
      new Promise((resolve) => {
        this.#waiting.push(() => resolve(createHash("sha256").update(bytes).digest()));
      });
    replaceSubtle(context, { digest });
  }

  get isIdle() {
    return this.#waiting.length === 0;
  }

  /** Be ready, and let everything happen that waited for it. */
  async finish() {
    for (const ready of this.#waiting.splice(0)) ready();
    await new Promise(setImmediate);
  }
}

/** @param {import("node:test").TestContext} context @param {object | undefined} subtle */
export function replaceSubtle(context, subtle) {
  Object.defineProperty(crypto, "subtle", { configurable: true, value: subtle });
  context.after(() => Reflect.deleteProperty(crypto, "subtle"));
}

export class ManualClock {
  now = 0;
  #count = 0;
  /** @type {Map<number, {at: number, callback: () => void}>} */
  #waiting = new Map();

  timers = {
    /** @param {() => void} callback @param {number} delay_ms */
    set: (callback, delay_ms) => {
      this.#waiting.set(++this.#count, { at: this.now + delay_ms, callback });
      return this.#count;
    },
    /** @param {number} handle */
    clear: (handle) => void this.#waiting.delete(handle),
  };

  get isIdle() {
    return this.#waiting.size === 0;
  }

  /** @param {number} delay_ms */
  advance(delay_ms) {
    this.now += delay_ms;
    for (const [handle, { at, callback }] of [...this.#waiting]) {
      if (at <= this.now && this.#waiting.delete(handle)) callback();
    }
  }
}

/** All sockets that one client opened, in order. */
export class FakeServer {
  /** @type {FakeSocket[]} */
  sockets = [];
  WebSocket;

  constructor() {
    const { sockets } = this;
    this.WebSocket = /** @type {typeof globalThis.WebSocket} */ (
      /** @type {unknown} */ (
        class extends FakeSocket {
          /** @param {string} url @param {string[]} protocols */
          constructor(url, protocols) {
            super(url, protocols);
            sockets.push(this);
          }
        }
      )
    );
  }

  get socket() {
    return /** @type {FakeSocket} */ (this.sockets.at(-1));
  }
}

class FakeSocket {
  /** @type {(() => void) | null} */ onopen = null;
  /** @type {((event: {data: string}) => void) | null} */ onmessage = null;
  /** @type {((event: {code: number}) => void) | null} */ onclose = null;
  /** What the client sent. @type {Message[]} */
  received = [];
  /** @type {number | undefined | null} the code the client closed with; null: it did not */
  closed = null;

  /** @param {string} url @param {string[]} protocols */
  constructor(url, protocols) {
    this.url = url;
    this.protocols = protocols;
  }

  /** @param {string} text */
  send(text) {
    this.received.push(JSON.parse(text));
  }

  /** @param {number} [code] */
  close(code) {
    this.closed = code;
  }

  /** The server's side: accept and welcome. @param {Message} [welcome] */
  welcome(welcome = {}) {
    this.onopen?.();
    this.say({ type: "welcome", session: "s", extractors: [], ...welcome });
    return this;
  }

  /** @param {Message[]} messages */
  say(...messages) {
    for (const message of messages) this.onmessage?.({ data: JSON.stringify(message) });
  }

  /** @param {number} code */
  drop(code) {
    this.onclose?.({ code });
  }

  /** What came since the last look. */
  take() {
    return this.received.splice(0);
  }
}
