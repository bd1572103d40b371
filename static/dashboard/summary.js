/** The figures as tiles, charts and a bar, with the words that say what they count. */

import { byId, setText } from "../page/dom.js";
import { inTime } from "../page/words.js";
import { barChart, dotChart, sum } from "./charts.js";
import { OUTCOMES, percent, timedWords } from "./figures.js";

/** @typedef {import("./figures.js").Figures} Figures */

/** @returns {(figures: Figures) => void} */
export function summary() {
  const drawBars = barChart(byId("bars"));
  const drawDots = dotChart(byId("dots"));
  return (figures) => {
    showTiles(figures);
    showOutcomes(figures);
    const top = drawBars(figures);
    setText(byId("bars-top"), top === 0 ? "" : String(top));
    label("bars", barWords(figures));
    const top_ms = drawDots(figures);
    setText(byId("dots-top"), top_ms === 0 ? "" : top_ms < 1000 ? `${top_ms} ms` : `${top_ms / 1000} s`);
    label("dots", dotWords(figures));
    setText(byId("bars-note"), figures.areBarsCut ? "the newest 1,000 only" : "");
    setText(byId("dots-note"), untimedWords(figures));
  };
}

/** @param {Figures} figures */
function showTiles(figures) {
  const { counts, begunPerMinute, endedPerMinute, isMinuteCut, median_ms } = figures;
  const more = isMinuteCut ? "+" : "";
  tile("running", String(counts.running), `${counts.queued} queued`);
  tile("begun", begunPerMinute === null ? "–" : begunPerMinute.toLocaleString("en") + more);
  tile("ended", endedPerMinute.toLocaleString("en") + more);
  const [figure = "–", unit = ""] = inTime(median_ms).split(/ (.*)/);
  tile("median", figure, timedWords(figures), unit);
}

/** @param {string} name @param {string} figure @param {string} [more] @param {string} [unit] */
function tile(name, figure, more = "", unit = "") {
  const places = byId("tiles").querySelectorAll(`[data-tile="${name}"] dd > *`);
  [figure, unit, more].forEach((text, at) => places[at] && setText(places[at], text));
}

/** @param {Figures} figures */
function showOutcomes({ counts, ended, isCut }) {
  for (const outcome of OUTCOMES) {
    const share = /** @type {HTMLElement | null} */ (byId("mix").querySelector(`[data-state="${outcome}"]`));
    if (share) share.style.flexGrow = String(counts[outcome]);
    if (share) share.hidden = counts[outcome] === 0;
    const [count, part] = byId("outcomes").querySelectorAll(`[data-state="${outcome}"] dd`);
    if (count) setText(count, counts[outcome].toLocaleString("en"));
    if (part) setText(part, ended === 0 ? "" : percent(counts[outcome], ended));
  }
  byId("mix").toggleAttribute("data-empty", ended === 0);
  const all = `Of the ${isCut ? "newest " : ""}${ended.toLocaleString("en")}${isCut ? "" : " that were heard of"}`;
  setText(byId("mix-note"), ended === 0 ? "None yet" : all);
}

/** @param {string} id @param {string} words */
function label(id, words) {
  if (byId(id).getAttribute("aria-label") !== words) byId(id).setAttribute("aria-label", words);
}

/** @param {Figures} figures */
function barWords({ bars }) {
  const words = OUTCOMES.map((outcome) => `${bars.reduce((total, bar) => total + bar[outcome], 0)} ${outcome}`);
  const most = Math.max(...bars.map((bar) => sum(bar)));
  return `Ended in the last five minutes: ${words.join(", ")}; at most ${most} in 10 s`;
}

/** @param {Figures} figures */
function dotWords({ dots, median_ms, p90_ms }) {
  if (dots.length === 0) return "No duration is known of the last five minutes";
  const half = `half ran at most ${inTime(median_ms)}, 90 % at most ${inTime(p90_ms)}`;
  return `Of ${dots.length} that ended in the last five minutes ${half}`;
}

/** @param {Figures} figures */
function untimedWords({ dots, untimed }) {
  if (untimed > 0) return `${untimed} not timed`;
  return dots.length === 0 ? "none ended" : "";
}

/** What is said of it aloud. @param {Figures} figures */
export function spokenWords({ counts }) {
  return Object.entries(counts)
    .filter(([state, count]) => count > 0 || state === "running")
    .map(([state, count]) => `${count} ${state}`)
    .join(", ");
}
