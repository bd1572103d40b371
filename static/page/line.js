/** How the connection stands: a quiet word while it is well, a notice with a countdown when it is not. */

import { isRefused } from "./credential.js";
import { byId, setText, showOnly } from "./dom.js";

/** @typedef {import("../client/index.js").Session} Session */
/** @typedef {import("../client/connection.js").ConnectionState} ConnectionState */

const WORDS = {
  connecting: "Connecting",
  open: "Connected",
  waiting: "Connection lost",
  offline: "Offline",
  cut: "Line cut",
  closed: "Disconnected",
  shut: "Locked",
};

/** So long a line that was cut on purpose stays cut: one has to see what that does. */
const CUT_MS = 2_000;
/** So long it is said that it came back. */
const BACK_MS = 4_000;
/** The close code of a gateway that is started again. */
const RESTART = 1012;

/** What keeps a line cut. */
export class Cut {
  /** When it comes back. */
  until_ms = 0;
  /** A new connection waits for this. @type {Promise<void>} */
  healed = Promise.resolve();
  /** Let it come back now. */
  heal = () => {};

  begin() {
    this.until_ms = performance.now() + CUT_MS;
    this.healed = new Promise((resolve) => {
      this.heal = () => {
        this.until_ms = 0;
        resolve();
      };
      setTimeout(this.heal, CUT_MS);
    });
  }
}

/**
 * @param {Session} session
 * @param {Cut} cut
 * @param {() => boolean} [goesOn] whether the gateway goes on with something that was asked for before
 */
export function line(session, cut, goesOn = () => false) {
  /** When the next try begins. */
  let due_ms = 0;
  let [wasOpen, isLost] = [false, false];
  /** Until when it is said that the line is back. */
  let back_ms = 0;
  byId("retry").addEventListener("click", () => {
    if (session.getSnapshot().status === "closed") return location.reload();
    cut.heal();
    session.reconnect();
  });
  byId("cut").addEventListener("click", () => {
    cut.begin();
    session.interrupt();
  });

  const count = () => {
    const state = session.getSnapshot();
    const now_ms = performance.now();
    const left_ms = Math.max(due_ms, cut.until_ms) - now_ms;
    const isBack = back_ms > now_ms;
    const isGoing = isLeaving(state);
    const isWell = state.status === "open" && !isGoing && !isBack;
    byId("line").hidden = isWell || isRefused(state) || isFirstTry(state);
    byId("line").dataset.kind = isBack && !isGoing ? "calm" : "";
    byId("retry").hidden = state.status === "open";
    setText(byId("retry"), state.status === "closed" ? "Reload" : "Try now");
    const isCut = cut.until_ms > now_ms;
    const status = wordOf(state, isCut);
    byId("connection").dataset.status = status;
    setText(byId("connection-text"), WORDS[status]);
    setText(byId("line-text"), sentence(state, { wasOpen, isCut, left_ms, goesOn: goesOn() }));
    if (left_ms > 0 || isBack) setTimeout(count, 250);
  };
  const show = () => {
    const state = session.getSnapshot();
    const isOpen = state.status === "open";
    if (isOpen && isLost && wasOpen) back_ms = performance.now() + BACK_MS;
    if (!isOpen) back_ms = 0;
    isLost = !isOpen;
    wasOpen ||= isOpen;
    due_ms = performance.now() + state.delay_ms;
    showOnly("line-end", state.status === "closed" ? String(state.code) : "");
    byId("cut", HTMLButtonElement).disabled = !isOpen;
    count();
  };
  session.subscribe(show);
  for (const name of ["online", "offline"]) addEventListener(name, show);
  show();
}

/** Whether the gateway is about to go. @param {ConnectionState} state */
export function isLeaving({ status, goaway }) {
  return status === "open" && goaway !== null;
}

/** @param {ConnectionState} state @param {boolean} isCut @returns {keyof typeof WORDS} */
function wordOf(state, isCut) {
  if (isRefused(state)) return "shut";
  if (state.status === "open" || state.status === "closed") return state.status;
  if (isCut) return "cut";
  return state.status === "waiting" && !navigator.onLine ? "offline" : state.status;
}

/** @param {ConnectionState} state */
function isFirstTry({ status, code }) {
  return status === "connecting" && code === null;
}

/**
 * @param {ConnectionState} state
 * @param {{wasOpen: boolean, isCut: boolean, left_ms: number, goesOn: boolean}} more
 */
function sentence(state, { wasOpen, isCut, left_ms, goesOn }) {
  const { status, code } = state;
  if (status === "closed") return "";
  if (isLeaving(state)) return "The gateway is about to restart: what runs may end first, nothing new begins.";
  if (status === "open") return `Connected again${goesOn ? ": what runs goes on where it was." : "."}`;
  if (isCut) return `You cut the line; what runs goes on at the gateway. Back in ${inSeconds(left_ms)}.`;
  if (!navigator.onLine) return "You are offline. This page comes back by itself.";
  const next = left_ms <= 0 ? "Trying now …" : `Trying again in ${inSeconds(left_ms)}.`;
  if (code === RESTART) return `The gateway is restarting. ${next}`;
  if (!wasOpen) return `The gateway does not answer. ${next}`;
  const when = left_ms > 0 ? ` in ${inSeconds(left_ms)}` : "";
  return `The connection is lost; this page tries again by itself${when}.`;
}

/** @param {number} ms */
function inSeconds(ms) {
  return `${Math.max(1, Math.ceil(ms / 1000))}\u00a0s`;
}
