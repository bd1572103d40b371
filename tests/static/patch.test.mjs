/** JSON Patch and `append`: the cases of RFC 6902 appendix A that the protocol uses, sharing, and hostile keys. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { PatchError, apply, parsePointer } from "../../static/client/patch.js";

/** @typedef {import("../../static/client/protocol.js").Json} Json */
/** @typedef {any} Operations what the wire could bring */

/** @type {[name: string, value: Json, operations: Operations, expected: Json][]} */
const ACCEPTED = [
  [
    "A.1 an object member is added",
    { foo: "bar" },
    [{ op: "add", path: "/baz", value: "qux" }],
    { foo: "bar", baz: "qux" },
  ],
  [
    "A.2 an array element is added",
    { foo: ["bar", "baz"] },
    [{ op: "add", path: "/foo/1", value: "qux" }],
    { foo: ["bar", "qux", "baz"] },
  ],
  [
    "A.3 an object member is removed",
    { baz: "qux", foo: "bar" },
    [{ op: "remove", path: "/baz" }],
    { foo: "bar" },
  ],
  [
    "A.4 an array element is removed",
    { foo: ["bar", "qux", "baz"] },
    [{ op: "remove", path: "/foo/1" }],
    { foo: ["bar", "baz"] },
  ],
  [
    "A.5 a value is replaced",
    { baz: "qux", foo: "bar" },
    [{ op: "replace", path: "/baz", value: "boo" }],
    { baz: "boo", foo: "bar" },
  ],
  [
    "A.10 a nested member object is added",
    { foo: "bar" },
    [{ op: "add", path: "/child", value: { grandchild: {} } }],
    { foo: "bar", child: { grandchild: {} } },
  ],
  [
    "A.11 an unknown member of the operation is ignored",
    { foo: "bar" },
    [{ op: "add", path: "/baz", value: "qux", xyz: 123 }],
    { foo: "bar", baz: "qux" },
  ],
  [
    "A.16 a value is added to the end by a dash",
    { foo: ["bar"] },
    [{ op: "add", path: "/foo/-", value: ["abc", "def"] }],
    { foo: ["bar", ["abc", "def"]] },
  ],
  ["an array element is added at the end by its index", [1], [{ op: "add", path: "/1", value: 2 }], [1, 2]],
  ["an existing member is replaced by add", { a: 1 }, [{ op: "add", path: "/a", value: 2 }], { a: 2 }],
  ["the whole value is replaced", { a: 1 }, [{ op: "replace", path: "", value: [1] }], [1]],
  ["the whole value is added", null, [{ op: "add", path: "", value: "x" }], "x"],
  ["an empty key is a key", { "": 1 }, [{ op: "replace", path: "/", value: 2 }], { "": 2 }],
  [
    "escapes are read in the right order",
    { "~1": 1, "/": 2 },
    [{ op: "replace", path: "/~01", value: 3 }],
    { "~1": 3, "/": 2 },
  ],
  ["a null member is there", { a: null }, [{ op: "replace", path: "/a", value: "x" }], { a: "x" }],
  ["a string grows", { a: ["x"] }, [{ op: "append", path: "/a/0", value: "yz" }], { a: ["xyz"] }],
  ["the whole value grows", "x", [{ op: "append", path: "", value: "y" }], "xy"],
  [
    "operations build on each other",
    {},
    [
      { op: "add", path: "/a", value: [] },
      { op: "add", path: "/a/0", value: "x" },
      { op: "append", path: "/a/0", value: "y" },
    ],
    { a: ["xy"] },
  ],
];

/** @type {[name: string, value: Json, operations: Operations][]} */
const REFUSED = [
  ["A.12 a parent that is not there", { foo: "bar" }, [{ op: "add", path: "/baz/bat", value: "qux" }]],
  ["an index beyond the end", [1], [{ op: "add", path: "/2", value: 2 }]],
  ["an index with a leading zero", [1, 2], [{ op: "replace", path: "/01", value: 2 }]],
  ["a negative index", [1, 2], [{ op: "replace", path: "/-1", value: 2 }]],
  ["an index that is no number", [1, 2], [{ op: "add", path: "/length", value: 0 }]],
  ["the length of a list", [1, 2], [{ op: "replace", path: "/length", value: 1 }]],
  ["an insertion at an index with a leading zero", [1, 2], [{ op: "add", path: "/01", value: 0 }]],
  ["an insertion in front of the first", [1], [{ op: "add", path: "/-1", value: 0 }]],
  ["a dash where an element must be there", [1], [{ op: "replace", path: "/-", value: 2 }]],
  ["a replaced member that is not there", {}, [{ op: "replace", path: "/a", value: 1 }]],
  ["a removed member that is not there", {}, [{ op: "remove", path: "/a" }]],
  ["the removal of the whole value", {}, [{ op: "remove", path: "" }]],
  ["growth of a number", { a: 1 }, [{ op: "append", path: "/a", value: "1" }]],
  ["growth by a number", { a: "1" }, [{ op: "append", path: "/a", value: 1 }]],
  ["growth of a member that is not there", {}, [{ op: "append", path: "/a", value: "1" }]],
  ["something inside a string", { a: "bc" }, [{ op: "add", path: "/a/0", value: "x" }]],
  ["something inside null", { a: null }, [{ op: "add", path: "/a/b", value: "x" }]],
  ["an inherited member", {}, [{ op: "replace", path: "/constructor", value: 1 }]],
  ["the inside of an inherited member", {}, [{ op: "add", path: "/__proto__/polluted", value: 1 }]],
  ["an unknown operation", {}, [{ op: "move", from: "/a", path: "/b" }]],
  ["an operation without a value", {}, [/** @type {any} */ ({ op: "add", path: "/a" })]],
  ["what is no operation", {}, [/** @type {any} */ (null)]],
  ["a pointer without its slash", {}, [{ op: "add", path: "a", value: 1 }]],
  ["a bad escape", {}, [{ op: "add", path: "/~2", value: 1 }]],
];

describe("apply", () => {
  for (const [name, value, operations, expected] of ACCEPTED) {
    test(name, () => assert.deepEqual(apply(value, operations), expected));
  }
  for (const [name, value, operations] of REFUSED) {
    test(`refuses ${name}`, () => {
      const before = JSON.stringify(value);
      assert.throws(() => apply(value, operations), PatchError);
      assert.equal(JSON.stringify(value), before);
    });
  }
});

describe("sharing", () => {
  test("the given value stays as it was, and what is not touched is the same object", () => {
    const before = { users: [{ name: "A" }, { name: "B" }], place: { city: "C" } };
    const after = /** @type {typeof before} */ (
      apply(before, [{ op: "append", path: "/users/1/name", value: "ea" }])
    );
    assert.deepEqual(before.users[1], { name: "B" });
    assert.deepEqual(after.users[1], { name: "Bea" });
    assert.equal(after.users[0], before.users[0]);
    assert.equal(after.place, before.place);
  });

  test("no operations give the same object", () => {
    const value = { a: 1 };
    assert.equal(apply(value, []), value);
  });

  test("a failing patch leaves nothing behind", () => {
    const before = { a: ["x"] };
    const operations = /** @type {any} */ ([
      { op: "append", path: "/a/0", value: "y" },
      { op: "remove", path: "/b" },
    ]);
    assert.throws(() => apply(before, operations), PatchError);
    assert.deepEqual(before, { a: ["x"] });
  });

  test("the value of an operation is not changed by a later one", () => {
    /** @type {Operations} */
    const operations = [
      { op: "add", path: "/a", value: ["x"] },
      { op: "append", path: "/a/0", value: "y" },
    ];
    assert.deepEqual(apply({}, operations), { a: ["xy"] });
    assert.deepEqual(operations[0].value, ["x"]);
  });
});

describe("hostile keys", () => {
  test("__proto__ is set as an own member and the prototype stays", () => {
    const value = apply({ a: 1 }, [{ op: "add", path: "/__proto__", value: { polluted: true } }]);
    assert.equal(Object.getPrototypeOf(value), Object.prototype);
    assert.equal(/** @type {any} */ (value).polluted, undefined);
    assert.equal(JSON.stringify(value), '{"a":1,"__proto__":{"polluted":true}}');
  });

  test("a parsed __proto__ survives a copy, and grows", () => {
    const value = JSON.parse('{"__proto__":{"x":"a"},"b":1}');
    const after = apply(value, [
      { op: "append", path: "/__proto__/x", value: "b" },
      { op: "replace", path: "/b", value: 2 },
    ]);
    assert.equal(JSON.stringify(after), '{"__proto__":{"x":"ab"},"b":2}');
    assert.equal(JSON.stringify(value), '{"__proto__":{"x":"a"},"b":1}');
  });

  test("a __proto__ member can be removed", () => {
    const after = apply(JSON.parse('{"__proto__":1,"b":1}'), [{ op: "remove", path: "/__proto__" }]);
    assert.equal(JSON.stringify(after), '{"b":1}');
  });

  test("constructor, toString and hasOwnProperty are ordinary members", () => {
    const value = apply(
      {},
      ["constructor", "toString", "hasOwnProperty"].map((key) => ({
        op: /** @type {const} */ ("add"),
        path: `/${key}`,
        value: key,
      })),
    );
    assert.deepEqual(Object.entries(/** @type {object} */ (value)), [
      ["constructor", "constructor"],
      ["toString", "toString"],
      ["hasOwnProperty", "hasOwnProperty"],
    ]);
  });
});

test("the pointers of RFC 6901 section 5", () => {
  const pointers = {
    "": [],
    "/foo": ["foo"],
    "/foo/0": ["foo", "0"],
    "/": [""],
    "/a~1b": ["a/b"],
    "/c%d": ["c%d"],
    "/e^f": ["e^f"],
    "/ ": [" "],
    "/m~0n": ["m~n"],
  };
  for (const [pointer, tokens] of Object.entries(pointers)) assert.deepEqual(parsePointer(pointer), tokens);
});
