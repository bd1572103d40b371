/** The strip of lanes: one entry for each extraction on this connection, with its colour, its state and its stop. */

import { el, place, setText } from "./dom.js";
import { inTime, wordFor } from "./words.js";

/** @typedef {import("./lane.js").Lane} Lane */

/** More ended ones are dropped, the oldest first. */
const MAX_LANES = 6;

export class Lanes {
  /** @type {Lane[]} */
  all = [];
  /** @type {Lane | null} */
  selected = null;
  /** Which one was scrolled into sight. @type {Lane | null} */
  #sought = null;
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
  }

  get running() {
    return this.all.filter((lane) => !lane.isOver);
  }

  /** The smallest number that is free: it names the lane and its colour. */
  get nextNumber() {
    const taken = new Set(this.all.map((lane) => lane.number));
    let number = 1;
    while (taken.has(number)) number += 1;
    return number;
  }

  /** @param {Lane} lane */
  add(lane) {
    this.all.push(lane);
    this.selected = lane;
  }

  /** Make room for one more where that costs nothing that runs. */
  makeRoom() {
    const over = this.all.filter((lane) => lane.isOver);
    for (const lane of over.slice(0, Math.max(0, this.all.length + 1 - MAX_LANES))) this.remove(lane);
  }

  /** @param {Lane} lane */
  remove(lane) {
    lane.close();
    this.all = this.all.filter((other) => other !== lane);
    if (this.selected === lane) this.selected = this.all.at(-1) ?? null;
    this.#onChange();
  }

  /** @param {Lane} lane */
  select(lane) {
    this.selected = lane;
    this.#onChange();
  }

  render() {
    for (const lane of this.all) if (lane.isGone) this.remove(lane);
    place(
      this.#container,
      this.all.map((lane) => this.#update(lane)),
    );
    if (this.selected && this.selected !== this.#sought)
      this.#entries.get(this.selected)?.item.scrollIntoView({ block: "nearest", inline: "nearest" });
    this.#sought = this.selected;
  }

  /** @param {Lane} lane */
  #update(lane) {
    const parts = this.#entries.get(lane) ?? entry(lane, this);
    this.#entries.set(lane, parts);
    const { item, choose, state, stop } = parts;
    const word = lane.isStopping && !lane.isOver ? "stopping" : wordFor(lane.state.status);
    item.dataset.state = lane.state.status;
    choose.setAttribute("aria-pressed", String(lane === this.selected));
    setText(state, `${word} · ${inTime(lane.elapsed_ms)}`);
    const action = lane.isOver ? "Remove" : "Stop";
    setText(stop, lane.isOver ? "×" : "■");
    stop.title = action;
    stop.setAttribute("aria-label", `${action} ${lane.number} ${lane.order.title}`);
    return item;
  }
}

/**
 * @param {Lane} lane
 * @param {Lanes} lanes
 */
function entry(lane, lanes) {
  const state = el("span", "lane-state");
  const choose = el("button", "lane-choose", el("span", "lane-title", `${lane.number} ${lane.order.title}`), state);
  const stop = el("button", "lane-stop");
  const item = el("li", "lane", choose, stop);
  choose.type = stop.type = "button";
  item.dataset.lane = String(((lane.number - 1) % MAX_LANES) + 1);
  choose.addEventListener("click", () => lanes.select(lane));
  stop.addEventListener("click", () => (lane.isOver ? lanes.remove(lane) : lane.cancel()));
  return { item, choose, state, stop };
}
