/** Which cards a dashboard draws: what runs before what waits, and few of those that wait. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { Ledger } from "../../static/dashboard/ledger.js";
import { live, moreWords, past } from "../../static/dashboard/order.js";

/** @typedef {import("../../static/client/protocol.js").Announcement["state"]} State */

/** @param {State} state @param {number} count @param {Ledger} ledger */
function hear(state, count, ledger) {
  for (let at = 0; at < count; at++) {
    const time = new Date(Date.parse("2026-03-01T12:00:00Z") + 1000 * at).toISOString();
    ledger.hear({ extraction: `${state}${at}`, extractor: "meeting", channel: "demo", state, at: time }, 0);
  }
  return ledger;
}

/** @param {import("../../static/dashboard/order.js").Share} share */
const names = ({ drawn }) => drawn.map(({ extraction }) => extraction);

describe("the cards of what goes on", () => {
  const busy = hear("queued", 136, hear("running", 64, new Ledger())).newest;

  test("are of those that run, the newest first, whatever came later and waits", () => {
    const share = live(busy, { now: 24, queued: 6 });
    assert.deepEqual(names(share), Array.from({ length: 24 }, (_, at) => `running${63 - at}`));
    assert.equal(moreWords(share.left), "Show more (176 are not shown, 136 of them queued)");
  });

  test("are, behind all that run, of a few that wait: those that are next", () => {
    const share = live(busy, { now: 72, queued: 6 });
    assert.deepEqual(names(share).slice(62), ["running1", "running0", "queued0", "queued1", "queued2", "queued3", "queued4", "queued5"]);
    assert.equal(moreWords(share.left), "Show more (130 are not shown, all queued)");
  });

  test("are of no more that wait than there is room for, also once more are wanted", () => {
    assert.deepEqual(names(live(busy, { now: 66, queued: 66 })).slice(64), ["queued0", "queued1"]);
  });
});

test("the cards of what ended are the newest ends", () => {
  const ledger = hear("completed", 3, hear("running", 2, new Ledger()));
  const share = past(ledger.newest, 2);
  assert.deepEqual(names(share), ["completed2", "completed1"]);
  assert.equal(moreWords(share.left), "Show more (1 is not shown)");
});
