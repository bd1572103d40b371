/** How the connection stands: a quiet word while it is well, a notice with a countdown when it is not. */

import { isRefused } from "./credential.js";
import { byId, setText, showOnly } from "./dom.js";

/** @typedef {import("../client/index.js").Session} Session */
/** @typedef {import("../client/connection.js").ConnectionState} ConnectionState */

const WORDS = {
  connecting: "Connecting",
  open: "Connected",
  waiting: "Connection lost",
  closed: "Disconnected",
  shut: "Locked",
};

/** So long a line that was cut on purpose stays cut: one has to see what that does. */
const CUT_MS = 2_000;

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
 */
export function line(session, cut) {
  /** When the next try begins. */
  let due_ms = 0;
  let wasOpen = false;
  byId("retry").addEventListener("click", () => {
    if (session.getSnapshot().status === "closed") return location.reload();
    cut.heal();
    session.reconnect();
  });
  byId("cut").addEventListener("click", () => {
    cut.begin();
    session.interrupt();
  });
  globalThis.addEventListener("online", () => session.reconnect());

  const count = () => {
    const state = session.getSnapshot();
    const left_ms = Math.max(due_ms, cut.until_ms) - performance.now();
    setText(byId("line-text"), sentence(state, wasOpen, left_ms));
    if (left_ms > 0) setTimeout(count, 250);
  };
  const show = () => {
    const state = session.getSnapshot();
    wasOpen ||= state.status === "open";
    due_ms = performance.now() + state.delay_ms;
    const status = isRefused(state) ? "shut" : state.status;
    byId("connection").dataset.status = status;
    setText(byId("connection-text"), WORDS[status]);
    byId("line").hidden = status === "open" || status === "shut" || isFirstTry(state);
    showOnly("line-end", status === "closed" ? String(state.code) : "");
    byId("cut", HTMLButtonElement).disabled = state.status !== "open";
    count();
  };
  session.subscribe(show);
  show();
}

/** @param {ConnectionState} state */
function isFirstTry({ status, code }) {
  return status === "connecting" && code === null;
}

/**
 * @param {ConnectionState} state
 * @param {boolean} wasOpen
 * @param {number} left_ms
 */
function sentence({ status }, wasOpen, left_ms) {
  if (status === "closed") return "";
  const what = wasOpen
    ? "The connection is lost; what runs goes on at the gateway."
    : "The gateway does not answer.";
  if (left_ms <= 0) return `${what} Trying now …`;
  return `${what} Trying again in ${Math.max(1, Math.ceil(left_ms / 1000))} s.`;
}
