/** The digest of an ending: SHA-256 in lower-case hex over the RFC 8785 canonical form (PROTOCOL.md §4). */

import { hex, utf8 } from "./text.js";

/** @typedef {import("./protocol.js").Json} Json */

/**
 * RFC 8785 is what ECMAScript writes, with the keys sorted by UTF-16 code units, which is how ECMAScript sorts.
 *
 * @param {Json} value
 * @returns {string}
 */
export function canonicalize(value) {
  if (Array.isArray(value)) return `[${value.map(canonicalize).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.entries(value)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([key, part]) => `${JSON.stringify(key)}:${canonicalize(part)}`);
  return `{${members.join(",")}}`;
}

/**
 * Null where the platform has no digests (a page from plain http that is not on this machine).
 *
 * @param {Json} value
 * @returns {Promise<string | null>}
 */
export async function digest(value) {
  const hash = await globalThis.crypto?.subtle?.digest("SHA-256", utf8(canonicalize(value)));
  return hash ? hex(new Uint8Array(hash)) : null;
}
