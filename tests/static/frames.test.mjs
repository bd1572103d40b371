/** Frames as the page has them read: in a line what is new, and how much text of the model they bring. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { charsIn, shortOf, textOf } from "../../static/page/frames.js";
import { Progress } from "../../static/page/progress.js";

/** @type {import("../../static/client/protocol.js").Patch} */
const patch = {
  type: "patch",
  id: "a",
  from: 4,
  rev: 5,
  ops: [
    { op: "append", path: "/users/0/name", value: " Doe" },
    { op: "add", path: "/users/1", value: { name: null } },
  ],
  progress: { active: "/users/1", completed: ["/users/0"] },
};
/** @type {import("../../static/client/protocol.js").Snapshot} */
const snapshot = { type: "snapshot", id: "a", epoch: "e", rev: 2, value: { name: "Ann", note: null } };

/** @type {import("../../static/client/protocol.js").Watching} */
const watching = { type: "watching", id: "a", extraction: "x", epoch: "e", rev: 2, state: "running", recovered: null };

test("a patch in short is its operations and what became complete", () => {
  assert.equal(
    shortOf(patch, 100),
    'append /users/0/name " Doe"  add /users/1 {"name":null}  ✓ /users/0',
  );
});

test("a snapshot in short is its value; what is long is cut, what is very long is left out", () => {
  assert.equal(shortOf(snapshot, 100), '{"name":"Ann","note":null}');
  assert.ok(shortOf({ ...snapshot, value: "x".repeat(900) }, 900).length < 130);
  assert.equal(shortOf(snapshot, 1_000_000), "…");
  assert.equal(textOf(snapshot, 1_000_000), "epoch, rev, value …");
});

test("the text that a frame brings leaves placeholders out, and what is there before the first word", () => {
  assert.equal(charsIn(patch), " Doe".length + '{"name":}'.length);
  assert.equal(charsIn(snapshot), '{"name":"Ann","note":}'.length);
  assert.equal(charsIn({ ...snapshot, rev: 0 }), 0);
  assert.equal(charsIn(watching), 0);
});

test("each place is marked once: complete, whole where a snapshot says so, absent", () => {
  const progress = new Progress("e");
  progress.take({ active: "/b", completed: ["/a"], absent: ["/a/zip"] }, true);
  progress.take({ active: null, completed: ["/a", "/b"] }, false);
  assert.deepEqual(progress.places, [
    { path: "/a", marks: ["is-complete", "is-whole"] },
    { path: "/a/zip", marks: ["is-absent"] },
    { path: "/b", marks: ["is-complete"] },
  ]);
  assert.ok(progress.isComplete("/b") && !progress.isComplete("/c"));
});
