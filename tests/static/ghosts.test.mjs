/** Rows that are still to come: there while nothing behind them is written, and never instead of what is. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { isWritten, withGhosts } from "../../static/page/ghosts.js";

const none = () => false;
const row = { name: null };
const shape = { users: [row, row, row], tags: [], date: null };
const ann = { name: "Ann" };

test("a list is filled up to the rows of its shape", () => {
  const value = { users: [ann], tags: [], date: null };
  assert.deepEqual(withGhosts(value, shape, none), { users: [ann, row, row], tags: [], date: null });
  assert.deepEqual(withGhosts([ann], [row, row], none), [ann, row]);
});

test("a list that is long enough, or has something written behind it, is the value's own", () => {
  for (const value of [
    { users: [ann, ann, ann], tags: [], date: null },
    { users: [ann], tags: [], date: "May" },
    { users: [], tags: ["a"], date: null },
  ])
    assert.equal(withGhosts(value, shape, none), value);
});

test("a value of another form than its shape is left alone", () => {
  /** @type {import("../../static/client/protocol.js").Json[]} */
  const others = [null, "text", 3, { users: "x" }, { other: [] }];
  for (const value of others) assert.equal(withGhosts(value, shape, none), value);
  assert.deepEqual(withGhosts({ users: [] }, null, none), { users: [] });
});

test("what is there already keeps its identity", () => {
  const value = { users: [ann], tags: [], date: null };
  const shown = /** @type {typeof value} */ (withGhosts(value, shape, none));
  assert.equal(shown.users[0], ann);
  assert.equal(shown.tags, value.tags);
});

test("a list that is known to be complete has no more rows to come", () => {
  const value = { users: [], tags: [], date: null };
  assert.equal(
    withGhosts(value, shape, (path) => path === "/users"),
    value,
  );
});

test("a value is written once a leaf is there that the skeleton does not have", () => {
  const skeleton = { users: [], currency: "EUR", date: null, group: { name: null } };
  for (const value of [null, {}, [], skeleton, { ...skeleton, users: [row] }])
    assert.equal(isWritten(value, skeleton), false, JSON.stringify(value));
  for (const value of [0, "", false, { ...skeleton, users: [ann] }, { ...skeleton, currency: "EUROS" }])
    assert.equal(isWritten(value, skeleton), true, JSON.stringify(value));
});
