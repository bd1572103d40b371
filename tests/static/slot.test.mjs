/** One place for one extraction after the other, as a hook has it: what is shown, what is asked, who hears of it. */

import assert from "node:assert/strict";
import { afterEach, describe, mock, test } from "node:test";

import { Slot } from "../../static/client/slot.js";
import { sha256, welcomed } from "./fakes.mjs";

/** @typedef {any} Message */

const started = { type: "started", id: "w1", extraction: "x1", epoch: "e1", state: "running", deduplicated: false };
const skeleton = { type: "snapshot", id: "w1", epoch: "e1", rev: 0, value: { a: null } };
const first = { type: "patch", id: "w1", from: 0, rev: 1, ops: [{ op: "replace", path: "/a", value: "x" }] };
const second = { type: "patch", id: "w1", from: 1, rev: 2, ops: [{ op: "append", path: "/a", value: "y" }] };
const completed = { type: "completed", id: "w1", epoch: "e1", rev: 2, digest: sha256('{"a":"xy"}') };
const request = { extractor: "meeting", encoding: /** @type {const} */ ("append") };

afterEach(() => mock.timers.reset());

/** A slot on a session, what it told its listeners, and the server. @param {string | null} [extraction] */
function slotted(extraction) {
  const { server, session, clock } = welcomed();
  /** @type {Message[]} */
  const updates = [];
  /** @type {Message[]} */
  const ends = [];
  const listeners = { onUpdate: updates.push.bind(updates), onEnd: ends.push.bind(ends) };
  const latest = { current: { session, request, ...listeners } };
  const slot = new Slot(/** @type {any} */ (latest), extraction);
  return { slot, server, session, clock, updates, ends, socket: server.socket, latest };
}

describe("start", () => {
  test("asks for the request, with what is given over it", () => {
    const { slot, socket } = slotted();
    assert.equal(slot.getSnapshot().status, "idle");
    const watch = slot.start({ input: "text", encoding: "snapshot" });
    const [{ key, ...asked }] = socket.take();
    assert.deepEqual(asked, { type: "extract", id: "w1", extractor: "meeting", encoding: "snapshot", input: "text" });
    assert.equal(slot.getSnapshot().status, "waiting");
    assert.equal(slot.getSnapshot().watch, watch);
  });

  test("of what is asked for already, while it runs, goes on with it", () => {
    const { slot, socket } = slotted();
    const watch = slot.start("text");
    assert.equal(slot.start({ input: "text" }), watch);
    assert.equal(socket.take().length, 1);
    socket.say(started, { ...completed, type: "failed", rev: null, error: { code: "refused", message: "no" } });
    assert.notEqual(slot.start("text"), watch);
  });

  test("of something else cancels what runs, of which nothing more is heard", () => {
    const { slot, socket, ends, updates } = slotted();
    slot.start("text");
    socket.say(started, skeleton, first);
    slot.start("another");
    const sent = socket.take().map(({ type, id }) => [type, id]);
    assert.deepEqual(sent, [["extract", "w1"], ["cancel", "w1"], ["extract", "w2"]]);
    assert.equal(slot.getSnapshot().value, null);
    socket.say(second, { type: "cancelled", id: "w1", epoch: "e1", rev: 2 });
    assert.deepEqual([updates, ends], [[{ a: "x" }], []]);
  });

  test("of what is being stopped is another extraction", () => {
    const { slot, socket } = slotted();
    const watch = slot.start("text");
    socket.say(started);
    slot.stop();
    assert.notEqual(slot.start("text"), watch);
  });
});

describe("listeners", () => {
  test("are told of each value that the model wrote, and once of the end", async () => {
    const { slot, socket, updates, ends } = slotted();
    const watch = slot.start("text");
    socket.say(started, skeleton, first, second, { ...second, from: 2, rev: 3, ops: [], final: true });
    socket.say({ ...completed, rev: 3 });
    await watch.result;
    assert.deepEqual(updates, [{ a: "x" }, { a: "xy" }]);
    const [{ ending, ...end }] = ends;
    assert.deepEqual(end, { data: { a: "xy" }, status: "completed", error: null });
    assert.equal(ending.type, "completed");
    assert.equal(ends.length, 1);
  });

  test("are those of the newest render", () => {
    const { slot, socket, latest, updates } = slotted();
    slot.start("text");
    /** @type {Message[]} */
    const later = [];
    socket.say(started, skeleton, first);
    latest.current = { ...latest.current, onUpdate: later.push.bind(later) };
    socket.say(second);
    assert.deepEqual([updates, later], [[{ a: "x" }], [{ a: "xy" }]]);
  });

  test("hear of a session that is closed already", () => {
    const { slot, session, ends } = slotted();
    session.close();
    slot.start("text");
    assert.deepEqual(ends.map(({ status, error }) => [status, error.code]), [["failed", "closed"]]);
    assert.equal(slot.getSnapshot().status, "failed");
  });

  test("hear of no error where it was cancelled: somebody wanted that", () => {
    const { slot, socket, ends } = slotted();
    slot.start("text");
    socket.say(started, skeleton, first);
    slot.stop();
    socket.say({ type: "cancelled", id: "w1", epoch: "e1", rev: 1 });
    assert.deepEqual(ends.map(({ status, error, data }) => ({ status, error, data })), [
      { status: "cancelled", error: null, data: { a: "x" } },
    ]);
    assert.equal(slot.getSnapshot().error, null);
  });
});

describe("held", () => {
  test("again at once, as StrictMode does, it stays as it is", () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    const { slot, socket } = slotted();
    const letGo = slot.hold();
    slot.start("text");
    socket.say(started, skeleton, first);
    letGo();
    slot.hold();
    mock.timers.runAll();
    assert.deepEqual(socket.take().map(({ type }) => type), ["extract"]);
  });

  test("no more, it closes the watch: nothing is heard, the extraction goes on", () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    const { slot, socket, ends } = slotted();
    const letGo = slot.hold();
    slot.start("text");
    socket.say(started, skeleton, first);
    letGo();
    mock.timers.runAll();
    assert.deepEqual(socket.take().map(({ type }) => type), ["extract", "unwatch"]);
    assert.deepEqual(ends, []);
  });

  test("after a while, it goes on where it was: nothing is taken away until there is more", () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    const { slot, socket, updates } = slotted();
    const letGo = slot.hold();
    slot.start("text");
    socket.say(started, skeleton, first);
    letGo();
    mock.timers.runAll();
    socket.take();
    slot.hold();
    assert.deepEqual(socket.take(), [{ type: "watch", id: "w2", extraction: "x1", from: "start", encoding: "append" }]);
    socket.say({ ...started, type: "watching", id: "w2", rev: 2, recovered: null });
    assert.deepEqual(slot.getSnapshot().value, { a: "x" });
    socket.say({ type: "snapshot", id: "w2", epoch: "e1", rev: 2, value: { a: "xy" } });
    assert.deepEqual(slot.getSnapshot().value, { a: "xy" });
    assert.deepEqual(updates, [{ a: "x" }, { a: "xy" }]);
  });

  test("with a name, it watches from then on", () => {
    const { slot, socket } = slotted("x1");
    assert.equal(slot.getSnapshot().status, "waiting");
    assert.deepEqual(socket.take(), []);
    slot.hold();
    assert.deepEqual(socket.take(), [{ type: "watch", id: "w1", extraction: "x1", from: "start", encoding: "append" }]);
  });
});

describe("a value that is shown", () => {
  test("stays through a reset until the next attempt has one", () => {
    const { slot, socket } = slotted();
    slot.start("text");
    socket.say(started, skeleton, first, { type: "reset", id: "w1", epoch: "e2", attempt: 2, reason: "invalid_output" });
    assert.deepEqual(slot.getSnapshot().value, { a: "x" });
    socket.say({ ...skeleton, epoch: "e2" });
    assert.deepEqual(slot.getSnapshot().value, { a: null });
  });
});

describe("progress", () => {
  /** @param {Message[]} told */
  function shown(...told) {
    const { slot, socket } = slotted();
    slot.start({ input: "text", progress: true });
    socket.say(started, { ...skeleton, value: {} });
    told.forEach((progress, at) => {
      socket.say({ type: "patch", id: "w1", from: at, rev: at + 1, ops: [], progress });
    });
    return { slot, socket, progress: slot.getSnapshot().progress };
  }

  test("knows every place that some update completed, and what is in it", () => {
    const { progress } = shown(
      { active: "/users/0/name", completed: ["/title"] },
      { active: "/users/1", completed: ["/users/0/name", "/users/0"] },
      { active: "/users/1/name", completed: [] },
    );
    assert.equal(progress.active, "/users/1/name");
    const places = ["/title", "/users/0", "/users/0/name", "/users/0/email", "/users/1", "/users/10", "/users", ""];
    assert.deepEqual(places.filter(progress.isComplete), ["/title", "/users/0", "/users/0/name", "/users/0/email"]);
  });

  test("forgets with a reset what was complete", () => {
    const { slot, socket } = shown({ active: null, completed: [""] });
    assert.equal(slot.getSnapshot().progress.isComplete("/a"), true);
    socket.say({ type: "reset", id: "w1", epoch: "e2", attempt: 2, reason: "invalid_output" });
    assert.equal(slot.getSnapshot().progress.isComplete("/a"), false);
    socket.say({ ...skeleton, epoch: "e2", progress: { active: "/b", completed: ["/a"] } });
    assert.deepEqual(["/a", "/b"].filter(slot.getSnapshot().progress.isComplete), ["/a"]);
  });

  test("is everything at the end, also where it was not asked for; nothing is being written then", async () => {
    const { slot, socket } = slotted();
    const watch = slot.start("text");
    assert.equal(slot.getSnapshot().progress.isComplete("/a"), false);
    socket.say(started, skeleton, first, second, completed);
    await watch.result;
    const { active, isComplete } = slot.getSnapshot().progress;
    assert.deepEqual([active, isComplete("/a"), isComplete("")], [null, true, true]);
  });

  test("of an extraction that failed is what was complete, and nothing is being written", () => {
    const { slot, socket } = shown({ active: "/b", completed: ["/a"] });
    socket.say({ type: "cancelled", id: "w1", epoch: "e1", rev: 1 });
    const { active, isComplete } = slot.getSnapshot().progress;
    assert.deepEqual([active, ["/a", "/b"].filter(isComplete)], [null, ["/a"]]);
  });
});
