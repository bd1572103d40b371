/** The value of one lane in three views, and what there is to say instead of it. */

import { cards } from "./cards.js";
import { byId, el, setText, showOnly } from "./dom.js";
import { follower } from "./follow.js";
import { withGhosts } from "./ghosts.js";
import { jsonTree } from "./jsontree.js";
import { markFields, progressMarks } from "./marks.js";
import { settle } from "./parts.js";
import { problemBox } from "./problem.js";
import { stateWords } from "./provider.js";
import { tabs } from "./tabs.js";
import { frameList } from "./wire.js";
import { inTime } from "./words.js";

/**
 * @typedef {import("./lane.js").Lane} Lane
 * @typedef {import("../client/protocol.js").Json} Json
 * @typedef {import("../client/protocol.js").FieldError} FieldError
 *
 * @typedef {object} Around what there is to say besides the value
 * @property {string} status of the connection
 * @property {Json} shape what a value will look like
 * @property {boolean} canRestore whether there is an example to go back to
 * @property {boolean} isLost whether the connection is
 * @property {import("../client/protocol.js").Provider} [provider]
 *
 * @typedef {"cards" | "json" | "log"} View
 */

/** @type {readonly View[]} */
const VIEWS = ["cards", "json", "log"];
const TABS = ["tab-cards", "tab-json", "tab-wire"];
const LOG_FRAMES = 200;
/** @type {readonly FieldError[]} */
const NONE = [];

/** @param {() => void} onChange */
export function valuePanel(onChange) {
  const panel = byId("panel");
  /** @type {View} */
  let view = "cards";
  /** @type {Lane | null} */
  let shown = null;
  /** @type {WeakMap<Lane, ReturnType<typeof sheet>>} */
  const sheets = new WeakMap();
  const showOutline = cards(byId("outline"));
  const showProblem = problemBox();
  const showLog = frameList(byId("log"), LOG_FRAMES);
  const { begin, follow } = follower(panel);
  tabs(
    TABS.map((id) => byId(id)),
    (at) => {
      view = VIEWS[at] ?? "cards";
      panel.setAttribute("aria-labelledby", TABS[at] ?? "");
      onChange();
    },
  );

  /** @param {Lane} lane */
  const showValue = (lane) => {
    if (view === "log") return showLog(lane);
    const made = sheets.get(lane) ?? sheet();
    sheets.set(lane, made);
    made.show(view, lane);
    const element = made.elements[view];
    if (byId(view).firstElementChild !== element) byId(view).replaceChildren(element);
  };

  /** @param {Lane | null} lane @param {Around} around */
  return (lane, around) => {
    const hasValue = lane !== null && (lane.state.rev !== null || lane.state.reset !== null);
    panel.dataset.state = lane?.state.status ?? "none";
    panel.dataset.code = lane?.state.error?.code ?? "";
    panel.toggleAttribute("data-stale", lane?.isStale === true);
    panel.toggleAttribute("data-lost", around.isLost);
    for (const name of VIEWS) byId(name).hidden = name !== view || (name !== "log" && !hasValue);
    byId("blank").hidden = hasValue || (view === "log" && lane !== null);
    showBlank(lane, around, showOutline);
    showState(lane, around);
    byId("copy", HTMLButtonElement).disabled = !hasValue;
    showProblem(lane, around.canRestore);
    if (shown !== lane) begin();
    shown = lane;
    if (lane && (hasValue || view === "log")) showValue(lane);
    if (lane && !lane.isOver) follow();
  };
}

/** Both views of one lane; one that is not looked at is not kept up. */
function sheet() {
  const elements = { cards: el("div", "sheet"), json: el("div", "sheet") };
  const show = { cards: cards(elements.cards), json: jsonTree(elements.json) };
  const markProgress = progressMarks(elements.cards);
  let marked = NONE;
  return {
    elements,
    /** @param {"cards" | "json"} view @param {Lane} lane */
    show(view, lane) {
      const { value, progress } = lane;
      const hasGhosts = !lane.isOver && view === "cards";
      show[view](hasGhosts ? withGhosts(value, lane.order.shape, (path) => progress.isComplete(path)) : value);
      if (lane.isOver) for (const leaf of elements[view].querySelectorAll(".is-growing")) settle(leaf);
      const errors = errorsOf(lane);
      if (view === "json") return;
      if (!lane.isStale) markProgress(progress);
      if (errors !== marked) markFields(elements.cards, errors);
      marked = errors;
    },
  };
}

/** Those of the ending, or of the attempt whose value is still shown. @param {Lane} lane */
function errorsOf({ state: { error, reset }, isStale }) {
  return error?.errors ?? (isStale ? reset?.errors : undefined) ?? NONE;
}

/** @param {Lane | null} lane @param {Around} around @param {(shape: Json) => void} showOutline */
function showBlank(lane, { status, shape }, showOutline) {
  showOnly("invitation", lane ? (lane.isOver ? "over" : "") : status);
  byId("outline").hidden = shape === null || lane?.isOver === true;
  if (!lane) showOutline(shape);
}

/**
 * One line that is there as long as a lane is, so that nothing below it moves.
 *
 * @param {Lane | null} lane
 * @param {Around} around
 */
function showState(lane, { provider, isLost }) {
  const status = lane?.state.status ?? "none";
  byId("state").hidden = lane === null;
  byId("state").dataset.state = status;
  byId("state").toggleAttribute("data-lost", isLost);
  byId("state").toggleAttribute("data-waits", lane !== null && !lane.isOver && !lane.hasBegun);
  setText(byId("state-text"), lane ? stateWords(lane, isLost, provider) : "");
  setText(byId("state-time"), lane ? inTime(lane.elapsed_ms) : "");
}
