/**
 * A value as a tree of parts: each part shows one node of the value and is told its next one. What is identical is
 * skipped, so a frame costs what it changed (patches share all the rest).
 */

import { place, setText } from "./dom.js";

/**
 * @typedef {import("../client/protocol.js").Json} Json
 * @typedef {import("../client/protocol.js").JsonObject} JsonObject
 *
 * @typedef {object} Part
 * @property {string} kind
 * @property {HTMLElement} element
 * @property {(value: any) => void} update
 *
 * @typedef {object} Slot a part, and the value it shows
 * @property {Part} part
 * @property {Json} value
 *
 * @typedef {object} Kinds one way to show values
 * @property {(value: Json) => string} kindOf
 * @property {(kind: string) => Part} make
 */

/**
 * Show a value in a slot; the part is made anew only where the kind differs.
 *
 * @param {Slot | undefined} slot
 * @param {Json} value
 * @param {Kinds} kinds
 * @returns {Slot}
 */
export function show(slot, value, kinds) {
  if (slot && Object.is(slot.value, value)) return slot;
  const kind = kinds.kindOf(value);
  const part = slot && slot.part.kind === kind ? slot.part : kinds.make(kind);
  part.update(value);
  if (!slot) return { part, value };
  if (slot.part !== part) slot.part.element.replaceWith(part.element);
  slot.part = part;
  slot.value = value;
  return slot;
}

/**
 * The members of an object or a list, kept by key.
 *
 * @param {Map<string, {row: HTMLElement, slot: Slot}>} rows what is there
 * @param {JsonObject | Json[]} value
 * @param {HTMLElement} container
 * @param {(key: string, slot: Slot) => HTMLElement} makeRow
 * @param {Kinds} kinds
 */
export function showMembers(rows, value, container, makeRow, kinds) {
  const isSame = rows.size === Object.keys(value).length && Object.keys(value).every((key) => rows.has(key));
  for (const [key, member] of Object.entries(value)) {
    const old = rows.get(key);
    const slot = show(old?.slot, member, kinds);
    if (!old) rows.set(key, { slot, row: makeRow(key, slot) });
  }
  if (isSame) return;
  for (const key of [...rows.keys()]) if (!Object.hasOwn(value, key)) rows.delete(key);
  place(
    container,
    Object.keys(value).flatMap((key) => rows.get(key)?.row ?? []),
  );
}

/**
 * A view that fills `container` with one value at a time.
 *
 * @param {HTMLElement} container
 * @param {Kinds} kinds
 * @param {Pen} pen
 * @returns {(value: Json) => void}
 */
export function filling(container, kinds, pen) {
  /** @type {Slot | undefined} */
  let slot;
  return (value) => {
    slot = show(slot, value, kinds);
    pen.rest();
    if (slot.part.element.parentNode !== container) container.replaceChildren(slot.part.element);
  };
}

/** The one leaf that grew last, which the style sheet marks while the run goes on; what it leaves settles, once. */
export class Pen {
  /** @type {Element | null} */
  #at = null;
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
    if (newest && newest !== this.#at) {
      if (this.#at) for (const left of [this.#at, ...this.#touched]) if (left !== newest) settle(left);
      newest.classList.add("is-growing");
      this.#at = newest;
    }
    this.#touched.clear();
  }
}

/**
 * Mark a leaf as complete. The mark goes with its animation, which would begin anew with every other view.
 *
 * @param {Element} leaf
 */
export function settle(leaf) {
  leaf.classList.remove("is-growing");
  leaf.classList.add("is-settled");
  leaf.addEventListener("animationend", () => leaf.classList.remove("is-settled"), { once: true });
}

/**
 * A leaf of text that grows at its end where it can.
 *
 * @param {HTMLElement} element
 * @param {string} kind
 * @param {Pen} pen
 * @param {(value: Json) => string} toText
 * @returns {Part}
 */
export function leaf(element, kind, pen, toText) {
  const node = document.createTextNode("");
  element.append(node);
  return {
    kind,
    element,
    update(value) {
      const text = toText(value);
      if (text.length > node.length && node.length > 0 && text.startsWith(node.data)) {
        node.appendData(text.slice(node.length));
      } else setText(node, text);
      pen.touch(element);
    },
  };
}
