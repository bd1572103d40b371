/** How often the client speaks: within what `welcome.limits` says, and what is more waits its turn. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { sha256, welcomed } from "./fakes.mjs";

/** Of 10 at once and 20 a second a client takes nine tenths: 9, then one every 1000 / 18 ms. */
const limits = { messages_per_s: 20, messages_burst: 10 };
const TURN_MS = 1000 / 18;

/** @param {ReturnType<typeof welcomed>} all @param {number} count */
function extract({ session }, count) {
  return Array.from({ length: count }, (_, at) => session.extract({ input: `${at}` }));
}

/** @param {ReturnType<typeof welcomed>} all */
function inputs({ server }) {
  return server.socket.take().map(({ type, input }) => input ?? type);
}

describe("messages beyond the server's limits", () => {
  test("wait their turn, in order", () => {
    const all = welcomed({}, { limits });
    extract(all, 12);
    assert.deepEqual(inputs(all), ["0", "1", "2", "3", "4", "5", "6", "7", "8"]);
    all.clock.advance(TURN_MS - 1);
    assert.deepEqual(inputs(all), []);
    all.clock.advance(1);
    assert.deepEqual(inputs(all), ["9"]);
    all.clock.advance(TURN_MS);
    all.clock.advance(TURN_MS);
    assert.deepEqual(inputs(all), ["10", "11"]);
  });

  test("never come sooner than the server's own bucket has room", () => {
    const all = welcomed({}, { limits });
    let [room, sent] = [limits.messages_burst, 0];
    for (let at_ms = 0; at_ms < 3_000; at_ms += 10) {
      if (at_ms < 1_000 || at_ms > 2_000) extract(all, 2);
      room = Math.min(limits.messages_burst, room + limits.messages_per_s / 100);
      const { length } = all.server.socket.take();
      sent += length;
      room -= length;
      assert.ok(room >= 0, `at ${at_ms} ms`);
      all.clock.advance(10);
    }
    assert.ok(sent > 50, `${sent}`);
  });

  test("are as many at once again after a while", () => {
    const all = welcomed({}, { limits });
    extract(all, 9);
    inputs(all);
    for (let turn = 0; turn < 20; turn++) all.clock.advance(TURN_MS);
    extract(all, 10);
    assert.equal(inputs(all).length, 9);
  });

  test("are of every kind but watches, which the server does not count", () => {
    const all = welcomed({}, { limits });
    const [first] = extract(all, 9);
    inputs(all);
    first?.cancel();
    all.server.socket.say({ type: "started", id: "w1", extraction: "x1", epoch: "e1", state: "running" });
    const follow = all.session.follow({ channel: "desk" });
    const other = all.session.watch({ extraction: "x2" });
    assert.deepEqual(inputs(all), ["watch"]);
    other.close();
    follow.close();
    for (let turn = 0; turn < 9; turn++) all.clock.advance(TURN_MS);
    assert.deepEqual(inputs(all), ["cancel", "follow", "unwatch", "unfollow"]);
  });

  test("are asked for anew on a new connection, whose count begins anew", () => {
    const all = welcomed({}, { limits });
    const watches = extract(all, 11);
    all.server.socket.drop(1006);
    assert.deepEqual(inputs(all).length, 9);
    watches[0]?.close();
    all.clock.advance(500);
    all.server.socket.welcome({ limits });
    assert.deepEqual(inputs(all), ["hello", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    all.clock.advance(TURN_MS);
    assert.deepEqual(inputs(all), ["10"]);
  });

  test("that wait do not keep the session from its end", () => {
    const all = welcomed({}, { limits });
    extract(all, 11);
    all.session.close();
    assert.ok(all.clock.isIdle);
    assert.equal(inputs(all).length, 9);
  });

  test("do not wait where the server names no limits", () => {
    const all = welcomed();
    extract(all, 200);
    assert.equal(inputs(all).length, 200);
  });

  test("end with their values", async () => {
    const all = welcomed({}, { limits: { messages_per_s: 1, messages_burst: 1 } });
    const watches = extract(all, 2);
    all.clock.advance(1000 / 0.9);
    for (const id of ["w1", "w2"]) {
      const at = { id, epoch: "e1", rev: 1 };
      all.server.socket.say(
        { type: "started", id, extraction: `x${id}`, epoch: "e1", state: "running", deduplicated: false },
        { type: "snapshot", ...at, value: 1 },
        { type: "completed", ...at, digest: sha256("1") },
      );
    }
    assert.deepEqual(await Promise.all(watches.map(({ result }) => result)), [1, 1]);
  });
});
