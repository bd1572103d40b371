/** What there is to say of a place in the value, said there: what is wrong with it, and how far the model is. */

import { el } from "./dom.js";
import { tokensOf } from "./json.js";
import { sample } from "./members.js";

/** @typedef {import("../client/protocol.js").FieldError} FieldError */
/** @typedef {import("./parts.js").View} View */
/** @typedef {import("./progress.js").Progress} Progress */

/** More are in the list above the value. */
const MAX_MARKS = 50;
/** Places are complete in the order of the text: what is drawn of a long list is at both ends. */
const ENDS_PLACES = 500;
/** What is there cannot be taken for null, absent or pending: a mark would only be styled. */
const PLAIN = new Set(["string", "number", "boolean"]);

/**
 * Keeps the marks of errors in a view, each as near to its place as the view goes.
 *
 * @param {View} view
 * @returns {(errors: readonly FieldError[]) => void}
 */
export function errorMarks(view) {
  /** @type {Element[]} */
  let marks = [];
  return (errors) => {
    for (const mark of marks) {
      mark.parentElement?.classList.remove("is-wrong");
      mark.remove();
    }
    marks = errors.slice(0, MAX_MARKS).flatMap((error) => marked(view, error) ?? []);
  };
}

/** @param {View} view @param {FieldError} error */
function marked(view, { path, message }) {
  const { holder, rest } = holderOf(view, path);
  const place = holder instanceof HTMLTableRowElement ? holder.cells[0] : holder;
  if (!place) return null;
  const mark = el("span", "wrong", rest.length > 0 ? `${rest.join("/")}: ${message}` : message);
  place.classList.add("is-wrong");
  place.append(mark);
  return mark;
}

/**
 * Keeps the marks of complete places in a view, so that null, absent and pending can be told apart.
 *
 * @param {View} view
 * @returns {(progress: Progress, isAnew: boolean) => void} with whether there may be places that were not there before
 */
export function progressMarks(view) {
  /** @type {Progress | null} */
  let shown = null;
  let count = 0;
  /** @type {Set<Element>} */
  const marked = new Set();
  return (progress, isAnew) => {
    if (progress !== shown) {
      for (const place of marked) place.classList.remove("is-complete", "is-whole", "is-absent");
      marked.clear();
    }
    if (progress !== shown || isAnew) [shown, count] = [progress, 0];
    for (const { path, marks } of sample(progress.places.slice(count), ENDS_PLACES)) {
      const { holder, rest, kind } = holderOf(view, path);
      if (!holder || rest.length > 0 || PLAIN.has(kind)) continue;
      holder.classList.add(...marks);
      marked.add(holder);
    }
    count = progress.places.length;
  };
}

/**
 * The caret of a view. It stays at a leaf until the next one is written.
 *
 * @param {View} view
 * @param {HTMLElement} sheet
 * @returns {(active: string | null) => Element | null} where it is
 */
export function caret(view, sheet) {
  /** @type {Element | null} */
  let at = null;
  return (active) => {
    const { holder, rest } = holderOf(view, active ?? "");
    const isLeaf = rest.length === 0 && holder?.querySelector(":scope > :is(.is-null, .is-string)");
    if (!holder || !isLeaf || holder === at) return at;
    at?.classList.remove("is-active");
    holder.classList.add("is-active");
    sheet.classList.add("has-caret");
    return (at = holder);
  };
}

/**
 * The member, row, cell or item that a pointer leads to, or the last one on its way with what is left of the way.
 *
 * @param {Pick<View, "at">} view
 * @param {string} path
 * @returns {{holder: HTMLElement | null, rest: readonly string[], kind: string}} with the kind of what it holds
 */
function holderOf(view, path) {
  const tokens = tokensOf(path) ?? [];
  /** @type {HTMLElement | null} */
  let holder = null;
  let kind = "";
  let { at } = /** @type {{at?: View["at"]}} */ (view);
  for (const [count, token] of tokens.entries()) {
    const found = at?.(token);
    if (!found) return { holder, rest: tokens.slice(count), kind };
    holder = found.row;
    ({ at, kind } = found.slot.part);
  }
  return { holder, rest: [], kind };
}
