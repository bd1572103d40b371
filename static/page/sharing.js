/** A link to the run that is looked at: whoever opens it follows the same run, in a tab or on a device of their own. */

import { byId, setText, showOnly } from "./dom.js";

/**
 * @typedef {{ticket: string, expires_in: number}} Ticket
 * @typedef {"making" | "copied" | "copy it"} Said
 */

/** Hosts that only this machine reaches. */
export const LOOPBACK = /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/;

/**
 * @param {() => string | null | undefined} selected the extraction that is looked at
 * @param {Pick<import("./credential.js").Credential, "isHeld" | "isNeeded" | "token">} credential
 */
export function sharing(selected, credential) {
  const field = byId("share-link", HTMLInputElement);
  byId("share-here").hidden = !LOOPBACK.test(location.hostname);
  setText(byId("share-host"), location.host);

  /** @param {Said} said */
  const say = (said) => {
    showOnly("share-said", said);
    if (said !== "copy it") return;
    // A click opens the card only after those who listen to it.
    setTimeout(() => {
      field.focus();
      field.select();
    });
  };
  byId("share").addEventListener("click", async () => {
    const extraction = selected();
    if (!extraction) return;
    field.value = "";
    say("making");
    const held = credential.isHeld && credential.token();
    const ticket = typeof held === "string" ? await ticketFor(held) : null;
    field.value = byId("share-open", HTMLAnchorElement).href = linkTo(extraction, ticket, location);
    showOnly("share-way", ticket ? "ticket" : credential.isNeeded ? "token" : "");
    setText(byId("share-seconds"), String(ticket?.expires_in ?? ""));
    const copying = navigator.clipboard?.writeText(field.value) ?? Promise.reject();
    copying.then(
      () => say("copied"),
      () => say("copy it"),
    );
  });
}

/**
 * @param {string} extraction
 * @param {Ticket | null} ticket
 * @param {Pick<Location, "href">} location
 */
export function linkTo(extraction, ticket, { href }) {
  const link = new URL(href);
  link.search = `?watch=${encodeURIComponent(extraction)}`;
  link.hash = ticket ? `#ticket=${encodeURIComponent(ticket.ticket)}` : "";
  return link.href;
}

/** What opens the page once without a token; null: this gateway gives none. @param {string} token @returns {Promise<Ticket | null>} */
async function ticketFor(token) {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const url = new URL("v1/tickets", document.baseURI);
  const answer = await fetch(url, { method: "POST", headers, body: "{}" }).catch(() => null);
  return answer?.ok ? answer.json() : null;
}
