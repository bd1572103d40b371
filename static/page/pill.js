/** Which provider runs: a word in the head of the page, and behind it why this one, and what it can do. */

import { byId, setText } from "./dom.js";
import { factsOn, pillText } from "./provider.js";

/** @typedef {import("../client/index.js").Session} Session */

/** @param {Session} session */
export function pill(session) {
  const show = () => {
    const provider = session.getSnapshot().welcome?.provider;
    byId("provider").hidden = !provider;
    if (!provider) return byId("provider-card").hidePopover?.();
    byId("provider").dataset.state = provider.state ?? "ready";
    setText(byId("provider-text"), pillText(provider));
    const { hasMore, hasNone, ...facts } = factsOn(provider);
    byId("provider-more").hidden = !hasMore;
    byId("provider-install").hidden = !hasNone;
    for (const [part, words] of Object.entries(facts)) {
      setText(byId(`provider-${part}`), words);
      byId(`provider-${part}`).hidden = words === "";
    }
  };
  session.subscribe(show);
  show();
}
