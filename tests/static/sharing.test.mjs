/** Structural sharing: what comes whole again is, where it is equal, what there was. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { share } from "../../static/client/sharing.js";
import { welcomed } from "./fakes.mjs";

/** @typedef {import("../../static/client/protocol.js").Json} Json */
/** @typedef {any} Message */

test("what is equal is the same, what is not is new, with its equal parts the same", () => {
  const before = { a: { b: [1, { c: "x" }] }, d: [{ e: 1 }, { e: 2 }] };
  /** @type {any} */
  const next = share(before, { a: { b: [1, { c: "x" }] }, d: [{ e: 1 }, { e: 3 }, { e: 2 }] });
  assert.notEqual(next, before);
  assert.equal(next.a, before.a);
  assert.notEqual(next.d, before.d);
  assert.equal(next.d[0], before.d[0]);
  assert.deepEqual(next.d, [{ e: 1 }, { e: 3 }, { e: 2 }]);
});

test("a list is no object, and another order of members is another value", () => {
  for (const [before, next] of [[{ 0: 1 }, [1]], [[], {}], [{ a: 1, b: 2 }, { b: 2, a: 1 }], [null, {}], [[], null]])
    assert.equal(share(/** @type {Json} */ (before), /** @type {Json} */ (next)), next);
});

test("of any two values the outcome reads as the second, the first is as it was, and equal ones are one", () => {
  const json = fc.jsonValue({ maxDepth: 4 });
  fc.assert(
    fc.property(json, json, (one, other) => {
      const [before, next] = [JSON.stringify(one), JSON.stringify(other)];
      const first = JSON.parse(before);
      assert.equal(JSON.stringify(share(first, JSON.parse(next))), next);
      assert.equal(JSON.stringify(first), before);
      assert.equal(share(first, JSON.parse(before)), first);
    }),
  );
});

test("a snapshot that comes in the place of a patch leaves rows the same that did not change", () => {
  const { server, session } = welcomed();
  const watch = session.extract({ input: "text" });
  const started = { type: "started", id: "w1", extraction: "x1", epoch: "e1", state: "running", deduplicated: false };
  const snapshot = { type: "snapshot", id: "w1", epoch: "e1" };
  server.socket.say(started, { ...snapshot, rev: 1, value: [{ a: 1 }] });
  const [row] = /** @type {Json[]} */ (watch.getSnapshot().value);
  server.socket.say({ ...snapshot, rev: 2, value: [{ a: 1 }, { a: 2 }] });
  assert.deepEqual(watch.getSnapshot().value, [{ a: 1 }, { a: 2 }]);
  assert.equal(/** @type {Json[]} */ (watch.getSnapshot().value)[0], row);
});
