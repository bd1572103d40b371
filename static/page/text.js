/** A text that grows at its end, as text nodes of which only the last one is laid out anew. */

import { el } from "./dom.js";

/** More are several blocks: what a line or two more cost does not grow with the text. */
const BLOCK_CHARS = 4000;

/**
 * @param {HTMLElement} element
 * @param {(text: string) => string} [written] how it is written, piece by piece
 * @returns {(text: string) => void}
 */
export function growing(element, written = (text) => text) {
  let shown = "";
  let node = document.createTextNode("");
  element.append(node);
  let isLong = false;

  /** @param {string} piece */
  const add = (piece) => {
    if (node.length + piece.length <= BLOCK_CHARS) return node.appendData(piece);
    const [first = "", ...others] = blocks(node.data + piece);
    node.data = first;
    if (!isLong) element.append(el("span", "block", node));
    isLong = true;
    for (const other of others) element.append(el("span", "block", (node = document.createTextNode(other))));
  };

  return (text) => {
    if (text === shown) return;
    const isMore = shown !== "" && text.startsWith(shown) && !isHalf(shown);
    if (!isMore) {
      element.replaceChildren((node = document.createTextNode("")));
      isLong = false;
    }
    add(written(isMore ? text.slice(shown.length) : text));
    shown = text;
  };
}

/**
 * A text in pieces that stand below each other: cut behind a line, else behind a word, and never inside a character.
 *
 * @param {string} text
 * @param {number} [most] characters of each
 * @returns {string[]}
 */
export function blocks(text, most = BLOCK_CHARS) {
  const pieces = [];
  let from = 0;
  while (text.length - from > most) {
    const piece = text.slice(from, from + most);
    const breaks = [piece.lastIndexOf("\n") + 1, piece.lastIndexOf(" ") + 1];
    const cut = breaks.find((at) => at > most / 2) ?? (isHalf(piece) ? most - 1 : most);
    pieces.push(piece.slice(0, cut));
    from += cut;
  }
  return [...pieces, text.slice(from)];
}

/** Whether the other half of its last character is still to come. @param {string} text */
function isHalf(text) {
  return (text.charCodeAt(text.length - 1) & 0xfc00) === 0xd800;
}
