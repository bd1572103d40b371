/** What extractions and endings are called here: in the sentences of the page, one of them on a card. */

import { errorOf } from "../client/errors.js";
import { byId } from "../page/dom.js";
import { adviceOn } from "../page/words.js";

/** @typedef {import("../client/protocol.js").Terminal} Terminal */

/** So much of an extraction's name tells those apart whose extractor has none. */
const MARK_CHARS = 6;

/** What one is called. @param {{extraction: string, extractor: string}} heard */
export function titleOf({ extraction, extractor }) {
  return extractor === "inline" ? `${extractor} · ${extraction.slice(0, MARK_CHARS)}` : extractor;
}

/**
 * One sentence on an ending that is not a whole value, or on checks that did not pass.
 *
 * @param {Terminal} ending
 * @param {boolean} isRecorded a recording played, no model
 */
export function shortWords(ending, isRecorded) {
  switch (ending.type) {
    case "completed":
      return failedChecks(ending.checks ?? []);
    case "incomplete":
      return sentenceOf(ending.reason === "budget" ? ending.reason : ending.type);
    case "failed":
      return sentenceOf(adviceOn(errorOf(ending.error), isRecorded).key);
    default:
      return "";
  }
}

/** @param {readonly import("../client/protocol.js").CheckReport[]} checks */
function failedChecks(checks) {
  const failed = checks.filter(({ passed }) => !passed);
  return failed.length === 0 ? "" : `${failed.length} of ${checks.length} checks did not pass.`;
}

/** @param {string} key */
function sentenceOf(key) {
  const sentences = /** @type {HTMLElement[]} */ ([...byId("problem-title").children]);
  return sentences.find(({ dataset }) => dataset.when === key)?.textContent ?? key;
}
