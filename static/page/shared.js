/** Runs that were started somewhere else: which ones the address names, and what the channel says of them. */

import { CHANNEL } from "./lane.js";
import { outline } from "./outline.js";

/**
 * @typedef {import("../client/index.js").Session} Session
 * @typedef {import("./lane.js").Lane} Lane
 */

/** @param {string} search of the address */
export function namesIn(search) {
  return [...new Set(new URLSearchParams(search).getAll("watch").filter(Boolean))];
}

/** The address without those that are not followed any more. @param {string} href @param {(name: string) => boolean} isFollowed */
export function withoutOthers(href, isFollowed) {
  const address = new URL(href);
  const names = namesIn(address.search);
  if (names.every(isFollowed)) return href;
  address.searchParams.delete("watch");
  for (const name of names.filter(isFollowed)) address.searchParams.append("watch", name);
  return address.href;
}

/**
 * Say of each what it extracts, and since when, as soon as the channel does.
 *
 * @param {Session} session
 * @param {readonly Lane[]} lanes
 */
export function learn(session, lanes) {
  const unknown = new Set(lanes.filter(({ isShared }) => isShared));
  if (unknown.size === 0) return;
  const follow = session.follow({ channel: CHANNEL });
  follow.subscribe(({ extractions }) => {
    for (const lane of unknown) {
      const told = extractions.find(({ extraction }) => extraction === lane.extraction);
      if (!told) continue;
      unknown.delete(lane);
      tell(lane, told, session);
      if (unknown.size === 0) follow.close();
    }
  });
}

/** @param {Lane} lane @param {import("../client/protocol.js").Announcement} told @param {Session} session */
function tell(lane, { extractor, state, at }, session) {
  const known = session.getSnapshot().welcome?.extractors.find(({ name }) => name === extractor);
  const name = known ? extractor.replaceAll("_", " ") : "own schema";
  const started_at = state === "running" ? Date.parse(at) : undefined;
  lane.learn({ title: `${name}, shared`, shape: outline(known?.schema ?? null) }, started_at);
}
