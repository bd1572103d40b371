/** Structural sharing: what is equal in two values is the same object in both. */

/** @typedef {import("./protocol.js").Json} Json */

/**
 * A value just parsed, with the parts of the one before that are equal in their place; wholly equal it is that one.
 *
 * @param {Json} before
 * @param {Json} next is changed
 * @returns {Json}
 */
export function share(before, next) {
  if (!isContainer(before) || !isContainer(next) || Array.isArray(before) !== Array.isArray(next)) return next;
  const [keys, known] = [Object.keys(next), Object.keys(before)];
  let isEqual = keys.length === known.length;
  keys.forEach((key, at) => {
    if (Object.hasOwn(before, key)) next[key] = share(/** @type {Json} */ (before[key]), /** @type {Json} */ (next[key]));
    isEqual &&= key === known[at] && next[key] === before[key];
  });
  return isEqual ? before : next;
}

/** @param {Json} value @returns {value is {[key: string]: Json}} lists too */
function isContainer(value) {
  return typeof value === "object" && value !== null;
}
