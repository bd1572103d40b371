/** The strip of lanes: one entry for each extraction on this connection, with its colour, its state and its stop. */

import { byId, el, place, setText } from "./dom.js";
import { inTime } from "./words.js";

/** @typedef {import("./lane.js").Lane} Lane */

/** So many ended ones are kept at most, the newest. */
const MAX_ENDED = 100;
const TONES = 6;

export class Lanes {
  /** @type {Lane[]} */
  all = [];
  /** @type {Lane | null} */
  selected = null;
  /** The number of the next one: it is no other lane's, also behind a reload. */
  next = 1;
  /** Which one was scrolled into sight. @type {Lane | null} */
  #sought = null;
  #count = 0;
  #container;
  #onChange;
  /** @type {WeakMap<Lane, ReturnType<typeof entry>>} */
  #entries = new WeakMap();

  /**
   * @param {HTMLElement} container
   * @param {() => void} onChange
   */
  constructor(container, onChange) {
    this.#container = container;
    this.#onChange = onChange;
    container.addEventListener("keydown", (event) => this.#onKey(event));
    container.addEventListener("scroll", () => this.#fade());
    new ResizeObserver(() => this.#fade()).observe(container);
    byId("clear").addEventListener("click", () => this.#clear());
  }

  get running() {
    return this.all.filter((lane) => !lane.isOver);
  }

  get #ended() {
    return this.all.filter((lane) => lane.isOver);
  }

  /** @param {Lane} lane */
  add(lane) {
    this.next = Math.max(this.next, lane.number + 1);
    this.all.push(lane);
    this.selected = lane;
    for (const old of this.#ended.slice(0, -MAX_ENDED)) this.#remove(old);
  }

  /** @param {Lane} lane */
  select(lane) {
    this.selected = lane;
    this.#onChange();
  }

  /** Take one out that has ended, and stay near with the focus. @param {Lane} lane */
  remove(lane) {
    const at = this.all.indexOf(lane);
    this.#remove(lane);
    this.render();
    this.#focus(this.all[Math.min(at, this.all.length - 1)]);
    this.#onChange();
  }

  render() {
    for (const lane of this.all) if (lane.isGone) this.#remove(lane);
    let ahead = 0;
    for (const lane of this.all) {
      lane.ahead = ahead;
      if (lane.state.status === "queued") ahead += 1;
    }
    place(
      this.#container,
      this.all.map((lane) => this.#update(lane)),
    );
    this.#seek(this.#ended.length > 1);
  }

  /** Keep what is looked at in sight, also where the strip becomes narrower. @param {boolean} canClear */
  #seek(canClear) {
    const clear = byId("clear");
    const isOther = this.selected !== this.#sought || clear.hidden === canClear;
    const isLonger = this.all.length !== this.#count;
    this.#count = this.all.length;
    clear.hidden = !canClear;
    if (this.selected && isOther)
      this.#entries.get(this.selected)?.item.scrollIntoView({ block: "nearest", inline: "nearest" });
    this.#sought = this.selected;
    if (isOther || isLonger) this.#fade();
  }

  /** Let the ends fade beyond which there are more. */
  #fade() {
    const { scrollLeft, scrollWidth, clientWidth } = this.#container;
    this.#container.toggleAttribute("data-before", scrollLeft > 2);
    this.#container.toggleAttribute("data-after", scrollLeft + clientWidth < scrollWidth - 2);
  }

  /** @param {Lane} lane */
  #remove(lane) {
    lane.close();
    const at = this.all.indexOf(lane);
    this.all = this.all.filter((other) => other !== lane);
    if (this.selected === lane) this.selected = this.all[at] ?? this.all.at(-1) ?? null;
  }

  #clear() {
    for (const lane of this.#ended) this.#remove(lane);
    this.render();
    this.#focus(this.selected);
    this.#onChange();
  }

  /** The arrows go from lane to lane. @param {KeyboardEvent} event */
  #onKey({ key, target }) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    const at = this.all.findIndex((lane) => this.#entries.get(lane)?.item.contains(/** @type {Node} */ (target)));
    const lane = step && this.all[at + step];
    if (!lane) return;
    this.select(lane);
    this.#focus(lane);
  }

  /** Go to a lane, or where there is none to what makes one. @param {Lane | null} [lane] */
  #focus(lane) {
    if (lane) this.#entries.get(lane)?.choose.focus();
    else byId("start").focus();
  }

  /** @param {Lane} lane */
  #update(lane) {
    const parts = this.#entries.get(lane) ?? entry(lane, this);
    this.#entries.set(lane, parts);
    const { item, choose, title, state, stop } = parts;
    item.dataset.state = lane.state.status;
    choose.setAttribute("aria-pressed", String(lane === this.selected));
    const name = `${lane.number} ${lane.order.title}`;
    setText(title, name);
    setText(state, `${lane.word} · ${inTime(lane.elapsed_ms)}`);
    const action = lane.isOver ? "Remove" : "Stop";
    setText(stop, lane.isOver ? "×" : "■");
    stop.title = action;
    stop.setAttribute("aria-label", `${action} ${name}`);
    return item;
  }
}

/**
 * @param {Lane} lane
 * @param {Lanes} lanes
 */
function entry(lane, lanes) {
  const [title, state] = [el("span", "lane-title"), el("span", "lane-state")];
  const choose = el("button", "lane-choose", title, state);
  const stop = el("button", "lane-stop");
  const item = el("li", "lane", choose, stop);
  choose.type = stop.type = "button";
  item.dataset.lane = String(lane.number);
  item.dataset.tone = String(((lane.number - 1) % TONES) + 1);
  choose.addEventListener("click", () => lanes.select(lane));
  stop.addEventListener("click", () => (lane.isOver ? lanes.remove(lane) : lane.cancel()));
  return { item, choose, title, state, stop };
}
