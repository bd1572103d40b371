/** The watches of a run that only count: what it costs in each encoding that carries state, side by side. */

import { charsIn } from "./frames.js";

/** What only counts and is longer, several times, comes rarely: what is compared must not hold up what is shown. */
const HEAVY_BYTES = 50_000;
const HEAVY_FRAMES = 3;
const RARELY_MS = 1000;
/** What is compared. @type {readonly Encoding[]} */
export const ENCODINGS = ["snapshot", "patch", "append"];

/**
 * @typedef {import("../client/index.js").Session} Session
 * @typedef {import("../client/index.js").Watch} Watch
 * @typedef {import("../client/protocol.js").Encoding} Encoding
 *
 * @typedef {object} Counted what is remembered of them
 * @property {{[encoding in Encoding]?: number}} bytes
 * @property {{[encoding in Encoding]?: number}} [heavy] so many frames of each were long
 * @property {boolean} [isProven] every watch ended with a value that has the digest which the gateway names
 */

export class Meters {
  /** What the model has written, as far as that can be seen. */
  writtenChars = 0;
  isProven;
  #bytes;
  #heavy;
  /** @type {Map<Encoding, Watch>} */
  #watches = new Map();
  #onChange;

  /**
   * @param {Counted} counted so far
   * @param {() => void} onChange
   */
  constructor({ bytes, heavy, isProven = false }, onChange) {
    this.#bytes = { ...bytes };
    this.#heavy = { ...heavy };
    this.isProven = isProven;
    this.#onChange = onChange;
  }

  get haveBegun() {
    return this.#watches.size > 0;
  }

  /** @returns {Counted} */
  get counted() {
    return { bytes: this.#bytes, heavy: this.#heavy, isProven: this.isProven };
  }

  /** What the run has cost in an encoding. @param {Encoding} encoding */
  bytesOf(encoding) {
    return this.#bytes[encoding] ?? 0;
  }

  /** Whether an encoding would have cost more than was counted. @param {Encoding} encoding */
  isSpared(encoding) {
    return (this.#heavy[encoding] ?? 0) >= HEAVY_FRAMES;
  }

  /**
   * @param {Session} session
   * @param {string} extraction
   * @param {number} interval_ms
   * @param {() => boolean} isOver whether the run is
   */
  begin(session, extraction, interval_ms, isOver) {
    for (const encoding of ENCODINGS) {
      const pace_ms = this.isSpared(encoding) ? RARELY_MS : interval_ms;
      const meter = session.watch({ extraction, encoding, interval_ms: pace_ms });
      meter.observe((frame, bytes) => {
        this.#bytes[encoding] = this.bytesOf(encoding) + bytes;
        if (encoding === "append") this.writtenChars += charsIn(frame);
        if (bytes > HEAVY_BYTES && !isOver()) this.#spare(encoding, meter);
      });
      meter.subscribe(() => {
        this.isProven = [...this.#watches.values()].every((each) => each.getSnapshot().checked);
        this.#onChange();
      });
      this.#watches.set(encoding, meter);
    }
  }

  close() {
    for (const meter of this.#watches.values()) meter.close();
  }

  /** @param {Encoding} encoding @param {Watch} meter */
  #spare(encoding, meter) {
    const count = (this.#heavy[encoding] ?? 0) + 1;
    this.#heavy[encoding] = count;
    if (count === HEAVY_FRAMES) meter.adjust(RARELY_MS);
  }
}
