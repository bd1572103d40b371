/** Small facts about text and bytes: how long a text is on the wire, and how to write bytes in hex. */

/** @param {string} text */
export function utf8(text) {
  return new TextEncoder().encode(text);
}

/** @param {Uint8Array} bytes */
export function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** 128 random bits in hex. (`crypto.randomUUID` is missing where a page comes over plain http.) */
export function randomKey() {
  return hex(crypto.getRandomValues(new Uint8Array(16)));
}
