/** The value of one lane in three views, and what there is to say instead of it. */

import { cards } from "./cards.js";
import { byId, el, setText, showOnly } from "./dom.js";
import { follower } from "./follow.js";
import { withGhosts } from "./ghosts.js";
import { jsonTree } from "./jsontree.js";
import { caret, errorMarks, progressMarks } from "./marks.js";
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
 * @typedef {object} Sheet one lane in one view
 * @property {HTMLElement} element
 * @property {(lane: Lane) => Element | null} show and where it is being written
 */

/** @type {readonly View[]} */
const VIEWS = ["cards", "json", "log"];
const TABS = ["tab-cards", "tab-json", "tab-wire"];
const LOG_FRAMES = 200;
/** Where tables are small cards. */
const NARROW_PX = 460;
/** @type {readonly FieldError[]} */
const NONE = [];

/** @param {() => void} onChange */
export function valuePanel(onChange) {
  const panel = byId("panel");
  /** @type {View} */
  let view = "cards";
  /** @type {Lane | null} */
  let shown = null;
  /** Those that are not looked at are not kept up. @type {WeakMap<Lane, {cards: Sheet, json: Sheet}>} */
  const sheets = new WeakMap();
  const outline = cards(byId("outline"));
  const showProblem = problemBox();
  const showLog = frameList(byId("log"), LOG_FRAMES);
  const { begin, follow } = follower(panel);
  tellWidth(panel);
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
    const made = sheets.get(lane) ?? { cards: cardsSheet(onChange), json: jsonSheet(onChange) };
    sheets.set(lane, made);
    const { element, show } = made[view];
    const at = show(lane);
    if (byId(view).firstElementChild !== element) byId(view).replaceChildren(element);
    if (!lane.isOver) follow(at);
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
    showBlank(lane, around, outline.show);
    showState(lane, around);
    byId("copy", HTMLButtonElement).disabled = !hasValue;
    showProblem(lane, around.canRestore);
    if (shown !== lane) begin();
    shown = lane;
    if (lane && (hasValue || view === "log")) showValue(lane);
  };
}

/** Tell the style sheet how much room tables have. @param {HTMLElement} panel */
function tellWidth(panel) {
  new ResizeObserver(() => {
    panel.toggleAttribute("data-narrow", panel.clientWidth <= NARROW_PX);
    panel.style.setProperty("--width", `${panel.clientWidth}px`);
  }).observe(panel);
}

/** @param {() => void} ask for another frame @returns {Sheet} */
function cardsSheet(ask) {
  const element = el("div", "sheet");
  const view = cards(element, ask);
  const [markErrors, markProgress, moveCaret] = [marking(view), progressMarks(view), caret(view, element)];
  let wasDone = false;
  return {
    element,
    show(lane) {
      const { value, progress, isOver, isStale } = lane;
      const { shape } = lane.order;
      view.show(isOver ? value : withGhosts(value, shape, (path) => progress.isComplete(path)), isOver);
      const { isDone } = view.desk;
      if (isDone && !isStale) markProgress(progress, !wasDone);
      markErrors(lane);
      wasDone = isDone;
      return isStale ? null : (moveCaret(progress.active) ?? view.desk.pen.at);
    },
  };
}

/** @param {() => void} ask for another frame @returns {Sheet} */
function jsonSheet(ask) {
  const element = el("div", "sheet");
  const view = jsonTree(element, ask);
  const markErrors = marking(view);
  return {
    element,
    show(lane) {
      view.show(lane.value, lane.isOver);
      markErrors(lane);
      return view.desk.pen.at;
    },
  };
}

/** Marks what is wrong, once all is drawn. @param {import("./parts.js").View} view @returns {(lane: Lane) => void} */
function marking(view) {
  const mark = errorMarks(view);
  let marked = NONE;
  let wasDone = true;
  return (lane) => {
    const errors = errorsOf(lane);
    const { isDone } = view.desk;
    if (isDone && (errors !== marked || (!wasDone && errors.length > 0))) mark((marked = errors));
    wasDone = isDone;
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
