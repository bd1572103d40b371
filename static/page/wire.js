/** The wire made visible: what this very run costs in each encoding, and the frames as they came. */

import { ENCODINGS } from "../client/index.js";
import { byId, el, place, setText } from "./dom.js";
import { inBytes, inTime } from "./words.js";

/** @typedef {import("./lane.js").Lane} Lane */
/** @typedef {import("./lane.js").ShownFrame} ShownFrame */

const TAIL_FRAMES = 4;
const NAMES = { snapshot: "Snapshot", patch: "Patch", append: "Append" };

/** @returns {(lane: Lane | null) => void} */
export function wire() {
  const rows = new Map(ENCODINGS.map((encoding) => [encoding, meter(NAMES[encoding])]));
  byId("meters").append(...[...rows.values()].map(({ row }) => row));
  const showFacts = facts();
  const showTail = frameList(byId("tail"), TAIL_FRAMES);
  return (lane) => {
    const bytes = ENCODINGS.map((encoding) => lane?.meters.get(encoding)?.bytes ?? 0);
    const [most, least] = [Math.max(...bytes), Math.min(...bytes)];
    ENCODINGS.forEach((encoding, at) => {
      rows.get(encoding)?.update(bytes[at] ?? 0, most, least, lane?.encoding === encoding);
    });
    const counts = ENCODINGS.map((encoding, at) => `${encoding} ${inBytes(bytes[at] ?? 0)}`);
    setText(byId("wire-short"), most > 0 ? counts.join(" · ") : "what this run costs in each encoding");
    showFacts(lane);
    showTail(lane);
  };
}

/** @param {string} name */
function meter(name) {
  const [fill, size, ratio] = [el("span", "meter-fill"), el("span", "meter-size"), el("span", "meter-ratio")];
  const row = el("div", "meter", el("span", "meter-name", name), el("span", "meter-bar", fill), size, ratio);
  /** @type {(bytes: number, most: number, least: number, isShown: boolean) => void} */
  const update = (bytes, most, least, isShown) => {
    row.classList.toggle("is-shown", isShown);
    fill.style.inlineSize = `${most > 0 ? Math.max(0.5, (100 * bytes) / most) : 0}%`;
    setText(size, bytes > 0 ? inBytes(bytes) : "–");
    setText(ratio, least > 0 ? `${(bytes / least).toFixed(1)}×` : "");
  };
  return { row, update };
}

function facts() {
  const names = ["Revision", "Frames", "First value", "Time", "Tokens", "Digest"];
  const values = names.map(() => el("dd", "", "–"));
  byId("facts").append(...names.map((name, at) => el("div", "", el("dt", "", name), values[at] ?? "")));
  return (/** @type {Lane | null} */ lane) => {
    const { rev, ending } = lane?.state ?? { rev: null, ending: null };
    const tokens = ending?.usage && tokenText(ending.usage, ending.timing);
    const shown = [
      rev ?? "–",
      lane?.frameCount ?? "–",
      inTime(lane?.first_value_ms),
      inTime(lane?.elapsed_ms),
      tokens ?? "–",
    ];
    shown.forEach((text, at) => setText(/** @type {Node} */ (values[at]), String(text)));
    setText(/** @type {Node} */ (values[5]), digestText(lane));
  };
}

/**
 * @param {import("../client/protocol.js").Usage} usage
 * @param {import("../client/protocol.js").Timing} [timing]
 */
function tokenText({ output_tokens, estimated }, timing) {
  const writing_ms = timing
    ? timing.total_ms - timing.queued_ms - (timing.first_delta_ms ?? timing.total_ms)
    : 0;
  const rate = writing_ms > 0 ? ` · ${Math.round((1000 * output_tokens) / writing_ms)}/s` : "";
  return `${estimated ? "≈ " : ""}${output_tokens}${rate}`;
}

/** @param {Lane | null} lane */
function digestText(lane) {
  const digest = lane?.state.ending?.digest;
  return digest ? `${digest.slice(0, 8)}${lane?.isProven ? " ✓ all equal" : ""}` : "–";
}

/**
 * The newest frames of a lane, one line each; a line is made once.
 *
 * @param {HTMLElement} list
 * @param {number} limit
 * @returns {(lane: Lane | null) => void}
 */
export function frameList(list, limit) {
  /** @type {WeakMap<ShownFrame, HTMLElement>} */
  const lines = new WeakMap();
  return (lane) => {
    const frames = lane?.frames.slice(-limit) ?? [];
    place(
      list,
      frames.reverse().map((frame) => {
        const made = lines.get(frame) ?? line(frame);
        lines.set(frame, made);
        return made;
      }),
    );
  };
}

/** @param {ShownFrame} frame */
function line({ type, rev, bytes, text }) {
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
