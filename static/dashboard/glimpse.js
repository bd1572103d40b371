/** What is being written just now, in one line. */

import { isObject, tokensOf } from "../page/json.js";

/** @typedef {import("../client/protocol.js").Json} Json */

/** More than two lines of a card: of a longer text its newest end is shown. */
const SHOWN_CHARS = 160;

/**
 * @typedef {object} Glimpse
 * @property {string} path where, as people say it
 * @property {string} text the newest of it
 */

/**
 * @param {Json} value
 * @param {string | null | undefined} active the pointer of the place that is being written
 * @returns {Glimpse}
 */
export function glimpse(value, active) {
  const tokens = tokensOf(active ?? "") ?? [];
  let place = value;
  for (const token of tokens) place = memberOf(place, token);
  const [path, leaf] = newestLeaf(place, tokens);
  return { path: path.map(spoken).join(" › "), text: end(textOf(leaf)) };
}

/** @param {Json} value @param {string} token @returns {Json} */
function memberOf(value, token) {
  if (Array.isArray(value)) return value[Number(token)] ?? null;
  return isObject(value) && Object.hasOwn(value, token) ? (value[token] ?? null) : null;
}

/**
 * The last leaf that has something, which is where a model that writes in order is.
 *
 * @param {Json} value
 * @param {string[]} path
 * @returns {[string[], Json]}
 */
function newestLeaf(value, path) {
  if (typeof value !== "object" || value === null) return [path, value];
  const last = Object.entries(value)
    .filter(([, member]) => hasText(member))
    .at(-1);
  return last ? newestLeaf(last[1], [...path, last[0]]) : [path, null];
}

/** @param {Json} value @returns {boolean} */
function hasText(value) {
  if (typeof value === "object" && value !== null) return Object.values(value).some(hasText);
  return value !== null && value !== "";
}

/** Items count from one, for people. @param {string} token */
function spoken(token) {
  return /^\d+$/.test(token) ? String(Number(token) + 1) : token.replaceAll("_", " ");
}

/** @param {Json} leaf */
function textOf(leaf) {
  return leaf === null ? "" : String(leaf).replace(/\s+/g, " ");
}

/** From the beginning of a word on, where there is one. @param {string} text */
function end(text) {
  if (text.length <= SHOWN_CHARS) return text;
  return `… ${text.slice(-SHOWN_CHARS).replace(/^\S*\s|^[\udc00-\udfff]/, "")}`;
}
