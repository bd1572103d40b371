/**
 * How much is drawn with one frame of the screen: what does not fit goes on with the next one, so that a large value
 * never holds up the page.
 */

/** Of the 16 of a frame; what is drawn has to be laid out as well, and a new part costs more there than here. */
const FRAME_MS = 5;
const FRAME_PARTS = 40;
/** For what was left before, however much is new. */
const LEAST_MS = 2;
const LEAST_PARTS = 15;

export class Desk {
  pen = new Pen();
  #until = 0;
  #parts = 0;
  /** What is to be gone on with. @type {Set<() => void>} */
  #left = new Set();
  #ask;

  /** @param {() => void} ask for another frame */
  constructor(ask) {
    this.#ask = ask;
  }

  get isLate() {
    return this.#parts <= 0 || performance.now() >= this.#until;
  }

  /** A part is made. */
  count() {
    this.#parts -= 1;
  }

  get isDone() {
    return this.#left.size === 0;
  }

  /** Draw this once more: with what is left of this frame, or with the next one. @param {() => void} draw */
  later(draw) {
    this.#left.add(draw);
    this.#ask();
  }

  /** @param {() => void} draw what is new */
  frame(draw) {
    this.#until = performance.now() + FRAME_MS;
    this.#parts = FRAME_PARTS;
    draw();
    this.#until = Math.max(this.#until, performance.now() + LEAST_MS);
    this.#parts = Math.max(this.#parts, LEAST_PARTS);
    for (const left of this.#left) {
      if (this.isLate) return this.#ask();
      this.#left.delete(left);
      left();
    }
  }
}

/** The one leaf that grew last, which the style sheet marks while the run goes on; what it leaves settles, once. */
export class Pen {
  /** @type {Element | null} */
  at = null;
  /** The newest last. @type {Set<Element>} */
  #touched = new Set();

  /** @param {Element} element */
  touch(element) {
    this.#touched.delete(element);
    this.#touched.add(element);
  }

  /** The update is done. What a first one shows was there before: it does not settle. */
  rest() {
    const newest = [...this.#touched].at(-1);
    if (newest && newest !== this.at) {
      if (this.at) for (const left of [this.at, ...this.#touched]) if (left !== newest) settle(left);
      newest.classList.add("is-growing");
      this.at = newest;
    }
    this.#touched.clear();
  }

  /** Nothing more is written. */
  lift() {
    if (this.at) settle(this.at);
    this.at = null;
  }
}

/**
 * Mark a leaf as complete. The mark goes with its animation, which would begin anew with every other view.
 *
 * @param {Element} leaf
 */
function settle(leaf) {
  leaf.classList.remove("is-growing");
  leaf.classList.add("is-settled");
  leaf.addEventListener("animationend", () => leaf.classList.remove("is-settled"), { once: true });
}
