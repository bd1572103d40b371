/** What is wrong with a value, said at the field it is about: as near to it as the cards go. */

import { PatchError, parsePointer } from "../client/patch.js";
import { el } from "./dom.js";

/** @typedef {import("../client/protocol.js").FieldError} FieldError */

/** More are in the list above the value. */
const MAX_MARKS = 50;

/**
 * Replace the marks in a sheet of cards.
 *
 * @param {HTMLElement} sheet
 * @param {readonly FieldError[]} errors
 */
export function markFields(sheet, errors) {
  for (const mark of sheet.querySelectorAll(".wrong")) mark.remove();
  for (const place of sheet.querySelectorAll(".is-wrong")) place.classList.remove("is-wrong");
  for (const { path, message } of errors.slice(0, MAX_MARKS)) {
    const { place, rest } = nearest(sheet.firstElementChild, tokensOf(path));
    if (!place) continue;
    place.classList.add("is-wrong");
    place.append(el("span", "wrong", rest.length > 0 ? `${rest.join("/")}: ${message}` : message));
  }
}

/** @param {string} path */
function tokensOf(path) {
  try {
    return parsePointer(path);
  } catch (error) {
    if (error instanceof PatchError) return [];
    throw error;
  }
}

/**
 * The member, cell or item that a pointer leads to, or the last one on its way.
 *
 * @param {Element | null} part
 * @param {readonly string[]} tokens
 * @param {Element | null} [place]
 * @returns {{place: Element | null, rest: readonly string[]}}
 */
function nearest(part, tokens, place = null) {
  const [token, ...rest] = tokens;
  const holder = part && token !== undefined ? holderIn(part, token) : undefined;
  if (!holder) return { place, rest: tokens };
  if (holder instanceof HTMLTableRowElement) return nearest(holder, rest, holder.cells[0] ?? place);
  const inner = holder.matches(".member") ? holder.children[1] : holder.firstElementChild;
  return nearest(inner ?? null, rest, holder);
}

/** @param {Element} part @param {string} token @returns {Element | undefined} */
function holderIn(part, token) {
  if (part.matches(".record, tr"))
    return [...part.children].find((child) => /** @type {HTMLElement} */ (child).dataset.key === token);
  const items = part.matches(".table") ? part.querySelectorAll(":scope > table > tbody > tr") : part.children;
  return part.matches(".table, ul, ol") && /^\d+$/.test(token) ? items[Number(token)] : undefined;
}
