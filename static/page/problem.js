/** What to say where a run did not end well: the reason in plain words, the fields it is about, and what to do. */

import { byId, el, setText, showOnly } from "./dom.js";
import { adviceOn, adviceOnReset, againWords } from "./words.js";

/** @typedef {import("./lane.js").Lane} Lane */
/** @typedef {import("../client/protocol.js").FieldError} FieldError */

const MAX_FIELDS = 5;
/** What is said of a link that leads nowhere. @type {import("./words.js").Advice} */
const GONE = { kind: "warning", key: "gone", said: "", fields: [], code: "", offer: null };
/** What is said of a run that was there. @type {import("./words.js").Advice} */
const UNKNOWN = { ...GONE, key: "unknown", offer: "again" };

/**
 * A box that follows a lane.
 *
 * @returns {(lane: Lane | null, canRestore: boolean) => void} with whether there is an example to go back to
 */
export function problemBox() {
  /** @type {readonly FieldError[]} */
  let shown = [];
  /** @param {readonly FieldError[]} fields */
  const showFields = (fields) => {
    if (fields === shown) return;
    shown = fields;
    byId("problem-fields").replaceChildren(...lines(fields));
  };
  return (lane, canRestore) => {
    const words = lane && wordsOn(lane);
    byId("problem").hidden = !words;
    byId("again").hidden = words?.offer !== "again" || lane?.isShared === true;
    showAgain(lane?.retry_in_ms ?? 0);
    byId("example").hidden = words?.offer !== "example" || !canRestore;
    byId("problem-fields").hidden = !words || words.fields.length === 0;
    if (!words) return;
    byId("problem").dataset.kind = words.kind;
    if (!showOnly("problem-title", words.key)) showOnly("problem-title", "other");
    setText(byId("problem-said"), words.said);
    byId("problem-todo").hidden = !showOnly("problem-todo", words.key);
    setText(byId("problem-code"), words.code);
    showFields(words.fields);
  };
}

/** @param {number} left_ms */
function showAgain(left_ms) {
  byId("again", HTMLButtonElement).disabled = left_ms > 0;
  setText(byId("again"), againWords(left_ms));
}

/** @param {Lane} lane @returns {import("./words.js").Advice | null} */
function wordsOn(lane) {
  const { error, reset, ending } = lane.state;
  if (lane.isUnknown) return lane.wasHeard ? UNKNOWN : GONE;
  if (error) return adviceOn(error, lane.isRecorded, ending?.type === "incomplete" ? ending.reason : "");
  return reset && !lane.isOver ? adviceOnReset(reset) : null;
}

/** @param {readonly FieldError[]} fields */
function lines(fields) {
  const left = fields.length - MAX_FIELDS;
  return [
    ...fields
      .slice(0, MAX_FIELDS)
      .map(({ path, message }) =>
        el("li", "", path ? el("code", "", path) : "the whole value", `: ${message}`),
      ),
    ...(left > 0 ? [el("li", "", `and ${left} more`)] : []),
  ];
}
