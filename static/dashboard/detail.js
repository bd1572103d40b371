/** One extraction in a dialog: its value, live, as cards or as JSON, and how it ended. */

import { cards } from "../page/cards.js";
import { byId, el, setText, showOnly } from "../page/dom.js";
import { follower } from "../page/follow.js";
import { jsonTree } from "../page/jsontree.js";
import { settle } from "../page/parts.js";
import { tabs } from "../page/tabs.js";
import { adviceOn, adviceOnReset, inTime } from "../page/words.js";
import { shareLink } from "./address.js";
import { factsOf } from "./facts.js";
import { inSeconds } from "./figures.js";

/**
 * @typedef {import("../client/index.js").Session} Session
 * @typedef {import("../client/index.js").Watch} Watch
 * @typedef {import("../client/replica.js").ReplicaState} ReplicaState
 * @typedef {import("../client/protocol.js").Json} Json
 * @typedef {import("./ledger.js").Heard} Heard
 * @typedef {"cards" | "json"} View
 */

const INTERVAL_MS = 100;
const MOST_FIELDS = 8;
/** @type {readonly View[]} */
const VIEWS = ["cards", "json"];

export class Detail {
  /** @type {Heard | null} */
  #heard = null;
  /** @type {Watch | null} */
  #watch = null;
  /** @type {View} */
  #view = "cards";
  /** @type {{[view in View]: (value: Json) => void} | null} */
  #show = null;
  #dialog = byId("detail", HTMLDialogElement);
  #follower = follower(byId("panel"));
  #session;
  #onChange;

  /**
   * @param {Session} session
   * @param {() => void} onChange
   * @param {(extraction: string) => void} onClose
   */
  constructor(session, onChange, onClose) {
    this.#session = session;
    this.#onChange = onChange;
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
    const { extraction, extractor } = heard;
    byId("cards").replaceChildren();
    byId("json").replaceChildren();
    this.#show = { cards: cards(byId("cards")), json: jsonTree(byId("json")) };
    this.#watch = this.#session.watch({ extraction, encoding: "append", interval_ms: INTERVAL_MS });
    this.#watch.subscribe(this.#onChange);
    setText(byId("detail-title"), extractor);
    byId("share", HTMLAnchorElement).href = shareLink(extraction);
    this.#dialog.showModal();
    this.#follower.begin();
    this.#onChange();
  }

  /** Draw what is new. @param {Heard | undefined} heard @param {number} now_ms the server's */
  show(heard, now_ms) {
    if (!this.#watch || !this.#heard) return;
    this.#heard = heard ?? this.#heard;
    const state = this.#watch.getSnapshot();
    showState(this.#heard, state, now_ms);
    this.#showValue(state);
    showProblem(state, this.#session.getSnapshot().welcome?.provider?.name === "recorded");
    showFacts(this.#heard.extraction, state);
  }

  get extraction() {
    return this.#heard?.extraction ?? null;
  }

  /** @param {ReplicaState} state */
  #showValue({ value, rev, reset, ending }) {
    const hasValue = rev !== null || reset !== null;
    byId("blank").hidden = hasValue;
    for (const view of VIEWS) byId(view).hidden = !hasValue || view !== this.#view;
    if (!hasValue) return;
    this.#show?.[this.#view](value);
    if (ending) for (const leaf of byId(this.#view).querySelectorAll(".is-growing")) settle(leaf);
    else this.#follower.follow();
  }

  /** @param {View} view */
  #turnTo(view) {
    this.#view = view;
    byId("panel").setAttribute("aria-labelledby", `tab-${view}`);
    this.#onChange();
  }

  #leave() {
    this.#watch?.close();
    this.#watch = null;
    this.#heard = null;
  }
}

/** Its own watch may know more than was announced. @param {Heard} heard @param {ReplicaState} seen @param {number} now_ms */
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
  byId("problem-fields").replaceChildren(...fields.map(({ path, message }) => el("li", "", el("code", "", path || "the whole value"), `: ${message}`)));
}

/** @param {string} extraction @param {ReplicaState} state */
function showFacts(extraction, { ending, checked, rev }) {
  /** @type {[string, string][]} */
  const facts = [...(ending ? factsOf(ending, checked) : []), ["Revision", String(ending?.rev ?? rev ?? "–")], ["Extraction", extraction]];
  const text = JSON.stringify(facts);
  if (byId("facts").dataset.shown === text) return;
  byId("facts").dataset.shown = text;
  byId("facts").replaceChildren(...facts.map(([what, of]) => el("div", "", el("dt", "", what), el("dd", "", of))));
}
