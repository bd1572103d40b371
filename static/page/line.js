/** How the connection stands: a quiet word while it is well, a notice with a countdown when it is not. */

import { isRefused } from "./credential.js";
import { byId, setText } from "./dom.js";

/** @typedef {import("../client/index.js").Session} Session */
/** @typedef {import("../client/connection.js").ConnectionState} ConnectionState */

const WORDS = {
  connecting: "Connecting",
  open: "Connected",
  waiting: "Connection lost",
  closed: "Disconnected",
  shut: "Locked",
};

/** Close codes after which the client does not come back (PROTOCOL.md §8). @type {{[code: number]: string}} */
const ENDS = {
  1000: "The gateway ended the session.",
  1009: "A message was too big for the gateway.",
  4400: "The gateway did not understand this page. Are both of the same version?",
  4401: "The gateway took the token and then refused it.",
  4403: "This page may not use the gateway.",
  4406: "The gateway does not speak this page's protocol.",
};

/** @param {Session} session */
export function line(session) {
  /** When the next try begins. */
  let due_ms = 0;
  let wasOpen = false;
  byId("retry").addEventListener("click", () => {
    if (session.getSnapshot().status === "closed") location.reload();
    else session.reconnect();
  });
  byId("cut").addEventListener("click", () => session.interrupt());
  globalThis.addEventListener("online", () => session.reconnect());

  const count = () => {
    const state = session.getSnapshot();
    setText(byId("line-text"), sentence(state, wasOpen, due_ms - performance.now()));
    if (state.status === "waiting") setTimeout(count, 250);
  };
  const show = () => {
    const state = session.getSnapshot();
    wasOpen ||= state.status === "open";
    due_ms = performance.now() + state.delay_ms;
    const status = isRefused(state) ? "shut" : state.status;
    byId("connection").dataset.status = status;
    setText(byId("connection-text"), WORDS[status]);
    byId("line").hidden = status === "open" || status === "shut" || isFirstTry(state);
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
function sentence({ status, code }, wasOpen, left_ms) {
  if (status === "closed") return ENDS[code ?? 0] ?? "The gateway does not take this connection back.";
  const what = wasOpen
    ? "The connection is lost; what runs goes on at the gateway."
    : "The gateway does not answer.";
  if (status === "connecting") return `${what} Trying now …`;
  return `${what} Trying again in ${Math.max(1, Math.ceil(left_ms / 1000))} s.`;
}
