/** The value as a reader wants it: objects as cards, lists of objects as tables, long strings as paragraphs. */

import { el } from "./dom.js";
import { Pen, filling, leaf, showMembers } from "./parts.js";
import { table } from "./table.js";

/**
 * @typedef {import("./parts.js").Json} Json
 * @typedef {import("./parts.js").Part} Part
 * @typedef {import("./parts.js").Kinds} Kinds
 */

/** Longer strings are paragraphs. */
const PROSE_CHARS = 72;
/** Longer words may break anywhere, in a table. */
const LONG_WORD = /\S{33}/;
/** Wider lists are easier to read as cards. */
const MAX_COLUMNS = 7;

/**
 * A view that fills `container`.
 *
 * @param {HTMLElement} container
 * @returns {(value: Json) => void}
 */
export function cards(container) {
  const pen = new Pen();
  /** @type {Kinds} */
  const kinds = { kindOf, make: (kind) => make(kind, kinds, pen) };
  return filling(container, kinds, pen);
}

/** @param {Json} value */
function kindOf(value) {
  if (value === null) return "null";
  if (Array.isArray(value)) return listKind(value);
  return typeof value === "object" ? "record" : typeof value;
}

/** @param {Json[]} list */
function listKind(list) {
  if (list.length === 0) return "empty";
  if (!list.some(isContainer)) return "list";
  return list.every(isRow) ? "table" : "stack";
}

/** @param {Json} value */
function isContainer(value) {
  return typeof value === "object" && value !== null;
}

/** @param {Json} value */
function isRow(value) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return false;
  const cells = Object.values(value);
  return cells.length <= MAX_COLUMNS && cells.every((cell) => !isContainer(cell) || isPlainList(cell));
}

/** @param {Json} value */
function isPlainList(value) {
  return Array.isArray(value) && !value.some(isContainer);
}

/**
 * @param {string} kind
 * @param {Kinds} kinds
 * @param {Pen} pen
 * @returns {Part}
 */
function make(kind, kinds, pen) {
  switch (kind) {
    case "null":
    case "empty":
      return { kind, element: el("span", `is-${kind}`), update: () => {} };
    case "record":
      return record(kinds);
    case "table":
      return table(kinds);
    case "list":
      return list(kind, "ul", "plain", kinds);
    case "stack":
      return list(kind, "ol", "stack", kinds);
    case "string":
      return string(pen);
    default:
      return leaf(el("span", `is-${kind}`), kind, pen, String);
  }
}

/** @param {Pen} pen @returns {Part} */
function string(pen) {
  const part = leaf(el("span", "is-string"), "string", pen, String);
  const { update } = part;
  part.update = (value) => {
    update(value);
    const isProse = value.length > PROSE_CHARS || value.includes("\n");
    part.element.classList.toggle("is-prose", isProse);
    part.element.classList.toggle("is-long", LONG_WORD.test(value));
  };
  return part;
}

/** @param {Kinds} kinds @returns {Part} */
function record(kinds) {
  const element = el("div", "record");
  const rows = new Map();
  return {
    kind: "record",
    element,
    update: (value) => showMembers(rows, value, element, field, kinds),
  };
}

/**
 * @param {string} key
 * @param {import("./parts.js").Slot} slot
 */
function field(key, slot) {
  const name = el("span", "name", key.replaceAll("_", " "));
  name.title = key;
  const member = el("div", "member", name, slot.part.element);
  member.dataset.key = key;
  return member;
}

/**
 * @param {string} kind
 * @param {"ul" | "ol"} tag
 * @param {string} className
 * @param {Kinds} kinds
 * @returns {Part}
 */
function list(kind, tag, className, kinds) {
  const element = el(tag, className);
  const rows = new Map();
  return {
    kind,
    element,
    update: (value) => showMembers(rows, value, element, (_, slot) => el("li", "", slot.part.element), kinds),
  };
}
