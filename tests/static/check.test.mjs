/** The digest of an ending: what is hashed, what waits for it, and what comes of one that differs. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { ManualHashing, replaceSubtle, sha256, welcomed } from "./fakes.mjs";

/** @typedef {any} Message */
/** @typedef {import("node:test").TestContext} TestContext */

const id = "w1";
const started = { type: "started", id, extraction: "x1", epoch: "e1", state: "running", deduplicated: false };
const watching = { type: "watching", id, extraction: "x1", epoch: "e1", rev: 1, state: "completed" };
const whole = { type: "snapshot", id, epoch: "e1", rev: 1, value: { a: "xy" }, final: true };
const proven = { type: "completed", id, epoch: "e1", rev: 1, digest: sha256('{"a":"xy"}') };
const doubtful = { ...proven, digest: sha256('{"a":"x"}') };
const again = { type: "watch", id, extraction: "x1", from: "start" };

/**
 * A watch whose terminal has come, and whose digest is being made.
 *
 * @param {TestContext} context
 * @param {Message} [ending]
 */
function claimed(context, ending = proven) {
  const hashing = new ManualHashing(context);
  const all = welcomed();
  const watch = all.session.extract({ input: "text" });
  all.server.socket.say(started, whole, ending);
  all.server.socket.take();
  /** What its listeners heard of endings. @type {unknown[]} */
  const endings = [];
  watch.subscribe(({ ending: last, error }) => {
    if (last || error) endings.push(error?.code ?? last?.type);
  });
  return { ...all, hashing, watch, endings, socket: all.server.socket };
}

/** Come back after a lost line. @param {ReturnType<typeof claimed>} all */
function back({ clock, server }) {
  clock.advance(500);
  server.socket.welcome();
  return server.socket.take().slice(1);
}

describe("an ending", () => {
  test("waits for its digest, the value does not", async (context) => {
    const { hashing, watch, endings } = claimed(context);
    const { status, value, ending, checked } = watch.getSnapshot();
    assert.deepEqual([status, value, ending, checked], ["running", { a: "xy" }, null, false]);
    await hashing.finish();
    assert.deepEqual(await watch.result, { a: "xy" });
    assert.deepEqual(watch.getSnapshot(), {
      ...watch.getSnapshot(),
      status: "completed",
      ending: proven,
      checked: true,
    });
    assert.deepEqual(endings, ["completed"]);
  });

  test("ends the loop behind the last value", async (context) => {
    const { hashing, watch } = claimed(context);
    const values = watch[Symbol.asyncIterator]();
    assert.deepEqual((await values.next()).value, { a: "xy" });
    const last = values.next();
    await hashing.finish();
    assert.equal((await last).done, true);
  });

  test("of items is that of the value behind them", async (context) => {
    const hashing = new ManualHashing(context);
    const { server, session } = welcomed();
    const watch = session.extract({ input: "text", encoding: "items" });
    const item = { type: "item", id, rev: 1, key: "/a", path: "/a", index: 0, value: 1, valid: true };
    server.socket.say(started, item, whole, proven);
    await hashing.finish();
    assert.deepEqual([await watch.result, watch.getSnapshot().checked], [{ a: "xy" }, true]);
  });

  test("of text is not checked, nor one without a digest, nor one that is no whole value", (context) => {
    const hashing = new ManualHashing(context);
    const { server, session } = welcomed();
    const text = session.extract({ input: "text", encoding: "text" });
    const part = session.extract({ input: "text", paths: ["/a"] });
    const cut = session.extract({ input: "text" });
    server.socket.say(started, { type: "text", id, epoch: "e1", at: 0, text: "{" }, doubtful);
    const { digest: _, ...undigested } = proven;
    for (const frame of [started, whole, undigested]) server.socket.say({ ...frame, id: "w2" });
    const cancelled = { ...doubtful, type: "cancelled" };
    for (const frame of [started, whole, cancelled]) server.socket.say({ ...frame, id: "w3" });
    const states = [text, part, cut].map((watch) => watch.getSnapshot());
    assert.deepEqual(
      states.map(({ status, checked }) => [status, checked]),
      [
        ["completed", false],
        ["completed", false],
        ["cancelled", false],
      ],
    );
    assert.ok(hashing.isIdle);
  });

  for (const [name, subtle] of /** @type {const} */ ([
    ["has no digests", undefined],
    ["cannot make one", { digest: () => Promise.reject(new Error("no memory")) }],
  ])) {
    test(`counts unchecked where the platform ${name}`, async (context) => {
      replaceSubtle(context, subtle);
      const { server, session } = welcomed();
      const watch = session.extract({ input: "text" });
      server.socket.say(started, whole, doubtful);
      assert.deepEqual(await watch.result, { a: "xy" });
      const { status, checked } = watch.getSnapshot();
      assert.deepEqual([status, checked], ["completed", false]);
    });
  }
});

describe("a digest that differs", () => {
  test("has the whole value asked for once more, which is shown until it comes", async (context) => {
    const { hashing, watch, endings, socket } = claimed(context, doubtful);
    await hashing.finish();
    assert.deepEqual(socket.take(), [again]);
    assert.deepEqual([watch.getSnapshot().value, watch.getSnapshot().ending], [{ a: "xy" }, null]);
    socket.say(watching);
    assert.deepEqual(watch.getSnapshot().value, { a: "xy" });
    socket.say({ ...whole, value: { a: "x" } }, doubtful);
    await hashing.finish();
    assert.deepEqual([await watch.result, endings], [{ a: "x" }, ["completed"]]);
    assert.deepEqual([watch.getSnapshot().checked, socket.take()], [true, []]);
  });

  test("and differs again is a failure", async (context) => {
    const { hashing, watch, endings, socket } = claimed(context, doubtful);
    await hashing.finish();
    socket.take();
    socket.say(watching, whole, doubtful);
    await hashing.finish();
    await assert.rejects(watch.result, { code: "internal", message: /digest/ });
    assert.deepEqual([endings, socket.take(), watch.getSnapshot().ending], [["internal"], [], null]);
  });

  test("and differs again on the next line, where patches lead there, is one too", async (context) => {
    const all = claimed(context, doubtful);
    const { hashing, watch } = all;
    await hashing.finish();
    all.socket.say(watching, { ...whole, rev: 0, value: { a: "x" }, final: undefined });
    all.socket.drop(1006);
    assert.deepEqual(back(all), [{ ...again, from: { epoch: "e1", rev: 0 } }]);
    const rest = { type: "patch", id, from: 0, rev: 1, ops: [{ op: "append", path: "/a", value: "y" }] };
    all.server.socket.say(watching, rest, doubtful);
    await hashing.finish();
    await assert.rejects(watch.result, { code: "internal" });
  });

  test("brings items once more, each once", async (context) => {
    const hashing = new ManualHashing(context);
    const { server, session } = welcomed();
    const watch = session.extract({ input: "text", encoding: "items" });
    const item = { key: "/a", path: "/a", index: 0, value: 1, valid: true };
    const frame = { type: "item", id, rev: 1, ...item };
    server.socket.say(started, frame, whole, doubtful);
    await hashing.finish();
    server.socket.say(watching);
    assert.deepEqual(watch.getSnapshot().value, []);
    server.socket.say(frame, whole, proven);
    await hashing.finish();
    assert.deepEqual([await watch.result, watch.getSnapshot().value], [{ a: "xy" }, [item]]);
  });
});

describe("while the digest is made", () => {
  test("a lost line changes nothing for a value that has it", async (context) => {
    const all = claimed(context);
    all.socket.drop(1006);
    assert.deepEqual(back(all), []);
    await all.hashing.finish();
    assert.deepEqual([await all.watch.result, all.endings], [{ a: "xy" }, ["completed"]]);
    assert.deepEqual(all.server.socket.take(), []);
  });

  test("a line that was lost is waited for where the value has not got it", async (context) => {
    const all = claimed(context, doubtful);
    all.socket.drop(1006);
    await all.hashing.finish();
    assert.deepEqual(back(all), [again]);
    all.server.socket.say(watching, whole, proven);
    await all.hashing.finish();
    assert.deepEqual([await all.watch.result, all.endings], [{ a: "xy" }, ["completed"]]);
  });

  test("lines may come and go: what differs is asked for once, on the newest", async (context) => {
    const all = claimed(context, doubtful);
    for (let loss = 0; loss < 3; loss++) {
      all.server.socket.drop(1012);
      all.clock.advance(20_000);
      all.server.socket.welcome();
    }
    assert.deepEqual(all.server.socket.take().slice(1), []);
    await all.hashing.finish();
    assert.deepEqual(all.server.socket.take(), [again]);
  });

  test("the server's last word about the connection does not undo the ending", async (context) => {
    const { hashing, watch, endings, socket } = claimed(context);
    socket.drop(4403);
    await hashing.finish();
    assert.deepEqual([await watch.result, endings], [{ a: "xy" }, ["completed"]]);
  });

  test("and there is no line any more, a digest that differs ends as the line did", async (context) => {
    const { hashing, watch, endings, socket } = claimed(context, doubtful);
    socket.drop(4403);
    await hashing.finish();
    await assert.rejects(watch.result, { code: "disconnected" });
    assert.deepEqual(endings, ["disconnected"]);
  });

  for (const whose of /** @type {const} */ (["watch", "session"])) {
    for (const ending of [proven, doubtful]) {
      const digest = ending === proven ? "right" : "wrong";
      test(`close of the ${whose} is the end, though the digest is ${digest}`, async (context) => {
        const all = claimed(context, ending);
        all[whose].close();
        await assert.rejects(all.watch.result, { code: "closed" });
        all.socket.take();
        await all.hashing.finish();
        assert.deepEqual([all.endings, all.socket.take()], [["closed"], []]);
      });
    }
  }

  test("a cancel comes too late", async (context) => {
    const { hashing, watch } = claimed(context);
    watch.cancel();
    await hashing.finish();
    assert.deepEqual(await watch.result, { a: "xy" });
  });
});
