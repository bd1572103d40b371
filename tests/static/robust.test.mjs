/** What a user of the client may do wrong, or want at once, and what a line may do to texts. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Slot } from "../../static/client/slot.js";
import { setUp, welcomed } from "./fakes.mjs";

const started = { type: "started", id: "w1", extraction: "x", epoch: "e", state: "running", deduplicated: false };
const snapshot = { type: "snapshot", id: "w1", epoch: "e", rev: 1, value: { a: "x" } };

/** What is reported instead of thrown. @param {import("node:test").TestContext} context */
function reported(context) {
  /** @type {string[]} */
  const messages = [];
  const before = Object.getOwnPropertyDescriptor(globalThis, "reportError");
  const value = (/** @type {Error} */ error) => void messages.push(error.message);
  Object.defineProperty(globalThis, "reportError", { configurable: true, value });
  context.after(() => {
    if (before) Object.defineProperty(globalThis, "reportError", before);
    else Reflect.deleteProperty(globalThis, "reportError");
  });
  return messages;
}

function fail() {
  throw new Error("my fault");
}

test("who fails at what they are told disturbs nobody, and is reported", async (context) => {
  const messages = reported(context);
  const { server, clock, session } = welcomed();
  session.subscribe(fail);
  const watches = [session.extract({ input: "text" }), session.extract({ input: "text" })];
  watches[0]?.subscribe(fail);
  watches[0]?.observe(fail);
  let heard = 0;
  watches[0]?.subscribe(() => (heard += 1));
  server.socket.say(started, snapshot);
  assert.deepEqual([watches[0]?.getSnapshot().rev, heard], [1, 2]);
  server.socket.drop(1006);
  clock.advance(500);
  server.socket.welcome();
  assert.equal(session.getSnapshot().status, "open");
  session.close();
  for (const watch of watches) await assert.rejects(watch.result, { code: "closed" });
  assert.ok(messages.length > 4 && messages.every((message) => message === "my fault"));
});

for (const [name, ending, code] of /** @type {const} */ ([
  ["failed", { type: "failed", error: { code: "refused", message: "no", retryable: false } }, "refused"],
  ["incomplete", { type: "incomplete", reason: "length", open: [] }, "incomplete"],
  ["cancelled", { type: "cancelled" }, "cancelled"],
]))
  test(`a loop over one that is ${name} gives the last value and then throws, as result rejects`, async () => {
    const { server, session } = welcomed();
    const watch = session.extract({ input: "text" });
    server.socket.say(started, snapshot, { id: "w1", epoch: "e", rev: 1, ...ending });
    /** @type {unknown[]} */
    const seen = [];
    const loop = async () => {
      for await (const value of watch) seen.push(value);
    };
    await assert.rejects(loop, { code });
    assert.deepEqual(seen, [{ a: "x" }]);
  });

test("a cancel goes before what waits its turn", () => {
  const limits = { messages_per_s: 20, messages_burst: 2 };
  const { server, clock, session } = welcomed({}, { limits });
  const watches = Array.from({ length: 5 }, () => session.extract({ input: "text" }));
  server.socket.say(started);
  watches[0]?.cancel();
  clock.advance(1000 / (0.9 * 20));
  const sent = server.socket.take().map(({ type, id }) => `${type} ${id}`);
  assert.deepEqual(sent, ["extract w1", "extract w2", "cancel w1"]);
});

test("an extraction that was not asked for yet is cancelled without the server", async () => {
  const { server, clock, session } = welcomed({}, { limits: { messages_per_s: 20, messages_burst: 2 } });
  const watches = Array.from({ length: 4 }, () => session.extract({ input: "text" }));
  watches[2]?.cancel();
  watches[3]?.close();
  await assert.rejects(watches[2]?.result ?? Promise.resolve(), { code: "cancelled" });
  clock.advance(10_000);
  assert.deepEqual(
    server.socket.take().map(({ id }) => id),
    ["w1", "w2"],
  );
});

test("a cancel that waits its turn is said before the session is closed", () => {
  const { server, session } = welcomed({}, { limits: { messages_per_s: 20, messages_burst: 1 } });
  const watch = session.extract({ input: "text" });
  server.socket.say(started);
  watch.cancel();
  session.close();
  assert.deepEqual(server.socket.take().at(-1), { type: "cancel", id: "w1" });
});

test("what is longer than the server takes fails alone, before it is sent", async () => {
  const { server, session } = welcomed({}, { limits: { message_bytes: 200 } });
  const other = session.extract({ input: "short" });
  const watch = session.extract({ input: "é".repeat(100) });
  await assert.rejects(watch.result, { code: "input_too_large", message: /at most 200 bytes in all, got \d+/ });
  assert.equal(server.socket.take().length, 1);
  server.socket.say(started, snapshot);
  assert.equal(other.getSnapshot().rev, 1);
});

test("a credential that does not hold is called so", async () => {
  const { server, session } = setUp({ token: "wrong" });
  const watch = session.extract({ input: "text" });
  server.socket.onopen?.();
  server.socket.say({ type: "error", code: "unauthenticated", message: "who?", param: "token", retryable: false });
  server.socket.drop(4401);
  await assert.rejects(watch.result, { code: "unauthenticated", param: "token" });
});

test("a credential that cannot be had is reported, and asked for again", async (context) => {
  const messages = reported(context);
  let asked = 0;
  const token = async () => (++asked === 1 ? fail() : "fresh");
  const { server, clock, session } = setUp({ token });
  await new Promise(setImmediate);
  assert.deepEqual([messages, session.getSnapshot().status], [["my fault"], "waiting"]);
  clock.advance(500);
  await new Promise(setImmediate);
  server.socket.onopen?.();
  assert.equal(server.socket.take()[0].token, "fresh");
});

for (const type of /** @type {const} */ (["text", "reasoning"]))
  test(`a gap in ${type} is asked for again; the oldest may be kept no longer`, () => {
    const { server, session } = welcomed();
    const watch = session.extract({ input: "text", encoding: "text", reasoning: true });
    const said = () => (type === "text" ? watch.getSnapshot().value : watch.getSnapshot().reasoning);
    server.socket.say(started, { type, id: "w1", epoch: "e", at: 0, text: "one " });
    server.socket.take();
    server.socket.say({ type, id: "w1", epoch: "e", at: 8, text: "three" });
    assert.equal(said(), "one ");
    assert.equal(server.socket.take()[0].type, "watch");
    const watching = { type: "watching", id: "w1", extraction: "x", epoch: "e", rev: 3, state: "running" };
    server.socket.say(watching, { type, id: "w1", epoch: "e", at: 0, text: "one two three" });
    assert.equal(said(), "one two three");
    server.socket.say({ type, id: "w1", epoch: "e", at: 20, text: "five" }, watching);
    server.socket.say({ type, id: "w1", epoch: "e", at: 20, text: "five" });
    assert.equal(said(), "one two threefive");
  });

test("a hook that is to start without a session says so, and stays idle", () => {
  const slot = new Slot({ current: { session: null, request: {} } });
  assert.throws(() => slot.start("text"), /no session to start an extraction on yet/);
  assert.equal(slot.getSnapshot().status, "idle");
});
