/** The value as JSON, line by line; a line is touched only when it changes. */

import { Desk } from "./desk.js";
import { el, reachable } from "./dom.js";
import { members } from "./members.js";
import { filling, leaf, show, text } from "./parts.js";

/**
 * @typedef {import("./parts.js").Json} Json
 * @typedef {import("./parts.js").Kinds} Kinds
 * @typedef {import("./parts.js").Part} Part
 * @typedef {import("./parts.js").Slot} Slot
 */

/**
 * A view that fills `container`.
 *
 * @param {HTMLElement} container
 * @param {() => void} ask for another frame
 */
export function jsonTree(container, ask) {
  return filling(container, kindsOn(new Desk(ask)));
}

/** JSON where there is no room for cards. @param {Desk} desk @returns {Part} */
export function json(desk) {
  const kinds = kindsOn(desk);
  const inside = el("div");
  const element = el("div", "json", inside);
  reachable(element, inside);
  /** @type {Slot | undefined} */
  let slot;
  return {
    kind: "json",
    element,
    at: (key) => slot?.part.at?.(key),
    update(value) {
      slot = show(slot, value, kinds);
      if (slot.part.element.parentNode !== inside) inside.replaceChildren(slot.part.element);
    },
  };
}

/** @param {Desk} desk @returns {Kinds} */
function kindsOn(desk) {
  /** @type {Kinds} */
  const kinds = { desk, kindOf, make: (kind) => make(kind, kinds) };
  return kinds;
}

/** @param {Json} value */
function kindOf(value) {
  if (value === null) return "null";
  return Array.isArray(value) ? "list" : typeof value;
}

/** @param {string} kind @param {Kinds} kinds @returns {Part} */
function make(kind, kinds) {
  if (kind === "list") return block(kind, "[", "]", () => [], kinds);
  if (kind === "object") return block(kind, "{", "}", (key) => [el("b", "", JSON.stringify(key)), ": "], kinds);
  if (kind === "string") return string(kinds.desk);
  return leaf(el("span", `json-${kind}`), kind, kinds.desk);
}

/** @param {Desk} desk @returns {Part} */
function string(desk) {
  const inside = el("span");
  const part = text(inside, desk, (piece) => JSON.stringify(piece).slice(1, -1));
  return { ...part, element: el("span", "json-string", '"', inside, '"') };
}

/**
 * @param {string} kind
 * @param {string} open
 * @param {string} close
 * @param {(key: string) => (Node | string)[]} label
 * @param {Kinds} kinds
 * @returns {Part}
 */
function block(kind, open, close, label, kinds) {
  const lines = el("div", "json-lines");
  /** @param {string} key @param {Slot} slot */
  const line = (key, slot) => el("div", "json-line", ...label(key), slot.part.element);
  const gap = (/** @type {HTMLElement} */ more) => el("div", "gap", "… ", more);
  return { kind, element: el("span", "json-block", open, lines, close), ...members(lines, kinds, line, gap) };
}
