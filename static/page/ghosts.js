/** Rows that are still to come, so that a list which fills in moves nothing below it. */

import { isObject } from "./json.js";

/** @typedef {import("../client/protocol.js").Json} Json */

/** Longer lists, wider objects: nobody opens so many places and writes nothing. */
const MANY = 100;

/**
 * The value with its lists of objects filled up to the rows of its shape, as long as nothing behind them is written
 * and nobody knows that they are complete. Where there is nothing to fill up it is the value itself.
 *
 * @param {Json} value
 * @param {Json} shape
 * @param {(path: string) => boolean} isComplete
 * @returns {Json}
 */
export function withGhosts(value, shape, isComplete) {
  if (Array.isArray(value)) return filledUp(value, shape);
  if (!isObject(value) || !isObject(shape)) return value;
  const entries = Object.entries(value);
  if (entries.length > MANY) return value;
  const last = entries.map(([, member]) => isWritten(member)).lastIndexOf(true);
  const filled = entries.map(([key, member], at) => [
    key,
    at < last || isComplete(`/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`) ? member : filledUp(member, memberOf(shape, key)),
  ]);
  const isSame = filled.every(([, member], at) => member === entries[at]?.[1]);
  return isSame ? value : Object.fromEntries(filled);
}

/** @param {Json} list @param {Json | undefined} shape @returns {Json} */
function filledUp(list, shape) {
  if (!Array.isArray(list) || !Array.isArray(shape) || list.length >= shape.length) return list;
  return [...list, ...shape.slice(list.length)];
}

/**
 * Whether a model has been at it: there is a leaf that was not there before.
 *
 * @param {Json} value
 * @param {Json} [before] the skeleton
 * @returns {boolean}
 */
export function isWritten(value, before = null) {
  if (typeof value !== "object" || value === null) return value !== null && value !== before;
  if (Array.isArray(value)) return value.length > MANY || value.some((item) => isWritten(item));
  const keys = Object.keys(value);
  return keys.length > MANY || keys.some((key) => isWritten(memberOf(value, key), memberOf(before, key)));
}

/** @param {Json} value @param {string} key */
function memberOf(value, key) {
  return isObject(value) && Object.hasOwn(value, key) ? (value[key] ?? null) : null;
}
