/** Frames as they are read on the page: as they came, in short, and how much of the answer they bring. */

/** Longer ones are described rather than kept. */
const LONG_BYTES = 8_000;
const SHOWN_CHARS = 400;
const SHORT_CHARS = 120;

/**
 * @typedef {import("../client/protocol.js").Json} Json
 * @typedef {import("../client/protocol.js").WatchFrame} WatchFrame
 * @typedef {import("../client/protocol.js").Operation} Operation
 */

/** All but type and name, as JSON. @param {WatchFrame} frame @param {number} bytes */
export function textOf({ type: _, id: __, ...rest }, bytes) {
  return bytes > LONG_BYTES ? `${Object.keys(rest).join(", ")} …` : cut(JSON.stringify(rest), SHOWN_CHARS);
}

/**
 * What is new, in a line: what a patch does, else what is not said beside it.
 *
 * @param {WatchFrame} frame
 * @param {number} bytes
 */
export function shortOf(frame, bytes) {
  if (bytes > LONG_BYTES) return "…";
  if (frame.type === "patch") return cut(stepsOf(frame).join("  "), SHORT_CHARS);
  const { type: _, id: __, epoch: ___, rev: ____, ...rest } = /** @type {{[name: string]: unknown}} */ (frame);
  return cut(JSON.stringify("value" in rest ? rest.value : rest), SHORT_CHARS);
}

/** @param {import("../client/protocol.js").Patch} patch */
function stepsOf({ ops, progress }) {
  const done = progress?.completed.map((path) => `✓ ${path}`) ?? [];
  return [...ops.map(stepOf), ...done];
}

/** @param {Operation} operation */
function stepOf(operation) {
  const value = "value" in operation ? ` ${JSON.stringify(operation.value)}` : "";
  return `${operation.op} ${operation.path}${value}`;
}

/**
 * How much of the model's text a frame brings, about: placeholders do not count. Where a watch came late, the whole.
 *
 * @param {WatchFrame} frame
 */
export function charsIn(frame) {
  if (frame.type === "snapshot") return frame.rev > 0 ? charsOf(frame.value) : 0;
  if (frame.type !== "patch") return 0;
  return frame.ops.reduce((sum, each) => sum + ("value" in each ? charsOf(each.value) : 0), 0);
}

/** @param {Json} value */
function charsOf(value) {
  return typeof value === "string" ? value.length : JSON.stringify(value).replaceAll("null", "").length;
}

/** @param {string} text @param {number} most */
function cut(text, most) {
  return text.length > most ? `${text.slice(0, most)} …` : text;
}
