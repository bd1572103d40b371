/** What there is to say of a place in the value, said there: what is wrong with it, and how far the model is. */

import { el } from "./dom.js";
import { tokensOf } from "./json.js";

/** @typedef {import("../client/protocol.js").FieldError} FieldError */
/** @typedef {import("./progress.js").Progress} Progress */

/** More are in the list above the value. */
const MAX_MARKS = 50;

/**
 * Replace the marks in a sheet of cards, each as near to its place as the cards go.
 *
 * @param {HTMLElement} sheet
 * @param {readonly FieldError[]} errors
 */
export function markFields(sheet, errors) {
  for (const mark of sheet.querySelectorAll(".wrong")) mark.remove();
  unmark(sheet, "is-wrong");
  for (const { path, message } of errors.slice(0, MAX_MARKS)) {
    const { holder, rest } = holderOf(sheet, path);
    const place = holder instanceof HTMLTableRowElement ? holder.cells[0] : holder;
    if (!place) continue;
    place.classList.add("is-wrong");
    place.append(el("span", "wrong", rest.length > 0 ? `${rest.join("/")}: ${message}` : message));
  }
}

/**
 * Keeps the marks of one sheet: complete places, so that null, absent and pending can be told apart, and the caret.
 *
 * @param {HTMLElement} sheet
 * @returns {(progress: Progress) => void}
 */
export function progressMarks(sheet) {
  /** @type {Progress | null} */
  let shown = null;
  let count = 0;
  return (progress) => {
    if (progress !== shown) {
      for (const name of ["is-complete", "is-whole", "is-active"]) unmark(sheet, name);
      [shown, count] = [progress, 0];
    }
    for (const { path, isWhole } of progress.completed.slice(count)) {
      const { holder, rest } = holderOf(sheet, path);
      if (rest.length > 0) continue;
      holder?.classList.add("is-complete", ...(isWhole ? ["is-whole"] : []));
    }
    count = progress.completed.length;
    moveCaret(sheet, progress.active);
  };
}

/** It stays at a leaf until the next one is written. @param {HTMLElement} sheet @param {string | null} active */
function moveCaret(sheet, active) {
  const { holder, rest } = holderOf(sheet, active ?? "");
  const isLeaf = rest.length === 0 && holder?.querySelector(":scope > :is(.is-null, .is-string)");
  if (!holder || !isLeaf || holder.matches(".is-active")) return;
  unmark(sheet, "is-active");
  holder.classList.add("is-active");
  sheet.classList.add("has-caret");
}

/** @param {HTMLElement} sheet @param {string} name */
function unmark(sheet, name) {
  for (const place of sheet.querySelectorAll(`.${name}`)) place.classList.remove(name);
}

/**
 * The member, row, cell or item that a pointer leads to, or the last one on its way with what is left of the way.
 *
 * @param {HTMLElement} sheet
 * @param {string} path
 * @returns {{holder: Element | null, rest: readonly string[]}}
 */
function holderOf(sheet, path) {
  const tokens = tokensOf(path) ?? [];
  /** @type {Element | null} */
  let holder = null;
  let part = sheet.firstElementChild;
  for (const [at, token] of tokens.entries()) {
    const next = part && holderIn(part, token);
    if (!next) return { holder, rest: tokens.slice(at) };
    holder = next;
    part = next.matches("tr") ? next : (next.children[next.matches(".member") ? 1 : 0] ?? null);
  }
  return { holder, rest: [] };
}

/** @param {Element} part @param {string} token @returns {Element | undefined} */
function holderIn(part, token) {
  if (part.matches(".record, tr"))
    return [...part.children].find((child) => /** @type {HTMLElement} */ (child).dataset.key === token);
  const items = part.matches(".table") ? part.querySelectorAll(":scope > table > tbody > tr") : part.children;
  return part.matches(".table, ul, ol") && /^\d+$/.test(token) ? items[Number(token)] : undefined;
}
