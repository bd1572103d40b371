/** One extraction in a dialog: its value, live, as cards or as JSON, and how it ended. */

import { byId, el, setText, showOnly } from "../page/dom.js";
import { tabs } from "../page/tabs.js";
import { adviceOn, adviceOnReset, inTime } from "../page/words.js";
import { shareLink } from "./address.js";
import { factsOf } from "./facts.js";
import { inSeconds } from "./figures.js";
import { VIEWS, sheet } from "./sheet.js";
import { titleOf } from "./words.js";

/**
 * @typedef {import("../client/index.js").Session} Session
 * @typedef {import("../client/index.js").Watch} Watch
 * @typedef {import("../client/replica.js").ReplicaState} ReplicaState
 * @typedef {import("./ledger.js").Heard} Heard
 * @typedef {import("./sheet.js").View} View
 */

const INTERVAL_MS = 100;
const MOST_FIELDS = 8;

export class Detail {
  /** @type {Heard | null} */
  #heard = null;
  /** @type {Watch | null} */
  #watch = null;
  /** @type {View} */
  #view = "cards";
  /** @type {ReturnType<typeof sheet> | null} */
  #draw = null;
  #dialog = byId("detail", HTMLDialogElement);
  #isAsked = false;
  #session;
  #heardOf;

  /**
   * @param {Session} session
   * @param {(extraction: string) => {heard: Heard | undefined, now_ms: number}} heardOf with the server's time
   * @param {(extraction: string) => void} onClose
   */
  constructor(session, heardOf, onClose) {
    this.#session = session;
    this.#heardOf = heardOf;
    tabs(
      VIEWS.map((view) => byId(`tab-${view}`)),
      (at) => this.#turnTo(VIEWS[at] ?? "cards"),
    );
    byId("detail-close").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("click", ({ target }) => target === this.#dialog && this.#dialog.close());
    this.#dialog.addEventListener("close", () => {
      const extraction = this.#heard?.extraction ?? "";
      this.#leave();
      onClose(extraction);
    });
  }

  /** @param {Heard} heard */
  open(heard) {
    this.#leave();
    this.#heard = heard;
    const { extraction } = heard;
    setText(byId("detail-title"), titleOf(heard));
    byId("share", HTMLAnchorElement).href = shareLink(extraction);
    const options = /** @type {const} */ ({ encoding: "append", interval_ms: INTERVAL_MS, progress: true });
    this.#watch = this.#session.watch({ extraction, ...options });
    this.#draw = sheet(this.#watch, () => this.#ask());
    this.#watch.subscribe(() => this.#ask());
    this.#dialog.showModal();
    this.show();
  }

  /** Draw what is new. */
  show() {
    if (!this.#watch || !this.#heard) return;
    const { heard = this.#heard, now_ms } = this.#heardOf(this.#heard.extraction);
    this.#heard = heard;
    const state = this.#watch.getSnapshot();
    showState(this.#heard, state, now_ms);
    this.#showValue(state);
    showProblem(state, this.#session.getSnapshot().welcome?.provider?.name === "recorded");
    showFacts(this.#heard.extraction, state);
  }

  /** Its value is drawn with every frame of the screen that there is something new for. */
  #ask() {
    if (this.#isAsked) return;
    this.#isAsked = true;
    requestAnimationFrame(() => {
      this.#isAsked = false;
      this.show();
    });
  }

  /** @param {ReplicaState} state */
  #showValue({ rev, reset }) {
    const hasValue = rev !== null || reset !== null;
    byId("blank").hidden = hasValue;
    for (const view of VIEWS) byId(view).hidden = !hasValue || view !== this.#view;
    if (hasValue) this.#draw?.(this.#view);
  }

  /** @param {View} view */
  #turnTo(view) {
    this.#view = view;
    byId("panel").setAttribute("aria-labelledby", `tab-${view}`);
    this.show();
  }

  #leave() {
    this.#watch?.close();
    this.#watch = null;
    this.#heard = null;
  }
}

/**
 * Its own watch may know more than was announced.
 *
 * @param {Heard} heard
 * @param {ReplicaState} seen
 * @param {number} now_ms
 */
function showState(heard, { status, ending, reset, rev, error }, now_ms) {
  const state = ending?.type ?? (status === "waiting" || error ? heard.state : status);
  byId("detail-state").dataset.state = state;
  byId("panel").dataset.state = state;
  byId("panel").dataset.code = error?.code ?? "";
  byId("panel").toggleAttribute("data-stale", reset !== null && rev === null);
  setText(byId("detail-state"), state);
  const ran_ms = (heard.ended_ms ?? now_ms) - (heard.running_ms ?? NaN);
  const total_ms = ending?.timing?.total_ms;
  const time = total_ms !== undefined ? inTime(total_ms) : Number.isNaN(ran_ms) ? "" : inSeconds(ran_ms);
  setText(byId("detail-time"), time);
}

/** @param {ReplicaState} state @param {boolean} isRecorded */
function showProblem({ error, reset, ending }, isRecorded) {
  const reason = ending?.type === "incomplete" ? ending.reason : "";
  const words = error ? adviceOn(error, isRecorded, reason) : reset && !ending ? adviceOnReset(reset) : null;
  byId("problem").hidden = words === null || error?.code === "closed";
  if (!words) return;
  byId("problem").dataset.kind = words.kind;
  if (!showOnly("problem-title", words.key)) showOnly("problem-title", "other");
  setText(byId("problem-code"), words.code);
  setText(byId("problem-said"), words.said);
  const fields = words.fields.slice(0, MOST_FIELDS);
  const lines = fields.map(({ path, message }) => [el("code", "", path || "the whole value"), `: ${message}`]);
  byId("problem-fields").replaceChildren(...lines.map((line) => el("li", "", ...line)));
}

/** @param {string} extraction @param {ReplicaState} state */
function showFacts(extraction, { ending, checked, rev }) {
  /** @type {[string, string][]} */
  const facts = ending ? factsOf(ending, checked) : [];
  facts.push(["Revision", String(ending?.rev ?? rev ?? "–")], ["Extraction", extraction]);
  const text = JSON.stringify(facts);
  if (byId("facts").dataset.shown === text) return;
  byId("facts").dataset.shown = text;
  byId("facts").replaceChildren(...facts.map(([what, of]) => el("div", "", el("dt", "", what), el("dd", "", of))));
}
