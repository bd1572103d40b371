/** The extractions as two lists of cards: those that run, then those that wait; and those that ended, the newest first. */

import { byId, place, setText } from "../page/dom.js";
import { card } from "./card.js";
import { live, moreWords, past } from "./order.js";

/** So many cards are drawn before one asks for more, and by so many each time. */
const STEP = 24;
/** So many of those that wait, before one asks for more. */
const FEW = 6;
/** Where more cards than this are new at once, nobody can read them: they come without a flourish. */
const RUSH = 8;

/**
 * @typedef {import("./ledger.js").Heard} Heard
 * @typedef {import("./card.js").Card} Card
 */

export class Board {
  /** @type {Map<string, Card>} */
  #cards = new Map();
  /** Those that can be seen just now. @type {Set<string>} */
  #inSight = new Set();
  /** New since they were drawn last. @type {Element[]} */
  #fresh = [];
  #most = { now: STEP, queued: FEW, past: 2 * STEP };
  /** Where to go on reading once more are drawn. @type {{name: "now" | "past", at: number} | null} */
  #next = null;
  #eyes;
  #onChange;
  #observer = new IntersectionObserver((entries) => this.#see(entries));

  /** @param {import("./eyes.js").Eyes} eyes @param {() => void} onChange */
  constructor(eyes, onChange) {
    this.#eyes = eyes;
    this.#onChange = onChange;
    for (const name of /** @type {const} */ (["now", "past"]))
      byId(`${name}-more`).addEventListener("click", () => this.#showMore(name));
  }

  /**
   * @param {readonly Heard[]} records the newest first
   * @param {number} now_ms the server's
   * @returns {boolean} whether so many cards are new that nobody can read them
   */
  show(records, now_ms) {
    const shares = { now: live(records, this.#most), past: past(records, this.#most.past) };
    const drawn = [...shares.now.drawn, ...shares.past.drawn];
    this.#forgetOthers(drawn);
    keepingFocus(() => {
      this.#list("now", shares.now, now_ms);
      this.#list("past", shares.past, now_ms);
    });
    byId("now-none").hidden = shares.now.drawn.length > 0;
    for (const name of ["now", "past"]) byId(name).hidden = records.length === 0;
    if (this.#next) byId(`${this.#next.name}-list`).children[this.#next.at]?.querySelector("button")?.focus();
    this.#next = null;
    this.#look(drawn);
    return this.#flourish();
  }

  /** What is moved, or was there before, does not come in again: it would be unseen for a while. */
  #flourish() {
    const isRush = this.#fresh.length > RUSH;
    for (const element of this.#fresh) element.classList.toggle("is-new", !isRush);
    this.#fresh = [];
    return isRush;
  }

  /** Whether its card is drawn. @param {string} extraction */
  has(extraction) {
    return this.#cards.has(extraction);
  }

  /** @param {"now" | "past"} name @param {import("./order.js").Share} share @param {number} now_ms */
  #list(name, { drawn, left }, now_ms) {
    place(
      byId(`${name}-list`),
      drawn.map((heard) => this.#card(heard, now_ms).element),
    );
    byId(`${name}-more`).hidden = left.length === 0;
    setText(byId(`${name}-more`), moreWords(left));
  }

  /** @param {Heard} heard @param {number} now_ms */
  #card(heard, now_ms) {
    const made = this.#cards.get(heard.extraction) ?? this.#make(heard.extraction);
    made.update(heard, now_ms);
    return made;
  }

  /** @param {string} extraction */
  #make(extraction) {
    const made = card(extraction, this.#eyes);
    this.#cards.set(extraction, made);
    this.#fresh.push(made.element);
    made.element.addEventListener("animationend", ({ target }) => {
      if (target === made.element) made.element.classList.remove("is-new");
    });
    this.#observer.observe(made.element);
    return made;
  }

  /** @param {readonly Heard[]} drawn */
  #forgetOthers(drawn) {
    const kept = new Set(drawn.map(({ extraction }) => extraction));
    for (const [extraction, { element }] of this.#cards) {
      if (kept.has(extraction)) continue;
      this.#observer.unobserve(element);
      this.#cards.delete(extraction);
      this.#inSight.delete(extraction);
    }
  }

  /** @param {readonly Heard[]} drawn */
  #look(drawn) {
    const seen = drawn.filter(({ extraction }) => this.#inSight.has(extraction));
    const names = (/** @type {boolean} */ isOver) =>
      seen.filter(({ ended_ms }) => (ended_ms !== null) === isOver).map(({ extraction }) => extraction);
    this.#eyes.watch(names(false));
    this.#eyes.glance(names(true));
  }

  /** @param {readonly IntersectionObserverEntry[]} entries */
  #see(entries) {
    for (const { target, isIntersecting } of entries) {
      const { extraction = "" } = /** @type {HTMLElement} */ (target).dataset;
      if (isIntersecting) this.#inSight.add(extraction);
      else this.#inSight.delete(extraction);
    }
    this.#onChange();
  }

  /** @param {"now" | "past"} name */
  #showMore(name) {
    this.#next = { name, at: byId(`${name}-list`).childElementCount };
    this.#most[name] += 2 * STEP;
    if (name === "now") this.#most.queued = this.#most.now;
    this.#onChange();
  }
}

/** What is moved loses the focus: give it back. @param {() => void} move */
function keepingFocus(move) {
  const focused = document.activeElement;
  move();
  if (focused instanceof HTMLElement && focused.isConnected && focused !== document.activeElement)
    focused.focus({ preventScroll: true });
}
