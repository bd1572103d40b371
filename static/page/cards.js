/** The value as a reader wants it: objects as cards, lists of objects as tables, long strings as paragraphs. */

import { Desk } from "./desk.js";
import { el } from "./dom.js";
import { json } from "./jsontree.js";
import { members, sample } from "./members.js";
import { filling, leaf, text } from "./parts.js";
import { table } from "./table.js";

/**
 * @typedef {import("./parts.js").Json} Json
 * @typedef {import("./parts.js").Part} Part
 * @typedef {import("./parts.js").Kinds} Kinds
 */

/** Longer strings are paragraphs. */
const PROSE_CHARS = 72;
/** Longer words may break anywhere, in a table; shorter ones nowhere, where they stand alone. */
const LONG_WORD = /\S{33}/;
const SHORT_WORD = /^\S{1,24}$/;
/** Wider lists are easier to read as cards. */
const MAX_COLUMNS = 7;
/** Of all rows together. */
const MAX_KEYS = 12;
/** Cards in cards in cards: what is deeper has no room, and is JSON. */
const MAX_DEPTH = 6;

/**
 * A view that fills `container`.
 *
 * @param {HTMLElement} container
 * @param {() => void} [ask] for another frame
 */
export function cards(container, ask = () => {}) {
  return filling(container, kindsAt(0, new Desk(ask)));
}

/** @param {number} depth @param {Desk} desk @returns {Kinds} */
function kindsAt(depth, desk) {
  /** @type {Kinds | undefined} */
  let inner;
  return {
    desk,
    kindOf: (value, before) => (depth > MAX_DEPTH && isContainer(value) ? "json" : kindOf(value, before)),
    make: (kind) => make(kind, (inner ??= kindsAt(depth + 1, desk))),
  };
}

/** @param {Json} value @param {string} [before] */
function kindOf(value, before) {
  if (value === null) return "null";
  if (Array.isArray(value)) return listKind(value, before);
  return typeof value === "object" ? "record" : typeof value;
}

/** One that was no table once will be none again. @param {Json[]} list @param {string} [before] */
function listKind(list, before) {
  if (list.length === 0) return "empty";
  if (before === "stack") return before;
  const items = sample(list);
  if (!items.some(isContainer)) return "list";
  const keys = new Set(items.flatMap((item) => Object.keys(Object(item))));
  return keys.size <= MAX_KEYS && items.every(isRow) ? "table" : "stack";
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
  return Array.isArray(value) && !sample(value).some(isContainer);
}

/**
 * @param {string} kind
 * @param {Kinds} inner what is in it
 * @returns {Part}
 */
function make(kind, inner) {
  const { desk } = inner;
  switch (kind) {
    case "null":
    case "empty":
      return { kind, element: el("span", `is-${kind}`), update: () => {} };
    case "record":
      return record(inner);
    case "table":
      return table(inner);
    case "list":
      return list(kind, "ul", "plain", inner);
    case "stack":
      return list(kind, "ol", "stack", inner);
    case "string":
      return string(desk);
    case "json":
      return json(desk);
    default:
      return leaf(el("span", `is-${kind}`), kind, desk);
  }
}

/** @param {Desk} desk @returns {Part} */
function string(desk) {
  const element = el("span", "is-string");
  element.dir = "auto";
  const part = text(element, desk);
  const { update } = part;
  part.update = (value) => {
    update(value);
    const { classList } = element;
    classList.toggle("is-prose", value.length > PROSE_CHARS || value.includes("\n"));
    classList.toggle("is-long", LONG_WORD.test(value.slice(0, 1000)));
    classList.toggle("is-short", SHORT_WORD.test(value.slice(0, 32)));
  };
  return part;
}

/** @param {Kinds} kinds @returns {Part} */
function record(kinds) {
  const element = el("div", "record");
  const gap = (/** @type {HTMLElement} */ more) => el("div", "member gap", more);
  return { kind: "record", element, ...members(element, kinds, field, gap) };
}

/**
 * @param {string} key
 * @param {import("./parts.js").Slot} slot
 */
function field(key, slot) {
  const name = el("span", "name", key.replaceAll("_", " "));
  name.title = key;
  name.dir = "auto";
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
  const gap = (/** @type {HTMLElement} */ more) => el("li", "gap", more);
  return { kind, element, ...members(element, kinds, (_, slot) => el("li", "", slot.part.element), gap) };
}
