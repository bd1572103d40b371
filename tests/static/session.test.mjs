/** A session against a server by script: what is sent, what is reached, and the way back after a lost line. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { setUp, sha256, welcomed } from "./fakes.mjs";

/** @typedef {any} Message */

const started = {
  type: "started",
  id: "w1",
  extraction: "x1",
  epoch: "e1",
  state: "running",
  deduplicated: false,
};
const watching = {
  type: "watching",
  id: "w1",
  extraction: "x1",
  epoch: "e1",
  rev: 2,
  state: "running",
  recovered: "tail",
};
const first = { type: "snapshot", id: "w1", epoch: "e1", rev: 1, value: { a: "x" } };
const second = { type: "patch", id: "w1", from: 1, rev: 2, ops: [{ op: "append", path: "/a", value: "y" }] };
const completed = { type: "completed", id: "w1", epoch: "e1", rev: 2, digest: sha256('{"a":"xy"}') };

describe("an extraction", () => {
  test("is asked for after the welcome, with a random key", () => {
    const { server, session } = setUp({ token: "secret" });
    session.extract({ extractor: "meeting", input: "text", encoding: "append" });
    assert.deepEqual(server.socket.protocols, ["extraction.v1"]);
    server.socket.welcome();
    const [hello, extract] = server.socket.take();
    assert.deepEqual(hello, { type: "hello", token: "secret", client: "js/0.1" });
    assert.match(extract.key, /^[0-9a-f]{32}$/);
    assert.deepEqual(
      { ...extract, key: "" },
      { type: "extract", id: "w1", key: "", extractor: "meeting", input: "text", encoding: "append" },
    );
  });

  test("ends with its value", async () => {
    const { server, session } = welcomed();
    const watch = session.extract({ extractor: "meeting", input: "text" });
    server.socket.say(started, first, second, completed);
    assert.deepEqual(await watch.result, { a: "xy" });
    assert.equal(watch.extraction, "x1");
    assert.deepEqual(watch.getSnapshot().ending, completed);
  });

  test("is iterated: a slow loop sees fewer values, and always the last", async () => {
    const { server, session } = welcomed();
    const watch = session.extract({ extractor: "meeting", input: "text" });
    server.socket.say(started, first);
    const seen = [];
    for await (const value of watch) {
      seen.push(value);
      if (seen.length === 1) server.socket.say(second, completed);
    }
    assert.deepEqual(seen, [{ a: "x" }, { a: "xy" }]);
  });

  test("knows how far the model is, as the newest update told it", () => {
    const { server, session } = welcomed();
    const watch = session.extract({ extractor: "meeting", input: "text", progress: true });
    assert.equal(watch.getSnapshot().progress, null);
    const progress = { active: "/a", completed: [] };
    server.socket.say(started, { ...first, progress });
    assert.deepEqual(watch.getSnapshot().progress, progress);
    const later = { active: null, completed: ["/a", ""], absent: ["/b"] };
    server.socket.say({ ...second, progress: later });
    assert.deepEqual(watch.getSnapshot().progress, later);
    server.socket.say({ ...second, from: 2, rev: 3, ops: [] });
    assert.equal(watch.getSnapshot().progress, null);
  });

  test("tells its listeners, with a new state object for every change only", () => {
    const { server, session } = welcomed();
    const watch = session.extract({ extractor: "meeting", input: "text" });
    /** @type {unknown[]} */
    const states = [];
    const stop = watch.subscribe((state) => states.push(state.rev));
    server.socket.say(started, first, first, second);
    stop();
    server.socket.say(completed);
    assert.deepEqual(states, [null, 1, 2]);
  });

  test("shows its own frames as they came, with their bytes as UTF-8", () => {
    const { server, session } = welcomed();
    const [one, other] = [session.extract({ input: "a" }), session.extract({ input: "b" })];
    const frame = { ...first, value: "añ→😀\ud800" };
    /** @type {unknown[]} */
    const seen = [];
    one.observe((each, bytes) => seen.push(each, bytes));
    other.observe((each) => seen.push(each));
    server.socket.say(started, frame);
    const lengths = [started, frame].map((each) => Buffer.byteLength(JSON.stringify(each)));
    assert.deepEqual(seen, [started, lengths[0], frame, lengths[1]]);
  });

  test("rejects with the coded error of its failure", async () => {
    const { server, session } = welcomed();
    const watch = session.extract({ extractor: "meeting", input: "text" });
    server.socket.say(started, first, {
      type: "failed",
      id: "w1",
      epoch: "e1",
      rev: 1,
      error: { code: "refused", message: "no", retryable: false },
    });
    await assert.rejects(watch.result, {
      name: "GatewayError",
      code: "refused",
      message: "no",
      value: { a: "x" },
    });
    await assert.rejects(
      watch[Symbol.asyncIterator]()
        .next()
        .then(() => watch.result),
      { code: "refused" },
    );
  });

  test("is over when the server refuses it, and the session goes on", async () => {
    const { server, session } = welcomed();
    const watch = session.extract({ schema: { $ref: "http://else/where" }, input: "text" });
    server.socket.say({
      type: "error",
      id: "w1",
      code: "schema_invalid",
      message: "remote",
      param: "schema",
      retryable: false,
    });
    await assert.rejects(watch.result, { code: "schema_invalid", param: "schema" });
    assert.equal(session.getSnapshot().status, "open");
  });

  test("is not ended by an error that came while it runs", () => {
    const { server, session } = welcomed();
    const watch = session.extract({ input: "text" });
    server.socket.say(started, first, {
      type: "error",
      id: "w1",
      code: "rate_limited",
      message: "slow down",
      retryable: true,
    });
    assert.equal(watch.getSnapshot().status, "running");
  });
});

describe("stopping", () => {
  test("cancel asks the server and waits for its ending", async () => {
    const { server, session } = welcomed();
    const watch = session.extract({ input: "text" });
    server.socket.say(started, first);
    server.socket.take();
    watch.cancel();
    assert.deepEqual(server.socket.take(), [{ type: "cancel", id: "w1" }]);
    server.socket.say({ type: "cancelled", id: "w1", epoch: "e1", rev: 1 });
    await assert.rejects(watch.result, { code: "cancelled", value: { a: "x" } });
  });

  test("a cancel before the answer is sent after it", () => {
    const { server, session } = welcomed();
    session.extract({ input: "text" }).cancel();
    assert.deepEqual(
      server.socket.take().map(({ type }) => type),
      ["extract"],
    );
    server.socket.say(started);
    assert.deepEqual(server.socket.take(), [{ type: "cancel", id: "w1" }]);
  });

  test("a cancel before anything was sent needs no server", async () => {
    const { server, session } = setUp();
    const watch = session.extract({ input: "text" });
    watch.cancel();
    await assert.rejects(watch.result, { code: "cancelled" });
    assert.deepEqual(
      server.socket
        .welcome()
        .take()
        .map(({ type }) => type),
      ["hello"],
    );
  });

  test("close stops looking, and ends the loop without an error", async () => {
    const { server, session } = welcomed();
    const watch = session.extract({ input: "text" });
    server.socket.say(started, first);
    server.socket.take();
    const values = [];
    for await (const value of watch) {
      values.push(value);
      watch.close();
    }
    assert.deepEqual([values, server.socket.take()], [[{ a: "x" }], [{ type: "unwatch", id: "w1" }]]);
    await assert.rejects(watch.result, { code: "closed" });
  });
});

describe("gaps", () => {
  test("a lost frame is asked for again from our position, and stale frames are dropped", () => {
    const { server, session } = welcomed();
    const watch = session.extract({ input: "text", encoding: "append", interval_ms: 0 });
    server.socket.say(started, first);
    server.socket.take();
    server.socket.say({ ...second, from: 2, rev: 3 }, { ...second, from: 3, rev: 4 });
    assert.deepEqual(server.socket.take(), [
      {
        type: "watch",
        id: "w1",
        extraction: "x1",
        from: { epoch: "e1", rev: 1 },
        encoding: "append",
        interval_ms: 0,
      },
    ]);
    server.socket.say(watching, second, completed);
    assert.deepEqual(watch.getSnapshot().value, { a: "xy" });
  });

  test("a server whose updates never fit is given up", async () => {
    const { server, session } = welcomed();
    const watch = session.extract({ input: "text" });
    server.socket.say(started, first);
    for (let i = 0; i < 9; i++) server.socket.say(watching, { ...second, from: 7, rev: 8 });
    await assert.rejects(watch.result, { code: "internal" });
  });
});

describe("a lost connection", () => {
  test("comes back and goes on at the position", async () => {
    const { server, clock, session } = welcomed();
    const watch = session.extract({ input: "text" });
    server.socket.say(started, first);
    server.socket.drop(1006);
    assert.equal(session.getSnapshot().status, "waiting");
    assert.equal(session.getSnapshot().delay_ms, 500);
    clock.advance(500);
    server.socket.welcome();
    assert.deepEqual(server.socket.take().slice(1), [
      { type: "watch", id: "w1", extraction: "x1", from: { epoch: "e1", rev: 1 } },
    ]);
    server.socket.say(watching, second, completed);
    assert.deepEqual(await watch.result, { a: "xy" });
  });

  test("sees the same part as before, and ends without a digest", async () => {
    const { server, clock, session } = welcomed();
    const watch = session.extract({ input: "text", paths: ["/a/*"] });
    assert.deepEqual(server.socket.take()[0].paths, ["/a/*"]);
    server.socket.say(started, first);
    server.socket.drop(1006);
    clock.advance(500);
    server.socket.welcome();
    assert.deepEqual(server.socket.take()[1].paths, ["/a/*"]);
    const { digest: _, ...ending } = completed;
    server.socket.say(watching, second, ending);
    assert.deepEqual(await watch.result, { a: "xy" });
  });

  test("before the answer, the same extraction is asked for with the same key", () => {
    const { server, clock, session } = welcomed();
    session.extract({ input: "text" });
    const [before] = server.socket.take();
    server.socket.drop(1006);
    clock.advance(500);
    server.socket.welcome();
    assert.deepEqual(server.socket.take()[1], before);
  });

  test("a new epoch after the way back replaces the value", async () => {
    const { server, clock, session } = welcomed();
    const watch = session.extract({ input: "text" });
    server.socket.say(started, first);
    server.socket.drop(1006);
    clock.advance(500);
    const reset = { type: "reset", id: "w1", epoch: "e2", attempt: 2, reason: "history_lost" };
    server.socket
      .welcome()
      .say(
        { ...watching, epoch: "e2", recovered: "reset" },
        reset,
        { ...first, epoch: "e2", value: { a: "new" } },
        { ...completed, epoch: "e2", rev: 1, digest: sha256('{"a":"new"}') },
      );
    assert.deepEqual(await watch.result, { a: "new" });
  });

  test("an extraction that is gone fails with not_found", async () => {
    const { server, clock, session } = welcomed();
    const watch = session.extract({ input: "text" });
    server.socket.say(started, first);
    server.socket.drop(1006);
    clock.advance(500);
    server.socket
      .welcome()
      .say({ type: "error", id: "w1", code: "not_found", message: "gone", retryable: false });
    await assert.rejects(watch.result, { code: "not_found" });
  });

  test("silence for 25 s counts as lost", () => {
    const { server, clock, session } = welcomed();
    clock.advance(24_999);
    server.socket.say({ type: "ping" });
    clock.advance(24_999);
    assert.equal(session.getSnapshot().status, "open");
    clock.advance(1);
    assert.equal(session.getSnapshot().status, "waiting");
  });

  test("the waits double up to 20 s, and begin anew after 30 s connected", () => {
    const { server, clock, session } = welcomed();
    const waits = [1, 2, 3, 4, 5, 6, 7].map(() => {
      server.socket.drop(1006);
      const { delay_ms } = session.getSnapshot();
      clock.advance(delay_ms);
      return delay_ms;
    });
    assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 16000, 20000]);
    server.socket.welcome();
    clock.advance(15_000);
    server.socket.say({ type: "ping" });
    clock.advance(15_000);
    server.socket.drop(1006);
    assert.equal(session.getSnapshot().delay_ms, 500);
  });

  test("interrupt drops the socket, reconnect does not wait", () => {
    const { server, session } = welcomed();
    const watch = session.extract({ input: "text" });
    server.socket.say(started, first);
    session.interrupt();
    assert.equal(session.getSnapshot().status, "waiting");
    session.reconnect();
    assert.equal(server.sockets.length, 2);
    server.socket.welcome().say(watching, second);
    assert.deepEqual(watch.getSnapshot().value, { a: "xy" });
  });

  test("close ends everything: the socket, the timers, the watches", async () => {
    const { server, clock, session } = welcomed();
    const watch = session.extract({ input: "text" });
    session.close();
    assert.equal(server.socket.closed, 1000);
    assert.ok(clock.isIdle);
    await assert.rejects(watch.result, { code: "closed" });
    await assert.rejects(session.extract({ input: "late" }).result, { code: "closed" });
  });
});

describe("close codes", () => {
  for (const code of [1000, 1002, 1003, 1007, 1009, 4400, 4401, 4403, 4406]) {
    test(`${code} stops`, async () => {
      const { server, clock, session } = welcomed();
      const watch = session.extract({ input: "text" });
      server.socket.drop(code);
      assert.equal(session.getSnapshot().status, "closed");
      assert.ok(clock.isIdle);
      await assert.rejects(watch.result, { code: "disconnected" });
    });
  }

  for (const code of [1001, 1005, 1006, 1011, 1012, 1013, 4408, 4429, 4500]) {
    test(`${code} comes back`, () => {
      const { server, session } = welcomed();
      server.socket.drop(code);
      assert.equal(session.getSnapshot().status, "waiting");
    });
  }

  test("a goaway says how long to wait, and chance how much longer", () => {
    const { server, session } = welcomed();
    server.socket.say({ type: "goaway", reason: "restart", retry_after_ms: 7000, deadline_ms: 9000 });
    server.socket.drop(1012);
    assert.equal(session.getSnapshot().delay_ms, 7500);
  });

  test("a goaway is told, until there is another connection", () => {
    const { server, clock, session } = welcomed();
    assert.equal(session.getSnapshot().goaway, null);
    server.socket.say({ type: "goaway", reason: "restart", retry_after_ms: 0, deadline_ms: 9000 });
    assert.equal(session.getSnapshot().goaway?.deadline_ms, 9000);
    server.socket.drop(1012);
    clock.advance(500);
    server.socket.welcome();
    assert.equal(session.getSnapshot().goaway, null);
  });

  test("an expired credential is asked for anew, once", async () => {
    let asked = 0;
    const token = () => `token-${++asked}`;
    const { server, clock, session } = setUp({ token });
    await Promise.resolve()
      .then(() => {})
      .then(() => {});
    server.socket.onopen?.();
    assert.equal(server.socket.take()[0].token, "token-1");
    server.socket.drop(4401);
    clock.advance(500);
    await Promise.resolve()
      .then(() => {})
      .then(() => {});
    server.socket.onopen?.();
    assert.equal(server.socket.take()[0].token, "token-2");
    server.socket.drop(4401);
    assert.equal(session.getSnapshot().status, "closed");
  });

  test("a credential that is not to be had behind the close does not bring the session back", async () => {
    /** @type {(fault: Error) => void} */
    let fail = () => {};
    const token = () => new Promise((_, reject) => (fail = reject));
    const { clock, session } = setUp({ token });
    await Promise.resolve();
    session.close();
    fail(new Error("no token"));
    await new Promise(setImmediate);
    assert.equal(session.getSnapshot().status, "closed");
    assert.ok(clock.isIdle);
  });

  test("too slow means to come back with a longer interval", () => {
    const { server, clock, session } = welcomed();
    session.extract({ input: "text", interval_ms: 100 });
    server.socket.say(started, first);
    server.socket.drop(4413);
    clock.advance(500);
    assert.equal(server.socket.welcome().take()[1].interval_ms, 200);
  });
});

describe("a watch of items, text or reasoning", () => {
  const item = { key: "/a/0", path: "/a", index: 0, value: 1, valid: true };
  const frame = { type: "item", id: "w1", rev: 1, ...item };
  const snapshot = { type: "snapshot", id: "w1", epoch: "e1", rev: 2, value: { a: [1] }, final: true };

  test("has the items in order, and the whole value as its result", async () => {
    const { server, session } = welcomed();
    const watch = session.extract({ extractor: "meeting", input: "text", encoding: "items" });
    server.socket.say(started, frame);
    assert.deepEqual(watch.getSnapshot().value, [item]);
    const digest = sha256('{"a":[1]}');
    server.socket.say({ ...frame, key: "/a/1", index: 1 }, snapshot, { ...completed, digest });
    assert.deepEqual(await watch.result, { a: [1] });
    const { value, snapshot: last } = watch.getSnapshot();
    assert.deepEqual({ value, last }, { value: [item, { ...item, key: "/a/1", index: 1 }], last: { a: [1] } });
  });

  test("has the text as it grows, which is what is iterated and the result", async () => {
    const { server, session } = welcomed();
    const watch = session.extract({ extractor: "meeting", input: "text", encoding: "text" });
    const text = { type: "text", id: "w1", epoch: "e1" };
    server.socket.say(started, { ...text, at: 0, text: "[🙂" });
    const seen = [];
    for await (const value of watch) {
      seen.push(value);
      if (seen.length === 1) server.socket.say({ ...text, at: 3, text: "]" }, completed);
    }
    assert.deepEqual(seen, ["[🙂", "[🙂]"]);
    assert.equal(await watch.result, "[🙂]");
  });

  test("asks for all again on a new line, and takes each thing once", () => {
    const { server, clock, session } = welcomed();
    const watch = session.extract({ input: "text", encoding: "items", reasoning: true });
    const thought = { type: "reasoning", id: "w1", epoch: "e1", at: 0, text: "Hm" };
    server.socket.say(started, thought, frame);
    server.socket.take();
    server.socket.drop(1006);
    clock.advance(500);
    const [, again] = server.socket.welcome().take();
    const { type, extraction, from, encoding, reasoning } = again;
    assert.deepEqual(
      { type, extraction, from, encoding, reasoning },
      { type: "watch", extraction: "x1", from: "start", encoding: "items", reasoning: true },
    );
    server.socket.say(watching, thought);
    const before = watch.getSnapshot();
    server.socket.say(thought, frame);
    assert.equal(watch.getSnapshot(), before);
    server.socket.say({ ...thought, text: "Hm, yes" });
    assert.deepEqual(watch.getSnapshot().value, [item]);
    assert.equal(watch.getSnapshot().reasoning, "Hm, yes");
  });

  test("begins anew with another attempt", () => {
    const { server, session } = welcomed();
    const watch = session.extract({ input: "text", encoding: "text", reasoning: true });
    const text = { type: "text", id: "w1", epoch: "e1", at: 0, text: "wrong" };
    server.socket.say(started, { ...text, type: "reasoning" }, text);
    server.socket.say({ type: "reset", id: "w1", epoch: "e2", attempt: 2, reason: "invalid_output" });
    const { value, reasoning } = watch.getSnapshot();
    assert.deepEqual({ value, reasoning }, { value: "", reasoning: "" });
    server.socket.say({ ...text, epoch: "e2", text: "right" });
    assert.equal(watch.getSnapshot().value, "right");
  });
});

describe("the provider's state", () => {
  const provider = { name: "local", model: "tiny", state: "idle", reason: "no key is set", small: true };
  const ready = { ...provider, state: "ready" };

  test("is a new welcome for the listeners, and nothing is asked for anew", () => {
    const { server, session } = setUp();
    server.socket.welcome({ provider });
    session.extract({ input: "text" });
    server.socket.take();
    const before = session.getSnapshot().welcome;
    /** @type {unknown[]} */
    const heard = [];
    session.subscribe(({ welcome }) => heard.push(welcome?.provider));
    server.socket.say({ type: "provider", ...ready });
    assert.deepEqual(heard, [ready]);
    const after = session.getSnapshot().welcome;
    assert.deepEqual([before?.provider, after?.provider, after?.session], [provider, ready, "s"]);
    assert.deepEqual(server.socket.take(), []);
  });

  test("before the welcome is nobody's, as are messages that are not known", () => {
    const { server, session } = setUp();
    server.socket.say({ type: "provider", ...ready }, { type: "weather", name: "rain" });
    assert.equal(session.getSnapshot().welcome, null);
    server.socket.welcome({ provider });
    const { welcome } = session.getSnapshot();
    server.socket.say({ type: "weather", name: "rain" });
    assert.equal(session.getSnapshot().welcome, welcome);
  });

  test("after the way back is the new welcome's, and every watch is asked for once more", () => {
    const { server, clock, session } = welcomed();
    session.extract({ input: "text" });
    server.socket.say(started, first, { type: "provider", ...ready });
    server.socket.drop(1006);
    clock.advance(500);
    server.socket.welcome({ provider });
    assert.deepEqual(session.getSnapshot().welcome?.provider, provider);
    assert.deepEqual(
      server.socket.take().map(({ type }) => type),
      ["hello", "watch"],
    );
  });
});
