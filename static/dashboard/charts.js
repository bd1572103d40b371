/** Two small charts, each a path for every outcome: however many are in it, a redraw sets four attributes. */

import { BARS, BAR_MS, OUTCOMES, roundTop } from "./figures.js";

/**
 * @typedef {import("./figures.js").Figures} Figures
 * @typedef {import("./figures.js").Bar} Bar
 */

const SVG = "http://www.w3.org/2000/svg";
/** Of the space of a bar, left free beside it. */
const GAP = 0.28;
const WINDOW_MS = BARS * BAR_MS;
/** So much of the height stays free, for a dot to be whole. */
const HEADROOM = 1.05;

/**
 * Bars of what ended, stacked by outcome; a unit wide each, as high as the chart all together.
 *
 * @param {Element} container
 * @returns {(figures: Figures) => number} draws; what its top stands for, 0 where there is none
 */
export function barChart(container) {
  const paths = pathsIn(container.appendChild(canvas(BARS)));
  return ({ bars }) => {
    const top = roundTop(Math.max(...bars.map((bar) => sum(bar))));
    const scale = Math.max(1, top);
    OUTCOMES.forEach((outcome, at) => {
      const before = OUTCOMES.slice(0, at);
      const d = bars.map((bar, index) => rect(index, sum(bar, before) / scale, bar[outcome] / scale)).join("");
      set(paths[outcome], d);
    });
    return top;
  };
}

/**
 * A dot for each that ended: when, and how long it took.
 *
 * @param {Element} container
 * @returns {(figures: Figures) => number} draws; what its top stands for, in ms; 0 where there is none
 */
export function dotChart(container) {
  const svg = container.appendChild(canvas(1));
  const paths = pathsIn(svg);
  const median = svg.appendChild(document.createElementNS(SVG, "path"));
  median.setAttribute("class", "median");
  return ({ dots, from_ms, median_ms }) => {
    const top_ms = roundTop(HEADROOM * Math.max(0, ...dots.map(({ duration_ms }) => duration_ms)));
    const scale = Math.max(1, top_ms);
    for (const outcome of OUTCOMES) {
      const own = dots.filter(({ state }) => state === outcome);
      const d = own.map(({ at_ms, duration_ms }) => point((at_ms - from_ms) / WINDOW_MS, duration_ms / scale));
      set(paths[outcome], d.join(""));
    }
    set(median, median_ms === null ? "" : `M0 ${1 - median_ms / scale}h1`);
    return top_ms;
  };
}

/** @param {Bar} bar @param {readonly import("./figures.js").Outcome[]} [outcomes] */
export function sum(bar, outcomes = OUTCOMES) {
  return outcomes.reduce((total, outcome) => total + bar[outcome], 0);
}

/** @param {number} width in units; it is one high */
function canvas(width) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${width} 1`);
  svg.setAttribute("preserveAspectRatio", "none");
  return svg;
}

/** @param {SVGSVGElement} svg */
function pathsIn(svg) {
  const made = OUTCOMES.map((outcome) => {
    const path = document.createElementNS(SVG, "path");
    path.dataset.state = outcome;
    return [outcome, svg.appendChild(path)];
  });
  return /** @type {{[outcome in import("./figures.js").Outcome]: SVGPathElement}} */ (Object.fromEntries(made));
}

/** @param {number} index @param {number} from @param {number} height */
function rect(index, from, height) {
  if (height === 0) return "";
  return `M${index + GAP / 2} ${round(1 - from)}h${1 - GAP}v${round(-height)}h${GAP - 1}z`;
}

/** A line of no length, which its round ends make a dot. @param {number} x @param {number} y */
function point(x, y) {
  return `M${round(Math.min(1, x))} ${round(1 - y)}h0`;
}

/** @param {number} share */
function round(share) {
  return Math.round(share * 10_000) / 10_000;
}

/** @param {Element} path @param {string} d */
function set(path, d) {
  if (path.getAttribute("d") !== d) path.setAttribute("d", d);
}
