/** The rules of `patch.js` on values and operations that nobody chose; a failure names its seed. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { applyPatch } from "rfc6902";

import { PatchError, apply } from "../../static/client/patch.js";

/** @typedef {import("../../static/client/protocol.js").Json} Json */
/** @typedef {import("../../static/client/protocol.js").Operation} Operation */
/** @typedef {{tokens: string[], holder: Json, value: Json}} Place */
/** @typedef {{at: number, kind: number, key: string, value: Json}} Draw what becomes an operation that fits */

const BOUNDS = { numRuns: 400, interruptAfterTimeLimit: 1500, includeErrorInReport: true };
const NAMES = ["a", "b", "", "a/b", "m~n", "~1", "-", "0", "length", "__proto__", "constructor", "toString"];

const name = fc.constantFrom(...NAMES);
const leaf = fc.oneof(fc.string({ maxLength: 4 }), fc.integer(), fc.boolean(), fc.constant(null));
/** @type {{json: fc.Arbitrary<Json>}} */
const { json } = fc.letrec((tie) => ({
  json: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    leaf,
    fc.array(tie("json"), { maxLength: 4 }),
    fc.array(fc.tuple(name, tie("json")), { maxLength: 4 }).map((members) => Object.fromEntries(members)),
  ),
}));
const draws = fc.array(fc.record({ at: fc.nat(99), kind: fc.nat(3), key: name, value: json }), { maxLength: 8 });

/** @type {<T extends Json>(value: T) => T} */
const clone = (value) => JSON.parse(JSON.stringify(value));

/** @param {Json} value @returns {value is Json[] | {[key: string]: Json}} */
const isContainer = (value) => value !== null && typeof value === "object";

/** @param {Json} value @returns {Place[]} every place in a value, the whole first */
function places(value, holder = /** @type {Json} */ (null), tokens = /** @type {string[]} */ ([])) {
  const members = isContainer(value) ? Object.entries(value) : [];
  const below = members.flatMap(([key, member]) => places(member, value, [...tokens, key]));
  return [{ tokens, holder, value }, ...below];
}

/** @param {string[]} tokens */
const pointer = (tokens) =>
  tokens.map((token) => `/${token.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");

/** An operation that fits a value. @param {Json} value @param {Draw} draw @returns {Operation} */
function fitting(value, { at, kind, key, value: fresh }) {
  const all = places(value);
  const place = /** @type {Place} */ (all[at % all.length]);
  const path = pointer(place.tokens);
  if (kind === 0) {
    const { value: into, tokens } = place;
    if (!isContainer(into)) return { op: "add", path, value: fresh };
    const end = Array.isArray(into) && (at % 2 ? "-" : String(at % (into.length + 1)));
    return { op: "add", path: pointer([...tokens, end || key]), value: fresh };
  }
  if (kind === 1 && place.tokens.length > 0) return { op: "remove", path };
  if (kind === 2 && typeof place.value === "string") return { op: "append", path, value: key };
  return { op: "replace", path, value: fresh };
}

/**
 * Operations that fit one behind the other, and the value after each by the oracle.
 *
 * @param {Json} value
 * @param {Draw[]} drawn
 */
function history(value, drawn) {
  const values = [clone(value)];
  const operations = drawn.map((draw) => {
    const before = /** @type {Json} */ (values.at(-1));
    const operation = fitting(before, draw);
    values.push(naive(before, operation));
    return operation;
  });
  return { operations, values, final: /** @type {Json} */ (values.at(-1)) };
}

/**
 * What rfc6902 makes of a clone. It walks past two names of ours, which are called something else meanwhile.
 *
 * @param {Json} value
 * @param {Operation} operation
 * @returns {Json}
 */
function naive(value, operation) {
  const document = hidden({ root: value });
  const { op, path, value: given } = hidden(operation);
  const there = places(document).find(({ tokens }) => pointer(tokens) === `/root${path}`)?.value;
  const plain = op === "append" ? { op: "replace", value: there + given } : { op, value: given };
  assert.deepEqual(applyPatch(document, [{ ...plain, path: `/root${path}` }]), [null]);
  return shown(document).root;
}

const hidden = (/** @type {unknown} */ value) =>
  JSON.parse(JSON.stringify(value).replace(/__proto__|constructor/g, (found) => `(${found.replaceAll("_", "-")})`));
const shown = (/** @type {unknown} */ value) =>
  JSON.parse(JSON.stringify(value).replace(/\((--proto--|constructor)\)/g, (_, found) => found.replaceAll("-", "_")));

/** Every object and list in a value. @param {Json} value */
const containers = (value) => new Set(places(value).flatMap(({ value: each }) => (isContainer(each) ? [each] : [])));

test("operations that fit give what a naive library gives", () => {
  fc.assert(
    fc.property(json, draws, (value, drawn) => {
      const { operations, values } = history(value, drawn);
      let reached = value;
      operations.forEach((operation, index) => {
        reached = apply(reached, [operation]);
        assert.deepEqual(reached, values[index + 1]);
      });
    }),
    BOUNDS,
  );
});

test("one patch of many operations gives what one behind the other gives", () => {
  fc.assert(
    fc.property(json, draws, fc.nat(8), (value, drawn, cut) => {
      const { operations, final } = history(value, drawn);
      const halfway = apply(value, operations.slice(0, cut));
      assert.deepEqual(apply(value, operations), final);
      assert.deepEqual(apply(halfway, operations.slice(cut)), final);
    }),
    BOUNDS,
  );
});

test("what was handed out stays as it was, and so does what an operation brings", () => {
  fc.assert(
    fc.property(json, draws, (value, drawn) => {
      const { operations } = history(value, drawn);
      const [before, brought] = [clone(value), clone(operations)];
      apply(value, operations);
      assert.deepEqual(value, before);
      assert.deepEqual(operations, brought);
    }),
    BOUNDS,
  );
});

test("one operation copies what is above its place, and shares all the rest", () => {
  fc.assert(
    fc.property(json, draws, (value, drawn) => {
      let before = value;
      for (const draw of drawn) {
        const operation = fitting(before, draw);
        const after = apply(before, [operation]);
        const above = places(before).filter(({ tokens }) => operation.path.startsWith(`${pointer(tokens)}/`));
        const place = places(before).find(({ tokens }) => pointer(tokens) === operation.path);
        const isInserted = operation.op === "add" && Array.isArray(above.at(-1)?.value);
        const replaced = place && !isInserted ? containers(place.value) : new Set();
        const kept = containers(after);
        const copied = new Set(above.map(({ value: each }) => each));
        for (const each of containers(before)) assert.equal(kept.has(each), !copied.has(each) && !replaced.has(each));
        before = after;
      }
    }),
    BOUNDS,
  );
});

const MISFITS = [
  { op: "move", path: "/a", from: "/b" },
  { op: "replace", path: "a", value: 1 },
  { op: "replace", path: "/~2", value: 1 },
  { op: "remove", path: "/not there" },
  { op: "remove", path: "" },
  { op: "add", path: "/not there/a", value: 1 },
  { op: "append", path: "/length", value: 1 },
  { op: "replace", path: "/-1", value: 1 },
  { op: "replace", path: "/00", value: 1 },
  { op: "replace", path: "/valueOf", value: 1 },
];

test("a patch whose last operation does not fit is a PatchError, and changes nothing", () => {
  fc.assert(
    fc.property(json, draws, fc.constantFrom(...MISFITS), (value, drawn, misfit) => {
      const { operations } = history(value, drawn);
      const before = clone(value);
      const patch = [...operations, /** @type {any} */ (misfit)];
      assert.throws(() => apply(value, patch), PatchError);
      assert.deepEqual(value, before);
    }),
    BOUNDS,
  );
});

test("whatever the wire brings as operations is applied or is a PatchError, and leaves the value alone", () => {
  const op = fc.constantFrom("add", "remove", "replace", "append", "test", "copy", "");
  const tokens = fc.array(fc.oneof(name, fc.string({ maxLength: 3 }), fc.constantFrom("1", "01", "-1", "1e0")));
  const path = fc.oneof(tokens.map(pointer), fc.string({ maxLength: 6 }));
  const anything = fc.array(fc.record({ op, path, value: json }), { maxLength: 4 });
  fc.assert(
    fc.property(json, anything, (value, operations) => {
      const before = clone(value);
      try {
        const after = apply(value, /** @type {any} */ (operations));
        assert.deepEqual(clone(after), after);
      } catch (error) {
        assert.ok(error instanceof PatchError, String(error));
      }
      assert.deepEqual(value, before);
    }),
    BOUNDS,
  );
});
