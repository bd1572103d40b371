/** A schema as the form's fields and back: nothing is lost, and what cannot be shown is not. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { EXAMPLES, FIRST } from "../../static/page/examples.js";
import {
  choicesIn,
  edit,
  field,
  fieldAt,
  insert,
  move,
  problemsOf,
  remove,
} from "../../static/page/fields.js";
import { read, write } from "../../static/page/schema.js";

/** @typedef {import("../../static/page/fields.js").Model} Model */
/** @typedef {import("../../static/client/protocol.js").Json} Json */

/** @param {Json} schema @returns {Model} */
function shown(schema) {
  const { model, reason } = read(schema);
  assert.equal(reason, "");
  return /** @type {Model} */ (model);
}

const MEETING = {
  type: "object",
  title: "Meeting",
  properties: {
    topic: { type: "string", description: "in five words" },
    cost: { type: "number" },
    rooms: { type: "integer" },
    is_public: { type: "boolean" },
    day: { type: "string", format: "date" },
    mood: { type: "string", enum: ["calm", "tense"] },
    tags: { type: "array", items: { type: "string" } },
    people: {
      type: "array",
      items: { type: "object", properties: { name: { type: "string" } }, required: ["name"] },
    },
    place: { type: "object", properties: { city: { type: "string" } } },
  },
  required: ["topic", "people"],
};

describe("a schema as fields", () => {
  test("each type has its row, with its description and whether it is required", () => {
    const { title, fields } = shown(MEETING);
    assert.equal(title, "Meeting");
    const types = ["text", "number", "integer", "boolean", "date", "choice", "texts", "objects", "object"];
    assert.deepEqual(
      fields.map(({ name, type }) => [name, type]),
      Object.keys(MEETING.properties).map((name, at) => [name, types[at]]),
    );
    assert.deepEqual(
      [fields[0]?.description, fields[0]?.isRequired, fields[1]?.isRequired],
      ["in five words", true, false],
    );
    assert.deepEqual(
      fields[7]?.fields.map(({ name }) => name),
      ["name"],
    );
  });

  test("what the form writes has no word about additional properties", () => {
    assert.deepEqual(write(shown(MEETING)), MEETING);
  });

  test("keywords without a control of their own are kept while the type stays", () => {
    const code = { type: "string", pattern: "^[A-Z]+$", maxLength: 8 };
    const schema = { type: "object", additionalProperties: false, properties: { code } };
    const model = shown(schema);
    assert.deepEqual(write(model), schema);
    const changed = edit(model, [0], { type: "number" });
    assert.deepEqual(write(changed).properties, { code: { type: "number" } });
    assert.deepEqual(write(edit(changed, [0], { type: "text" })), schema);
  });

  test("that a field may be empty is understood in both usual ways, and written back as it was", () => {
    const texts = { type: "array", items: { type: "string" } };
    /** @type {{[name: string]: any}} */
    const properties = {
      a: { type: ["string", "null"], description: "words", maxLength: 8 },
      b: { type: ["null", "integer"] },
      c: { anyOf: [{ type: "string", format: "date" }, { type: "null" }], default: null, title: "C", description: "d" },
      d: { anyOf: [{ type: "null" }, texts] },
      e: { anyOf: [{ type: "object", properties: { f: { type: ["number", "null"] } } }, { type: "null" }] },
    };
    const model = shown({ type: "object", properties });
    assert.deepEqual(
      model.fields.map(({ type, description, kept }) => [type, description, kept?.orNull !== null]),
      [
        ["text", "words", true],
        ["integer", "", true],
        ["date", "d", true],
        ["texts", "", true],
        ["object", "", true],
      ],
    );
    assert.deepEqual(write(model), { type: "object", properties });
    assert.deepEqual(write(edit(model, [2], { description: "" })).properties, {
      ...properties,
      c: { anyOf: properties.c.anyOf, default: null, title: "C" },
    });
  });

  test("the examples of the page can all be shown", () => {
    for (const { schema } of [FIRST, ...EXAMPLES]) assert.deepEqual(write(shown(schema)), schema);
  });

  test("what it cannot show it names, with its place", () => {
    /** @type {[Json, RegExp][]} */
    const cases = [
      [{ anyOf: [] }, /"type" at the top/],
      [{ type: "object", $defs: {}, properties: {} }, /"\$defs" at the top/],
      [{ type: "object", properties: { a: { $ref: "#" } } }, /"\$ref" of \/a/],
      [{ type: "object", properties: { a: { anyOf: [{ type: "string" }] } } }, /"anyOf" of \/a/],
      [{ type: "object", properties: { a: { type: ["string", "number"] } } }, /^\/a has a type/],
      [{ type: "object", properties: { a: { anyOf: [{ $ref: "#" }, { type: "null" }] } } }, /"\$ref" of \/a/],
      [{ type: "object", properties: { a: { type: "string", not: {} } } }, /"not" of \/a/],
      [{ type: "object", properties: { a: { type: "string", enum: ["x, y"] } } }, /"enum" of \/a/],
      [{ type: "object", properties: { a: true } }, /^\/a is not/],
      [{ type: "object", required: ["a"] }, /"required" at the top/],
      [{ type: "object", additionalProperties: { type: "string" } }, /"additionalProperties" at the top/],
      [
        { type: "object", properties: { a: { type: "object", properties: { b: { type: "object" } } } } },
        /^\/a\/b/,
      ],
    ];
    for (const [schema, words] of cases) assert.match(read(schema).reason, words);
  });

  test("what is no schema has no fields", () => {
    for (const schema of [null, true, 3, "x", [], {}]) assert.equal(read(schema).model, null);
  });
});

describe("the fields, edited", () => {
  const model = shown(MEETING);

  test("move within their list, and no further than its ends", () => {
    const names = (/** @type {Model} */ { fields }) => fields.map(({ name }) => name).slice(0, 3);
    assert.deepEqual(names(move(model, [1], -1)), ["cost", "topic", "rooms"]);
    assert.deepEqual(names(move(model, [0], -1)), ["topic", "cost", "rooms"]);
    assert.deepEqual(move(move(model, [1], 1), [2], -1), model);
  });

  test("are added and removed, also inside a group, and the model before stays as it was", () => {
    const added = insert(model, [7, 1], field({ name: "role" }));
    assert.deepEqual(fieldAt(added, [7, 1])?.name, "role");
    assert.deepEqual(remove(added, [7, 1]), model);
    assert.deepEqual(write(model), MEETING);
  });

  test("without a name, twice the same name and no choices are problems; the schema goes without them", () => {
    const fields = [
      field({ name: "a" }),
      field({ name: "a", type: "number" }),
      field(),
      field({ name: "b", type: "choice" }),
    ];
    assert.deepEqual(
      problemsOf(fields).map(({ path, part }) => [...path, part]),
      [
        [1, "name"],
        [2, "name"],
        [3, "choices"],
      ],
    );
    const written = write({ title: "", kept: {}, fields });
    assert.deepEqual(written.properties, { a: { type: "string" }, b: { type: "string" } });
  });

  test("a problem in a group is found by its path; fields that the type hides have none", () => {
    const group = field({ name: "g", type: "object", fields: [field()] });
    assert.deepEqual(problemsOf([group])[0]?.path, [0, 0]);
    assert.deepEqual(problemsOf([{ ...group, type: "text" }]), []);
  });

  test("choices are read between commas, each once", () => {
    assert.deepEqual(choicesIn(" low, high ,,low,not yet known "), ["low", "high", "not yet known"]);
  });
});

/** A generator of pseudo-random numbers, so that a failure can be repeated. @param {number} seed */
function chance(seed) {
  let state = seed;
  return (/** @type {number} */ below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const NAMES = ["a", "b", "__proto__", "constructor", "7", "with space", "ключ", "$ref", "a/b~c"];
/** @type {[string, Json][]} */
const EXTRAS = [
  ["description", "words"],
  ["description", ""],
  ["description", 3],
  ["title", "T"],
  ["title", 4],
  ["default", null],
  ["pattern", "^x"],
  ["format", "date"],
  ["format", "email"],
  ["minItems", 1],
  ["additionalProperties", false],
  ["additionalProperties", {}],
  ["enum", ["x", "y"]],
  ["enum", ["x", 1]],
  ["enum", []],
  ["enum", ["x,y"]],
  ["required", ["a"]],
  ["required", []],
  ["required", "a"],
  ["items", { type: "string" }],
  ["properties", { a: { type: "string" } }],
  ["anyOf", [{ type: "string" }]],
  ["anyOf", [{ type: "string", title: "S" }, { type: "null" }]],
  ["anyOf", [{ type: "null" }, { type: "array", items: { type: "string" } }]],
  ["anyOf", [{ type: "null" }, { type: "null" }]],
  ["const", 1],
];
const SCHEMA_TYPES = [["string", "null"], ["null", "object"], "string", "number", "integer", "boolean", "null", "array", "object", undefined];

/** @param {(below: number) => number} pick @param {number} depth @returns {any} */
function anySchema(pick, depth) {
  if (pick(40) === 0) return [true, null, [], "x"][pick(4)];
  const type = depth === 0 && pick(20) > 0 ? "object" : SCHEMA_TYPES[pick(SCHEMA_TYPES.length)];
  /** @type {[string, any][]} */
  const entries = type === undefined ? [] : [["type", type]];
  if (type === "array" && pick(8) > 0) entries.push(["items", anySchema(pick, depth + 1)]);
  if (type === "object" && pick(8) > 0) {
    const names = NAMES.filter(() => pick(4) === 0);
    entries.push(["properties", Object.fromEntries(names.map((name) => [name, anySchema(pick, depth + 1)]))]);
    if (pick(2) === 0) entries.push(["required", names.filter(() => pick(2) === 0)]);
  }
  while (pick(3) === 0) entries.push(EXTRAS[pick(EXTRAS.length)] ?? ["const", 0]);
  return Object.fromEntries(entries);
}

/** What two schemas that mean the same have in common; a naive walk. @param {any} schema @returns {any} */
function meaning(schema) {
  if (typeof schema !== "object" || schema === null || Array.isArray(schema)) return schema;
  const parts = Object.entries(schema).map(([key, value]) => {
    if (key === "properties")
      return [key, Object.entries(value).map(([name, part]) => [name, meaning(part)])];
    if (key === "required") return [key, [...value].sort()];
    return [key, key === "items" ? meaning(value) : value];
  });
  const isObject = [schema.type].flat().includes("object");
  return { ...(isObject && { properties: [], required: [] }), ...Object.fromEntries(parts) };
}

test("whatever can be shown is written back as it was, the order of its fields too", () => {
  const counts = { shown: 0, not: 0 };
  for (let seed = 1; seed <= 20_000; seed += 1) {
    const schema = anySchema(chance(seed), 0);
    const before = JSON.stringify(schema);
    const { model, reason } = read(schema);
    assert.equal(JSON.stringify(schema), before);
    if (model) {
      const again = write(model);
      assert.deepEqual(meaning(again), meaning(schema), `seed ${seed}: ${before}`);
      assert.deepEqual(read(again).model, model, `seed ${seed}`);
      counts.shown += 1;
    } else {
      assert.ok(reason, `seed ${seed}`);
      counts.not += 1;
    }
  }
  assert.ok(counts.shown > 2_000 && counts.not > 2_000, JSON.stringify(counts));
});
