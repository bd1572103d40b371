/** Long texts in blocks, long lists by their ends: what is drawn of a large value. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { Desk } from "../../static/page/desk.js";
import { inSight, sample } from "../../static/page/members.js";
import { blocks } from "../../static/page/text.js";

test("blocks are the text, none is longer than it may be, and none ends inside a character", () => {
  const text = fc.string({ unit: fc.constantFrom("a", " ", "\n", "😀", "é"), maxLength: 200 });
  fc.assert(
    fc.property(text, fc.integer({ min: 2, max: 30 }), (whole, most) => {
      const pieces = blocks(whole, most);
      assert.equal(pieces.join(""), whole);
      assert.ok(pieces.every((piece) => piece.length <= most));
      for (const piece of pieces) encodeURIComponent(piece); // throws at half a character
    }),
  );
});

test("a block ends behind a line where there is one, else behind a word, else where it has to", () => {
  assert.deepEqual(blocks("one two\nthree four five", 10), ["one two\n", "three ", "four five"]);
  assert.deepEqual(blocks("x".repeat(25), 10), ["x".repeat(10), "x".repeat(10), "x".repeat(5)]);
  assert.deepEqual(blocks("\n".concat("x".repeat(12)), 10), [`\n${"x".repeat(9)}`, "xxx"]);
});

test("of a long list or object both ends are in sight, of a short one all", () => {
  assert.deepEqual(inSight(["a", "b", "c", "d", "e", "f"], 2), [["0", "1", "4", "5"], 2]);
  assert.deepEqual(inSight({ a: 1, b: 2, c: 3, d: 4, e: 5 }, 2), [["a", "b", "d", "e"], 1]);
  assert.deepEqual(inSight({ b: 1, a: 2 }, 1), [["b", "a"], 0]);
  assert.deepEqual(inSight([], 2), [[], 0]);
  assert.deepEqual(sample([1, 2, 3, 4, 5], 2), [1, 2, 4, 5]);
  assert.deepEqual(sample([1, 2, 3, 4], 2), [1, 2, 3, 4]);
});

test("what does not fit into a frame is gone on with in the next ones, until all is drawn", () => {
  let asked = 0;
  const desk = new Desk(() => (asked += 1));
  let left = 500;
  const draw = () => {
    for (; left > 0; left--) {
      if (desk.isLate) return desk.later(draw);
      desk.count();
    }
  };
  desk.frame(draw);
  assert.ok(left > 300);
  assert.ok(asked > 0 && !desk.isDone);
  let frames = 1;
  for (; !desk.isDone; frames++) desk.frame(() => {});
  assert.equal(left, 0);
  assert.ok(frames > 3);
});

test("what is left has its share of a frame however much is new", () => {
  const desk = new Desk(() => {});
  let drawn = 0;
  desk.later(() => (drawn += 1));
  desk.frame(() => {
    while (!desk.isLate) desk.count();
  });
  assert.equal(drawn, 1);
});
