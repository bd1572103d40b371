/** What the page shows where the gateway wants a credential: one field, and words about what became of it. */

import { REFUSED, isRefused, tokenFromAddress } from "./credential.js";
import { byId, setText, showOnly } from "./dom.js";

/** @typedef {import("../client/index.js").Session} Session */
/** @typedef {import("./credential.js").Credential} Credential */

/**
 * @param {Session} session
 * @param {Credential} credential
 * @param {(token: string) => Promise<import("./credential.js").Verdict>} tryToken
 */
export function gate(session, credential, tryToken) {
  const field = byId("token", HTMLInputElement);
  const button = byId("enter", HTMLButtonElement);
  let isTrying = false;
  /** The newest token that was given, perhaps while another one was tried. */
  let waiting = "";

  const show = () => {
    const state = session.getSnapshot();
    const isShut = isRefused(state);
    const opens = isShut && byId("gate").hidden;
    byId("gate").hidden = !isShut;
    document.body.toggleAttribute("data-locked", isShut);
    byId("forget").hidden = !credential.isHeld || state.status !== "open";
    field.readOnly = isTrying;
    button.disabled = isTrying;
    setText(button, isTrying ? "Trying …" : "Connect");
    if (opens) field.focus();
  };

  const hear = () => {
    const state = session.getSnapshot();
    if (state.code === REFUSED && state.status !== "connecting") {
      credential.refuse();
      showOnly("gate-problem", credential.wrong);
    }
    show();
  };

  /** @param {string} token */
  const enter = async (token) => {
    waiting = token;
    if (isTrying) return;
    isTrying = true;
    showOnly("gate-problem", "");
    show();
    const verdict = await tryToken(token);
    isTrying = false;
    if (verdict !== "accepted" && waiting !== token) return void enter(waiting);
    showOnly("gate-problem", verdict);
    if (verdict === "accepted") {
      field.value = "";
      credential.keep(token);
      session.reconnect();
    }
    show();
    if (verdict === "refused") field.select();
  };

  byId("gate-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const token = field.value.trim();
    if (token) void enter(token);
  });
  byId("forget").addEventListener("click", () => {
    credential.forget();
    location.reload();
  });
  globalThis.addEventListener("hashchange", () => {
    if (location.hash.includes("ticket=") && !byId("gate").hidden) return location.reload();
    const token = tokenFromAddress(location, history);
    if (token && !byId("gate").hidden) void enter(token);
  });
  session.subscribe(hear);
  show();
}
