/** Bytes of values and texts: how many, random ones for keys, and the digest of an ending (PROTOCOL.md §4). */

/** @typedef {import("./protocol.js").Json} Json */

/** @param {string} text */
export function utf8(text) {
  return new TextEncoder().encode(text);
}

/** @param {Uint8Array} bytes */
function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** 128 random bits in hex. (`crypto.randomUUID` is missing where a page comes over plain http.) */
export function randomKey() {
  return hex(crypto.getRandomValues(new Uint8Array(16)));
}

/**
 * RFC 8785 is what ECMAScript writes, with the keys sorted by UTF-16 code units, which is how ECMAScript sorts.
 *
 * @param {Json} value
 * @returns {string}
 */
export function canonicalize(value) {
  if (Array.isArray(value)) return `[${value.map(canonicalize).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalize(/** @type {Json} */ (value[key]))}`);
  return `{${members.join(",")}}`;
}

/**
 * SHA-256 in lower-case hex over the canonical form. Null where the platform has no digests (a page from plain http
 * that is not on this machine).
 *
 * @param {Json} value
 * @returns {Promise<string | null>}
 */
export async function digest(value) {
  const hash = await crypto.subtle?.digest("SHA-256", utf8(canonicalize(value)));
  return hash ? hex(new Uint8Array(hash)) : null;
}
