/** Rows that are still to come, so that a list which fills in moves nothing below it. */

/**
 * @typedef {import("../client/protocol.js").Json} Json
 * @typedef {import("../client/protocol.js").JsonObject} JsonObject
 */

/**
 * The value with its lists of objects filled up to the rows of its shape, as long as nothing behind them is written.
 * Where there is nothing to fill up it is the value itself.
 *
 * @param {Json} value
 * @param {Json} shape
 * @returns {Json}
 */
export function withGhosts(value, shape) {
  if (Array.isArray(value)) return filledUp(value, shape);
  if (!isObject(value) || !isObject(shape)) return value;
  const entries = Object.entries(value);
  const last = entries.map(([, member]) => isWritten(member)).lastIndexOf(true);
  const filled = entries.map(([key, member], at) => [key, at < last ? member : filledUp(member, shape[key])]);
  const isSame = filled.every(([, member], at) => member === entries[at]?.[1]);
  return isSame ? value : Object.fromEntries(filled);
}

/** @param {Json} list @param {Json | undefined} shape @returns {Json} */
function filledUp(list, shape) {
  if (!Array.isArray(list) || !Array.isArray(shape) || list.length >= shape.length) return list;
  return [...list, ...shape.slice(list.length)];
}

/** Whether a model has been at it. @param {Json} value @returns {boolean} */
function isWritten(value) {
  if (Array.isArray(value)) return value.length > 0;
  return isObject(value) ? Object.values(value).some(isWritten) : value !== null;
}

/** @param {Json | undefined} value @returns {value is JsonObject} */
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
