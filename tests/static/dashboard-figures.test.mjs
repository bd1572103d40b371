/** What a dashboard makes of announcements: worked out by hand, and compared with a naive count over all of them. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";

import { ago, figures, inSeconds, percent, quantile, roundTop, timedWords } from "../../static/dashboard/figures.js";
import { Ledger } from "../../static/dashboard/ledger.js";

/** @typedef {import("../../static/client/protocol.js").Announcement} Announcement */
/** @typedef {Announcement["state"]} State */

/** A round time: bars begin here. */
const NOON_MS = Date.parse("2026-03-01T12:00:00.000Z");

/**
 * @param {string} extraction
 * @param {State} state
 * @param {number} at_s after noon
 * @returns {Announcement}
 */
function said(extraction, state, at_s) {
  const at = new Date(NOON_MS + at_s * 1000).toISOString();
  return { extraction, extractor: "conference", channel: "demo", state, at };
}

/** @param {Announcement[]} announcements @param {Ledger} [ledger] */
function heard(announcements, ledger = new Ledger()) {
  for (const each of announcements) ledger.hear(each, Date.parse(each.at));
  return ledger;
}

describe("the figures", () => {
  test("of seven extractions are those worked out by hand", () => {
    const ledger = heard([
      said("a", "queued", 0),
      said("a", "running", 2),
      said("b", "running", 3),
      said("c", "running", 4),
      said("a", "completed", 12), // ran 10 s
      said("b", "failed", 15), // ran 12 s
      said("d", "running", 61),
      said("d", "completed", 65), // ran 4 s
      said("e", "running", 66),
      said("f", "queued", 67),
      said("g", "queued", 67),
      said("g", "cancelled", 68), // never ran
    ]);
    const { bars, dots, ...rest } = figures(ledger.newest, NOON_MS + 70_000);
    assert.deepEqual(rest, {
      counts: { queued: 1, running: 2, completed: 2, incomplete: 0, failed: 1, cancelled: 1 },
      ended: 4,
      untimed: 0,
      begunPerMinute: 4, // d, e, f, g: within the minute from 12:00:10
      endedPerMinute: 4, // a at 12:00:12, b, d, g
      isCut: false,
      isMinuteCut: false,
      areBarsCut: false,
      from_ms: NOON_MS - 220_000, // thirty bars of 10 s, the last one begins at 12:01:10
      median_ms: 10_000, // of 4, 10, 12
      p90_ms: 12_000,
    });
    assert.deepEqual(bars.map(({ completed, failed, cancelled }) => [completed, failed, cancelled]).slice(-7), [
      [1, 1, 0], // from 12:00:10
      [0, 0, 0],
      [0, 0, 0],
      [0, 0, 0],
      [0, 0, 0],
      [1, 0, 1], // from 12:01:00
      [0, 0, 0],
    ]);
    assert.deepEqual(
      dots.map(({ state, duration_ms }) => [state, duration_ms]).sort(),
      [["completed", 10_000], ["completed", 4000], ["failed", 12_000]],
    );
  });

  test("of nothing are nothing, and no number that is none", () => {
    const { counts, dots, median_ms, p90_ms, bars } = figures([], NOON_MS);
    assert.deepEqual(Object.values(counts), [0, 0, 0, 0, 0, 0]);
    assert.deepEqual([dots, median_ms, p90_ms, bars.length], [[], null, null, 30]);
  });

  test("make up no duration for what had ended before it was heard of, and take the one its ending tells", () => {
    const ledger = heard([said("old", "completed", 0)]);
    const unknown = figures(ledger.newest, NOON_MS + 1000);
    assert.deepEqual([unknown.ended, unknown.dots, unknown.untimed, timedWords(unknown)], [1, [], 1, "0 of 1 timed"]);
    const told = figures(ledger.newest, NOON_MS + 1000, { timed: () => 431 });
    assert.deepEqual([told.median_ms, told.untimed, timedWords(told)], [431, 0, "90 % in 431 ms"]);
  });

  test("do not know how many have begun in a minute in which one ended whose begin nobody here heard", () => {
    const ledger = heard([said("old", "completed", 0), said("a", "running", 30), said("a", "completed", 40)]);
    const begun = [45, 59, 60, 89, 90].map((at_s) => figures(ledger.newest, NOON_MS + at_s * 1000).begunPerMinute);
    assert.deepEqual(begun, [null, null, 1, 1, 0]);
  });

  test("say of how many the median is, and leave out what never ran", () => {
    const ledger = heard([
      ...["a", "b", "c"].map((name) => said(name, "completed", 1)), // who knows for how long
      said("d", "running", 1),
      said("d", "completed", 2),
      said("e", "queued", 1),
      said("e", "cancelled", 2), // while it was queued
      said("f", "cancelled", 2), // so was this one, as its ending says
    ]);
    const known = { neverRan: (/** @type {string} */ name) => name === "f" };
    const { dots, untimed, median_ms, ...rest } = figures(ledger.newest, NOON_MS + 3000, known);
    assert.deepEqual([dots.length, untimed, median_ms], [1, 3, 1000]);
    assert.equal(timedWords({ dots, untimed, median_ms, ...rest }), "1 of 4 timed");
  });

  test("have no duration below nought, should the server's clock be set back", () => {
    const { dots } = figures(heard([said("a", "running", 9), said("a", "completed", 8)]).newest, NOON_MS + 9000);
    assert.deepEqual(dots.map(({ duration_ms }) => duration_ms), [0]);
  });

  test("count as ended just now what a clock that is behind takes for the future", () => {
    const { bars } = figures(heard([said("a", "completed", 50)]).newest, NOON_MS);
    assert.equal(bars.at(-1)?.completed, 1);
  });
});

/** Any channel's story: each extraction goes its way, with gaps where news were folded together. */
const stories = fc
  .array(
    fc.record({
      begins_s: fc.integer({ min: -400, max: 100 }),
      steps: fc.subarray(/** @type {State[]} */ (["queued", "running"]), { minLength: 0 }),
      waits_s: fc.integer({ min: 0, max: 90 }),
      end: fc.option(fc.constantFrom(/** @type {State} */ ("completed"), /** @type {State} */ ("incomplete"), /** @type {State} */ ("failed"), /** @type {State} */ ("cancelled"))),
    }),
    { maxLength: 60 },
  )
  .map((runs) =>
    runs.flatMap(({ begins_s, steps, waits_s, end }, at) =>
      [...steps, ...(end ? [end] : [])].map((state, step) => said(`x${at}`, state, begins_s + step * waits_s)),
    ),
  );

/** Counted again from all announcements, without a ledger. @param {Announcement[]} all @param {number} now_ms */
function counted(all, now_ms) {
  const names = [...new Set(all.map(({ extraction }) => extraction))];
  const of = (/** @type {string} */ name, /** @type {string} */ state) =>
    all.find((each) => each.extraction === name && each.state === state)?.at;
  const ends = names.map((name) => all.filter((each) => each.extraction === name).at(-1));
  const isEnd = (/** @type {string} */ state) => state !== "queued" && state !== "running";
  const window_ms = Math.floor(now_ms / 10_000) * 10_000 - 290_000;
  const durations = ends.flatMap((end) => {
    if (!end || !isEnd(end.state) || Date.parse(end.at) < window_ms) return [];
    const ran = of(end.extraction, "running");
    return ran ? [Date.parse(end.at) - Date.parse(ran)] : [];
  });
  const isUnheard = (/** @type {Announcement | undefined} */ end) => end && isEnd(end.state) && minute(end.at) && !of(end.extraction, "queued") && !of(end.extraction, "running");
  const minute = (/** @type {string | undefined} */ at) => at !== undefined && Date.parse(at) > now_ms - 60_000;
  return {
    states: ends.map((end) => end?.state ?? "").sort(),
    begun: ends.some(isUnheard) ? null : names.filter((name) => minute(of(name, "queued") ?? of(name, "running"))).length,
    ended: ends.filter((end) => end && isEnd(end.state) && minute(end.at)).length,
    durations: durations.sort((a, b) => a - b),
  };
}

describe("the ledger", () => {
  test("gives the figures of a naive count, whatever is announced again on a new connection", () => {
    fc.assert(
      fc.property(stories, fc.array(fc.nat({ max: 200 }), { maxLength: 40 }), (all, repeats) => {
        const ledger = heard(all);
        ledger.doubt(NOON_MS);
        const newest = [...new Map(all.map((each) => [each.extraction, each])).values()];
        heard(newest, ledger); // what a new follow is told
        heard(repeats.flatMap((at) => all[at] ?? []), ledger); // and old news once more
        ledger.settle(NOON_MS + 60_000);
        const now_ms = NOON_MS + 200_000;
        const { counts, begunPerMinute, endedPerMinute, dots } = figures(ledger.newest, now_ms);
        const states = Object.entries(counts).flatMap(([state, count]) => Array(count).fill(state));
        const expected = counted(all, now_ms);
        assert.deepEqual(states.sort(), expected.states);
        assert.deepEqual([begunPerMinute, endedPerMinute], [expected.begun, expected.ended]);
        assert.deepEqual(dots.map(({ duration_ms }) => duration_ms).sort((a, b) => a - b), expected.durations);
      }),
    );
  });

  test("forgets what runs and is not announced again on a new connection, and keeps what ended", () => {
    const ledger = heard([said("runs", "running", 0), said("gone", "running", 1), said("ended", "completed", 2)]);
    ledger.doubt(NOON_MS);
    ledger.hear(said("runs", "running", 0), NOON_MS + 100);
    assert.equal(ledger.settle(NOON_MS + 1000), false);
    assert.equal(ledger.newest.length, 3);
    assert.equal(ledger.settle(NOON_MS + 6000), true);
    assert.deepEqual(ledger.newest.map(({ extraction }) => extraction), ["ended", "runs"]);
  });

  test("keeps the time at which something began over a lost connection", () => {
    const ledger = heard([said("a", "running", 0)]);
    ledger.doubt(NOON_MS + 5000);
    ledger.hear(said("a", "completed", 9), NOON_MS + 30_000);
    assert.deepEqual(figures(ledger.newest, NOON_MS + 30_000).dots.map(({ duration_ms }) => duration_ms), [9000]);
  });

  test("keeps the newest thousand, and forgets first what ended", () => {
    const ledger = heard([said("long", "running", 0), said("first", "completed", 1), said("second", "completed", 1)]);
    for (let count = 0; count < 999; count++) ledger.hear(said(`n${count}`, "completed", 2), NOON_MS);
    const names = new Set(ledger.newest.map(({ extraction }) => extraction));
    assert.deepEqual([names.size, names.has("long"), names.has("first"), names.has("second")], [1000, true, false, false]);
    // Those two ended at 12:00:01: from 12:01:01 on the minute is whole, and at 12:05 the first bar begins at 12:00:10.
    const { forgotten_ms } = ledger;
    const cut = [60, 61, 299, 300].map((at_s) => figures(ledger.newest, NOON_MS + at_s * 1000, { forgotten_ms }));
    assert.deepEqual(cut.map(({ isMinuteCut, areBarsCut }) => [isMinuteCut, areBarsCut]), [
      [true, true],
      [false, true],
      [false, true],
      [false, false],
    ]);
  });

  test("learns from what just happened how far this clock is off, and from nothing else", () => {
    const ahead_ms = 3_600_000;
    const ledger = new Ledger();
    ledger.hear(said("old", "completed", -300), NOON_MS + ahead_ms); // retained: this happened long ago
    assert.equal(ledger.serverTime(NOON_MS + ahead_ms), NOON_MS + ahead_ms);
    ledger.hear(said("a", "running", 0), NOON_MS + ahead_ms + 40);
    ledger.hear(said("a", "completed", 1), NOON_MS + ahead_ms + 1020);
    ledger.hear(said("b", "queued", 2), NOON_MS + ahead_ms + 2500);
    ledger.hear(said("b", "running", 3), NOON_MS + ahead_ms + 3900); // on its way for longer: it tells less
    assert.equal(ledger.serverTime(NOON_MS + ahead_ms + 1020), NOON_MS + 1000);
  });

  test("learns nothing of the clock from what happened while it was cut off", () => {
    const ledger = heard([said("a", "running", 0)]);
    ledger.doubt(NOON_MS + 60_000);
    ledger.hear(said("a", "completed", 5), NOON_MS + 60_000);
    assert.equal(ledger.serverTime(NOON_MS + 60_000), NOON_MS + 60_000);
  });

  test("sees at once that this clock is behind", () => {
    const ledger = new Ledger();
    ledger.hear(said("a", "running", 90), NOON_MS);
    assert.equal(ledger.serverTime(NOON_MS), NOON_MS + 90_000);
  });
});

describe("a figure in words", () => {
  test("is the least value that so many are not above", () => {
    const values = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
    assert.deepEqual([quantile(values, 0.5), quantile(values, 0.9), quantile([7], 0.9), quantile([], 0.5)], [5, 9, 7, null]);
  });

  test("has a round top", () => {
    assert.deepEqual([0, 1, 2, 3, 7, 11, 45, 1201, 0.3].map(roundTop), [0, 1, 2, 5, 10, 20, 50, 2000, 1]);
  });

  test("counts in whole seconds", () => {
    assert.deepEqual([-5, 999, 59_999, 61_000, 3_720_000].map(inSeconds), ["0 s", "0 s", "59 s", "1 min 1 s", "1 h 2 min"]);
    assert.deepEqual([0, 6000, 61_000, 7_300_000].map(ago), ["just now", "6 s ago", "1 min ago", "2 h ago"]);
  });

  test("never says none of some, or all of less", () => {
    assert.deepEqual([percent(0, 0), percent(1, 400), percent(399, 400), percent(1, 3), percent(3, 3)], ["0 %", "< 1 %", "> 99 %", "33 %", "100 %"]);
  });
});
