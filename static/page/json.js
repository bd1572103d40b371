/** What every reader of JSON asks first, and pointers that may be none. */

import { PatchError, parsePointer } from "../client/patch.js";

/**
 * @param {import("../client/protocol.js").Json | undefined} value
 * @returns {value is import("../client/protocol.js").JsonObject}
 */
export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @param {string} path a JSON Pointer, or null is the answer */
export function tokensOf(path) {
  try {
    return parsePointer(path);
  } catch (error) {
    if (error instanceof PatchError) return null;
    throw error;
  }
}
