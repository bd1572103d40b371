/** Other people's JSON Patch libraries on the frames of tests/vectors, and what they make of hostile names. */

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { describe, test } from "node:test";
import fastJsonPatch from "fast-json-patch";

import { apply } from "../../static/client/patch.js";
import { LIBRARIES, plain } from "./replay.mjs";

/** Names in an operation that only our client is asked about here; what the libraries make of them is below. */
const TRIPPING = /__proto__|constructor|prototype/;
const FOLDER = new URL("../vectors/", import.meta.url);
const files = readdirSync(FOLDER).filter((name) => name.startsWith("watch-"));
const vectors = files.flatMap((file) => JSON.parse(readFileSync(new URL(file, FOLDER), "utf8")));

/** Each patch that a vector says is applied, with the value before it and after it. */
const steps = vectors.flatMap(({ name, frames, states }) =>
  frames.flatMap((/** @type {any} */ frame, /** @type {number} */ index) => {
    if (frame.type !== "patch" || states[index].receipt !== "applied") return [];
    return [{ name, ops: frame.ops, before: states[index - 1].value, after: states[index].value }];
  }),
);

describe("the vectors", () => {
  test("hold patches, with append and without", () => {
    const appending = steps.filter(({ ops }) => ops.some((/** @type {any} */ { op }) => op === "append"));
    assert.ok(appending.length > 0 && appending.length < steps.length);
  });

  for (const [library, patched] of Object.entries({ ...LIBRARIES, "our client": apply })) {
    test(`each patch gives the next value by ${library}`, () => {
      const refused = library === "our client" ? [] : steps.filter(({ ops }) => JSON.stringify(ops).match(TRIPPING));
      for (const { name, ops, before, after } of steps.filter((step) => !refused.includes(step))) {
        const fresh = structuredClone(before);
        assert.deepEqual(patched(fresh, library === "our client" ? ops : plain(fresh, ops)), after, name);
        assert.deepEqual(fresh, before, name);
      }
    });
  }
});

/** @param {string} name @param {any} value */
const added = (name, value) => [{ op: /** @type {const} */ ("add"), path: `/${name}`, value }];
const grown = (/** @type {string} */ name) => [{ op: /** @type {const} */ ("replace"), path: `/${name}/x`, value: "new" }];

describe("names that a library trips over", () => {
  for (const [library, patched] of Object.entries({ ...LIBRARIES, "our client": apply })) {
    for (const [escaped, name] of Object.entries({ "a~1b": "a/b", "m~0n": "m~n", "": "", "~01": "~1", "0": "0" })) {
      test(`${library} takes ${JSON.stringify(name)}`, () => {
        assert.deepEqual(patched({ y: 1 }, added(escaped, { x: "" })), { y: 1, [name]: { x: "" } });
        assert.deepEqual(patched({ [name]: { x: "" } }, grown(escaped)), { [name]: { x: "new" } });
      });
    }
  }

  const proto = JSON.parse('{"__proto__": {"x": "new"}}');

  test("our client has __proto__ and constructor as members like any other", () => {
    assert.deepEqual(apply(apply({}, added("__proto__", { x: "" })), grown("__proto__")), proto);
    assert.deepEqual(apply(apply({}, added("constructor", { x: "" })), grown("constructor")), { constructor: { x: "new" } });
  });

  test("fast-json-patch refuses __proto__, and takes constructor", () => {
    const patched = /** @type {typeof apply} */ (LIBRARIES["fast-json-patch"]);
    assert.throws(() => patched({}, added("__proto__", { x: "" })), /banned for security reasons/);
    assert.throws(() => patched(proto, grown("__proto__")), /banned for security reasons/);
    assert.deepEqual(patched(patched({}, added("constructor", { x: "" })), grown("constructor")), {
      constructor: { x: "new" },
    });
  });

  test("fast-json-patch without its ban loses what is added as __proto__", () => {
    const { newDocument } = fastJsonPatch.applyPatch({}, added("__proto__", { x: "" }), true, false, false);
    assert.equal(JSON.stringify(newDocument), "{}");
  });

  test("rfc6902 loses __proto__ without a word, and writes beside constructor what belongs in it", () => {
    const patched = /** @type {typeof apply} */ (LIBRARIES.rfc6902);
    assert.equal(JSON.stringify(patched({}, added("__proto__", { x: "" }))), "{}");
    assert.throws(() => patched({ constructor: { x: "" } }, grown("constructor")), /Value required/);
    assert.deepEqual(patched({ constructor: { x: "" }, x: "" }, grown("constructor")), {
      constructor: { x: "" },
      x: "new",
    });
  });
});
