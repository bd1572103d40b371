/** Two small facts about text: how many bytes it is on the wire, and how to make a name nobody else has. */

/**
 * The length of a text in UTF-8, without encoding it.
 *
 * @param {string} text
 */
export function utf8Bytes(text) {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) continue;
    if (unit < 0x800) bytes += 1;
    else if (isPair(unit, text.charCodeAt(at + 1))) {
      bytes += 2;
      at += 1;
    } else bytes += 2;
  }
  return bytes;
}

/**
 * @param {number} unit
 * @param {number} next NaN at the end
 */
function isPair(unit, next) {
  return unit >= 0xd800 && unit <= 0xdbff && next >= 0xdc00 && next <= 0xdfff;
}

/** 128 random bits in hex. (`crypto.randomUUID` is missing where a page comes over plain http.) */
export function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
