/** The empty shape that the page shows for a schema before a run. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { outline } from "../../static/page/outline.js";

const text = { type: "string" };

test("objects keep their members, lists of objects show three rows, other lists none", () => {
  const schema = {
    type: "object",
    properties: {
      date: text,
      tags: { type: "array", items: text },
      users: { type: "array", items: { type: "object", properties: { name: text } } },
    },
  };
  assert.deepEqual(outline(schema), {
    date: null,
    tags: [],
    users: [{ name: null }, { name: null }, { name: null }],
  });
});

test("local references and the first choice that is not null are followed", () => {
  /** @type {any} */
  const schema = {
    $defs: { User: { type: "object", properties: { name: text } } },
    type: "object",
    properties: { owner: { anyOf: [{ type: "null" }, { $ref: "#/$defs/User" }] } },
  };
  assert.deepEqual(outline(schema), { owner: { name: null } });
});

test("recursion ends, and references that lead nowhere or elsewhere are nothing", () => {
  const tree = { type: "object", properties: { child: { $ref: "#" } } };
  assert.match(JSON.stringify(outline(tree)), /^(\{"child":){1,9}null\}+$/);
  for (const $ref of ["#/nowhere", "http://else/where", "#/__proto__", "#"])
    assert.equal(outline({ $ref }), null);
});

test("what is no schema has no shape", () => {
  for (const schema of [null, true, "x", 3, [], {}]) assert.equal(outline(schema), null);
});
