/** A WebSocket whose other end is the test, and a clock that moves when it is told to. */

/** @typedef {any} Message */

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
