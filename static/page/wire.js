/** The wire made visible: what this very run costs in each encoding, and the frames as they came. */

import { byId, el, place, setText } from "./dom.js";
import { ENCODINGS } from "./meters.js";
import { inBytes, inTime } from "./words.js";

/** @typedef {import("./lane.js").Lane} Lane */
/** @typedef {import("./lane.js").ShownFrame} ShownFrame */

const TAIL_FRAMES = 4;
/** Of most languages' text; the ending has the count of the model's server. */
const CHARS_PER_TOKEN = 4;

/** @returns {(lane: Lane | null) => void} */
export function wire() {
  const facts = byId("facts").querySelectorAll("dd");
  const showTail = frameList(byId("tail"), TAIL_FRAMES, "short");
  return (lane) => {
    const bytes = ENCODINGS.map((encoding) => lane?.meters.bytesOf(encoding) ?? 0);
    const [most, least] = [Math.max(...bytes), Math.min(...bytes)];
    ENCODINGS.forEach((encoding, at) => {
      const row = byId("meters").children[at];
      row?.classList.toggle("is-shown", lane?.encoding === encoding);
      if (row) showMeter(row, bytes[at] ?? 0, most, least, lane?.meters.isSpared(encoding) ? "≥ " : "");
    });
    const counts = ENCODINGS.map((encoding, at) => `${encoding} ${inBytes(bytes[at] ?? 0)}`);
    setText(byId("wire-short"), most > 0 ? counts.join(" · ") : "what this run costs in each encoding");
    for (const [at, text] of factsOf(lane).entries()) setText(/** @type {Node} */ (facts[at]), String(text ?? "–"));
    showTail(lane);
  };
}

/**
 * @param {Element} row
 * @param {number} bytes
 * @param {number} most
 * @param {number} least
 * @param {string} atLeast
 */
function showMeter({ children: [, bar, size, ratio] }, bytes, most, least, atLeast) {
  const fill = /** @type {HTMLElement} */ (bar?.firstElementChild);
  fill.style.inlineSize = `${most > 0 ? Math.max(0.5, (100 * bytes) / most) : 0}%`;
  setText(/** @type {Node} */ (size), bytes > 0 ? atLeast + inBytes(bytes) : "–");
  setText(/** @type {Node} */ (ratio), least > 0 ? `${atLeast}${(bytes / least).toFixed(1)}×` : "");
}

/** In the order of the page. @param {Lane | null} lane */
function factsOf(lane) {
  const { rev, ending } = lane?.state ?? {};
  const times = [lane?.first_value_ms, lane?.elapsed_ms].map(inTime);
  const digest = ending?.digest && ending.digest.slice(0, 8) + (lane?.meters.isProven ? " ✓ all equal" : "");
  return [rev, lane?.frameCount, ...times, lane && tokensOf(lane), digest];
}

/** At the end as they were counted, until then a guess from what is written. @param {Lane} lane */
function tokensOf({ state: { ending }, meters: { writtenChars }, elapsed_ms, first_value_ms, isOver }) {
  if (ending?.usage) return tokenText(ending.usage, writing_ms(ending.timing));
  if (isOver || first_value_ms === null || writtenChars === 0) return null;
  const output_tokens = Math.ceil(writtenChars / CHARS_PER_TOKEN);
  return tokenText({ output_tokens, estimated: true }, elapsed_ms - first_value_ms);
}

/** @param {import("../client/protocol.js").Timing} [timing] */
function writing_ms(timing) {
  return timing ? timing.total_ms - timing.queued_ms - (timing.first_delta_ms ?? timing.total_ms) : 0;
}

/** @param {{output_tokens: number, estimated?: boolean}} usage @param {number} ms it took */
function tokenText({ output_tokens, estimated }, ms) {
  const rate = ms > 0 ? ` · ${Math.round((1000 * output_tokens) / ms)}/s` : "";
  return `${estimated ? "≈ " : ""}${output_tokens.toLocaleString("en")}${rate}`;
}

/**
 * The newest frames of a lane, one line each; a line is made once.
 *
 * @param {HTMLElement} list
 * @param {number} limit
 * @param {"text" | "short"} [words]
 * @returns {(lane: Lane | null) => void}
 */
export function frameList(list, limit, words = "text") {
  /** @type {WeakMap<ShownFrame, HTMLElement>} */
  const lines = new WeakMap();
  return (lane) => {
    const frames = lane?.frames.slice(-limit) ?? [];
    place(
      list,
      frames.reverse().map((frame) => {
        const made = lines.get(frame) ?? line(frame, frame[words]);
        lines.set(frame, made);
        return made;
      }),
    );
  };
}

/** @param {ShownFrame} frame @param {string} text */
function line({ type, rev, bytes }, text) {
  const item = el(
    "li",
    "frame",
    el("span", "frame-rev", rev === null ? "·" : String(rev)),
    el("span", "frame-type", type),
    el("span", "frame-bytes", inBytes(bytes)),
    el("code", "", text),
  );
  item.dataset.type = type;
  return item;
}
