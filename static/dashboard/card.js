/** One extraction as a card: what it is, how it stands, for how long, and what is written, or how it ended. */

import { el, setText } from "../page/dom.js";
import { inTime } from "../page/words.js";
import { ago, inSeconds } from "./figures.js";
import { shortWords, titleOf } from "./words.js";

/**
 * @typedef {import("./ledger.js").Heard} Heard
 * @typedef {import("./eyes.js").Eyes} Eyes
 *
 * @typedef {object} Card
 * @property {HTMLLIElement} element
 * @property {(heard: Heard, now_ms: number) => void} update with the server's time
 */

/**
 * @param {string} extraction
 * @param {Eyes} eyes
 * @returns {Card}
 */
export function card(extraction, eyes) {
  const part = parts();
  const { open, state, time, where, text, foot } = part;
  const element = el("li", "run", open, state, time, where, el("span", "run-text", text), foot);
  element.dataset.extraction = extraction;
  return {
    element,
    update(heard, now_ms) {
      const isOver = heard.ended_ms !== null;
      if (element.dataset.state !== heard.state) element.dataset.state = heard.state;
      setText(open, titleOf(heard));
      setText(state, heard.state);
      setText(time, isOver ? took(heard, eyes) : inSeconds(now_ms - heard.since_ms));
      const said = isOver ? past(heard, eyes, now_ms) : present(heard, eyes);
      setText(where, said.where);
      setText(text, said.text);
      setText(foot, said.foot);
    },
  };
}

function parts() {
  const open = el("button", "run-open");
  open.type = "button";
  open.setAttribute("aria-haspopup", "dialog");
  return {
    open,
    state: el("span", "run-state sign"),
    time: el("span", "run-time"),
    where: el("span", "run-where"),
    text: el("span", "run-newest"),
    foot: el("span", "run-foot"),
  };
}

/** How long it ran, as far as anybody knows. @param {Heard} heard @param {Eyes} eyes */
function took({ extraction, ended_ms, running_ms }, eyes) {
  const ran_ms = ended_ms !== null && running_ms !== null ? ended_ms - running_ms : eyes.duration(extraction);
  return ran_ms === null ? "" : inTime(Math.max(0, ran_ms));
}

/** @param {Heard} heard @param {Eyes} eyes */
function present({ extraction, state }, eyes) {
  const seen = eyes.seen(extraction);
  if (state === "queued") return { where: "", text: "", foot: "waits for a place" };
  if (!seen) return { where: "", text: "", foot: "" };
  const attempt = seen.attempt > 1 ? `attempt ${seen.attempt}` : "";
  return { where: seen.path, text: seen.text, foot: joined(attempt, counted(seen.parts, "part", "complete")) };
}

/** @param {Heard} heard @param {Eyes} eyes @param {number} now_ms */
function past({ extraction, since_ms }, eyes, now_ms) {
  const ending = eyes.ending(extraction);
  const { usage, attempts = 0 } = ending ?? {};
  const tokens = usage ? counted(usage.total_tokens, "token") : "";
  const facts = [ago(now_ms - since_ms), tokens, attempts > 1 ? `${attempts} attempts` : ""];
  const text = ending ? shortWords(ending, eyes.isRecorded) : "";
  return { where: "", text, foot: joined(...facts, ending === null ? "not kept" : "") };
}

/** @param {number} count @param {string} noun @param {string} [what] */
function counted(count, noun, what = "") {
  return count === 0 ? "" : `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"} ${what}`.trimEnd();
}

/** @param {...string} facts */
function joined(...facts) {
  return facts.filter(Boolean).join(" · ");
}
