/** Two small facts about text: how many bytes it is on the wire, and how to make a name nobody else has. */

/**
 * The length of a text in UTF-8, without encoding it. The second half of a pair is skipped.
 *
 * @param {string} text
 */
export function utf8Bytes(text) {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const code = text.codePointAt(at) ?? 0;
    if (code > 0x7f) bytes += code > 0x7ff ? 2 : 1;
    if (code > 0xffff) at += 1;
  }
  return bytes;
}

/** 128 random bits in hex. (`crypto.randomUUID` is missing where a page comes over plain http.) */
export function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
