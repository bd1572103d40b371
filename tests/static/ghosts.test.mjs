/** Rows that are still to come: there while nothing behind them is written, and never instead of what is. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { withGhosts } from "../../static/page/ghosts.js";

const row = { name: null };
const shape = { users: [row, row, row], tags: [], date: null };
const ann = { name: "Ann" };

test("a list is filled up to the rows of its shape", () => {
  const value = { users: [ann], tags: [], date: null };
  assert.deepEqual(withGhosts(value, shape), { users: [ann, row, row], tags: [], date: null });
  assert.deepEqual(withGhosts([ann], [row, row]), [ann, row]);
});

test("a list that is long enough, or has something written behind it, is the value's own", () => {
  for (const value of [
    { users: [ann, ann, ann], tags: [], date: null },
    { users: [ann], tags: [], date: "May" },
    { users: [], tags: ["a"], date: null },
  ])
    assert.equal(withGhosts(value, shape), value);
});

test("a value of another form than its shape is left alone", () => {
  /** @type {import("../../static/client/protocol.js").Json[]} */
  const others = [null, "text", 3, { users: "x" }, { other: [] }];
  for (const value of others) assert.equal(withGhosts(value, shape), value);
  assert.deepEqual(withGhosts({ users: [] }, null), { users: [] });
});

test("what is there already keeps its identity", () => {
  const value = { users: [ann], tags: [], date: null };
  const shown = /** @type {typeof value} */ (withGhosts(value, shape));
  assert.equal(shown.users[0], ann);
  assert.equal(shown.tags, value.tags);
});
