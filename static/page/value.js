/** The value of one lane in three views, and what there is to say instead of it. */

import { cards } from "./cards.js";
import { byId, el, setText } from "./dom.js";
import { jsonTree } from "./jsontree.js";
import { problemBox } from "./problem.js";
import { tabs } from "./tabs.js";
import { frameList } from "./wire.js";

/**
 * @typedef {import("./lane.js").Lane} Lane
 *
 * @typedef {object} Around what there is to say besides the value
 * @property {string} invitation while there is no lane
 * @property {import("../client/protocol.js").Json} shape what a value will look like
 * @property {boolean} canRestore whether there is an example to go back to
 */

const VIEWS = /** @type {const} */ (["cards", "json", "log"]);
const LOG_FRAMES = 200;

/** @param {() => void} onChange */
export function valuePanel(onChange) {
  /** @type {typeof VIEWS[number]} */
  let view = "cards";
  /** @type {WeakMap<Lane, {cards: HTMLElement, json: HTMLElement, show: {[view: string]: (value: any) => void}}>} */
  const sheets = new WeakMap();
  const showOutline = cards(byId("outline"));
  const showProblem = problemBox();
  const showLog = frameList(byId("log"), LOG_FRAMES);
  const tabNames = ["tab-cards", "tab-json", "tab-wire"];
  tabs(
    tabNames.map((id) => byId(id)),
    (at) => {
      view = VIEWS[at] ?? "cards";
      byId("panel").setAttribute("aria-labelledby", tabNames[at] ?? "");
      onChange();
    },
  );

  /** @param {Lane} lane */
  const sheetOf = (lane) => {
    const made = sheets.get(lane) ?? sheet();
    sheets.set(lane, made);
    return made;
  };

  /**
   * @param {Lane | null} lane
   * @param {Around} around
   */
  return (lane, { invitation, shape, canRestore }) => {
    const hasValue = lane !== null && (lane.state.rev !== null || lane.state.reset !== null);
    byId("panel").dataset.state = lane?.state.status ?? "none";
    byId("panel").toggleAttribute("data-stale", hasValue && lane.state.rev === null);
    for (const name of VIEWS) byId(name).hidden = name !== view || (name !== "log" && !hasValue);
    byId("blank").hidden = hasValue || (view === "log" && lane !== null);
    setText(byId("invitation"), lane ? blankWords(lane) : invitation);
    byId("outline").hidden = shape === null || lane?.isOver === true;
    if (!lane) showOutline(shape);
    byId("copy", HTMLButtonElement).disabled = !hasValue;
    showProblem(lane, canRestore);
    if (lane && view === "log") showLog(lane);
    else if (lane && hasValue) {
      const { [view]: element, show } = /** @type {any} */ (sheetOf(lane));
      show[view](lane.state.value);
      if (byId(view).firstElementChild !== element) byId(view).replaceChildren(element);
    }
  };
}

function sheet() {
  const [one, other] = [el("div", "sheet"), el("div", "sheet")];
  return { cards: one, json: other, show: { cards: cards(one), json: jsonTree(other) } };
}

/** @param {Lane} lane */
function blankWords(lane) {
  if (lane.isOver) return "No value arrived.";
  return lane.state.status === "queued" ? "Waiting for a free place …" : "Waiting for the first words …";
}
