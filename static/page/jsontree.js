/** The value as JSON, line by line; a line is touched only when it changes. */

import { el } from "./dom.js";
import { Pen, filling, leaf, showMembers } from "./parts.js";

/**
 * @typedef {import("./parts.js").Json} Json
 * @typedef {import("./parts.js").Kinds} Kinds
 */

/**
 * A view that fills `container`.
 *
 * @param {HTMLElement} container
 * @returns {(value: Json) => void}
 */
export function jsonTree(container) {
  const pen = new Pen();
  /** @type {Kinds} */
  const kinds = { kindOf, make: (kind) => make(kind, kinds, pen) };
  return filling(container, kinds, pen);
}

/** @param {Json} value */
function kindOf(value) {
  if (value === null) return "null";
  return Array.isArray(value) ? "list" : typeof value;
}

/**
 * @param {string} kind
 * @param {Kinds} kinds
 * @param {Pen} pen
 * @returns {import("./parts.js").Part}
 */
function make(kind, kinds, pen) {
  if (kind === "list") return block(kind, "[", "]", () => [], kinds);
  if (kind === "object")
    return block(kind, "{", "}", (key) => [el("b", "", JSON.stringify(key)), ": "], kinds);
  // The closing quote is the style sheet's, so that a growing string grows at its end.
  const toText =
    kind === "string" ? (/** @type {Json} */ value) => JSON.stringify(value).slice(0, -1) : String;
  return leaf(el("span", `json-${kind}`), kind, pen, toText);
}

/**
 * @param {string} kind
 * @param {string} open
 * @param {string} close
 * @param {(key: string) => (Node | string)[]} label
 * @param {Kinds} kinds
 */
function block(kind, open, close, label, kinds) {
  const lines = el("div", "json-lines");
  const rows = new Map();
  /** @param {string} key @param {import("./parts.js").Slot} slot */
  const line = (key, slot) => el("div", "json-line", ...label(key), slot.part.element);
  return {
    kind,
    element: el("span", "json-block", open, lines, close),
    /** @param {import("./parts.js").JsonObject | Json[]} value */
    update: (value) => showMembers(rows, value, lines, line, kinds),
  };
}
