/** Why there is no way in: a browser is not told why its WebSocket was refused, but `/readyz` says it. */

import { byId, showOnly } from "../page/dom.js";

/** @typedef {import("../client/index.js").Session} Session */

/** The close code of a credential that has as many connections as it may. */
const TOO_MANY = 1013;
/** Of a handshake that came to nothing. */
const ABNORMAL = 1006;

/** @param {Session} session */
export function whyNot(session) {
  /** @param {string} key */
  const say = (key) => {
    byId("why").hidden = !showOnly("why", key);
  };
  session.subscribe((state) => {
    const { status, code } = state;
    if (status === "open" || status === "closed") say("");
    else if (status === "waiting" && code === TOO_MANY) say("principal");
    else if (status === "waiting" && code === ABNORMAL) {
      void reason().then((key) => {
        if (session.getSnapshot() === state) say(key);
      });
    }
  });
}

/** What `/readyz` says; nothing where nobody answers. */
async function reason() {
  try {
    const response = await fetch(new URL("readyz", document.baseURI));
    return String((await response.json()).reason ?? "");
  } catch {
    return "";
  }
}
