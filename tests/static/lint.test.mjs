/** What is plainly wrong with a schema, found while it is typed. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { EXAMPLES, FIRST } from "../../static/page/examples.js";
import { hasNoFields, problemIn } from "../../static/page/lint.js";

/** @typedef {import("../../static/client/protocol.js").Json} Json */

test("a type that does not exist is named with its place, however deep it is", () => {
  const typo = { type: "strnig" };
  /** @type {[Json, string][]} */
  const cases = [
    [typo, "/type"],
    [{ type: ["string", "nul"] }, "/type"],
    [{ properties: { a: { type: "array", items: { properties: { b: typo } } } } }, "/properties/a/items/properties/b/type"],
    [{ anyOf: [{ type: "null" }, typo] }, "/anyOf/1/type"],
    [{ $defs: { A: typo } }, "/$defs/A/type"],
    [{ type: null }, "/type"],
  ];
  for (const [schema, place] of cases) assert.ok(problemIn(schema).startsWith(`${place} is `), problemIn(schema));
});

test("keywords that need another form say which", () => {
  /** @type {[Json, RegExp][]} */
  const cases = [
    [{ properties: ["a"] }, /^\/properties has to be an object/],
    [{ properties: { a: "string" } }, /^\/properties\/a has to be a schema/],
    [{ required: "a" }, /^\/required has to be a list/],
    [{ enum: {} }, /^\/enum has to be a list/],
    [{ anyOf: { type: "string" } }, /^\/anyOf has to be a list/],
    [{ items: 3 }, /^\/items has to be a schema/],
  ];
  for (const [schema, words] of cases) assert.match(problemIn(schema), words);
});

test("what may be right is left to the gateway", () => {
  const schemas = [FIRST, ...EXAMPLES].map(({ schema }) => schema);
  /** @type {Json[]} */
  const others = [
    {},
    { type: ["string", "null"], format: "anything", "x-stream": { hold: true } },
    { $ref: "#/$defs/A", $defs: { A: true } },
    { properties: { type: { type: "string" }, properties: { type: "object" } }, additionalProperties: false },
    { const: { type: "strnig" }, default: { type: 3 }, items: [{}, {}] },
  ];
  for (const schema of [...schemas, ...others]) assert.equal(problemIn(schema), "");
});

test("an object that names no member has no fields, other schemas may have them elsewhere", () => {
  /** @type {Json[]} */
  const empty = [{}, { type: "object" }, { type: "object", properties: {}, additionalProperties: false }];
  /** @type {Json[]} */
  const others = [{ type: "array" }, { properties: { a: {} } }, { $ref: "#/x" }, { type: "object", additionalProperties: {} }, null];
  assert.deepEqual(empty.map(hasNoFields), [true, true, true]);
  assert.deepEqual(others.map(hasNoFields), [false, false, false, false, false]);
});
