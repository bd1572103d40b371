/** Whatever a line does to the frames, the replica reaches the value, and asks no more often than frames went wrong. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { Replica } from "../../static/client/index.js";

/** @typedef {any} Message */
/** @typedef {"arrives" | "is lost" | "comes twice" | "is overtaken"} Fate */
/** @typedef {{kind: "word" | "open" | "fill" | "mend", text: string}} Step */

const EPOCH = "e";

/** One step as operations, and by hand as the next value. @param {any} before @param {Step} step */
function grow(before, { kind, text }) {
  const after = structuredClone(before);
  const last = after.list.length - 1;
  if (kind === "word") {
    after.prose += text;
    return { after, ops: [{ op: "append", path: "/prose", value: text }] };
  }
  if (kind === "open" || last < 0) {
    after.list.push({ name: text });
    return { after, ops: [{ op: "add", path: "/list/-", value: { name: text } }] };
  }
  if (kind === "fill") {
    after.list[last].name += text;
    return { after, ops: [{ op: "append", path: `/list/${last}/name`, value: text }] };
  }
  after.list[0] = { name: text };
  return { after, ops: [{ op: "replace", path: "/list/0", value: { name: text } }] };
}

/** A gateway with one extraction, which knows all its revisions and where its one watch stands. */
class Gateway {
  values = [/** @type {any} */ ({ prose: "", list: [] })];
  /** @type {Message[][]} */
  steps = [[]];
  at = 0;

  /** @param {Step[]} steps */
  constructor(steps) {
    for (const step of steps) {
      const { after, ops } = grow(this.values.at(-1), step);
      this.values.push(after);
      this.steps.push(ops);
    }
  }

  get isAtEnd() {
    return this.at === this.values.length - 1;
  }

  /** The next frame of a watch that is kept up. @returns {Message} */
  next() {
    const from = this.at++;
    return { type: "patch", id: "w", from, rev: this.at, ops: this.steps[this.at] };
  }

  /** What a `watch` is answered with: the tail where the position is known, else the state. @param {any} position */
  answer(position) {
    const { at: rev } = this;
    const ops = this.steps.slice(position.rev + 1, rev + 1).flat();
    const update =
      position === "start"
        ? { type: "snapshot", id: "w", epoch: EPOCH, rev, value: this.values[rev] }
        : { type: "patch", id: "w", from: position.rev, rev, ops };
    return [{ type: "watching", id: "w", extraction: "x", epoch: EPOCH, rev, state: "running" }, update];
  }

  /** @returns {Message} */
  end() {
    return { type: "completed", id: "w", epoch: EPOCH, rev: this.at };
  }
}

/** A line and who is at its ends. @param {Gateway} gateway @param {Fate[]} fates */
function play(gateway, fates) {
  const replica = new Replica("append");
  let asked = 0;
  /** @type {Message[]} */
  let late = [];
  const receive = (/** @type {Message} */ frame) => {
    if (replica.receive(frame) !== "rewatch") return;
    asked += 1;
    for (const each of gateway.answer(replica.position)) receive(each);
  };
  for (const each of gateway.answer("start")) receive(each);
  for (let count = 0; !gateway.isAtEnd; count++) {
    const fate = fates[count] ?? "arrives";
    const frame = gateway.next();
    if (fate === "is overtaken") late.push(frame);
    else if (fate !== "is lost") for (const each of fate === "comes twice" ? [frame, frame] : [frame]) receive(each);
    if (fate !== "is overtaken") late.splice(0).forEach(receive);
  }
  while (!replica.state.ending) receive(gateway.end());
  late.forEach(receive);
  return { replica, asked };
}

const aText = fc.string({ unit: "grapheme", maxLength: 5 });
const aStep = fc.record({ kind: fc.constantFrom("word", "open", "fill", "mend"), text: aText });
const aFate = fc.constantFrom("arrives", "arrives", "is lost", "comes twice", "is overtaken");

test("lost, doubled and overtaken frames end in the value, with one question for each that went wrong at most", () => {
  fc.assert(
    fc.property(fc.array(aStep, { maxLength: 30 }), fc.array(aFate, { maxLength: 30 }), (steps, fates) => {
      const gateway = new Gateway(/** @type {Step[]} */ (steps));
      const { replica, asked } = play(gateway, /** @type {Fate[]} */ (fates));
      assert.deepEqual(replica.state.value, gateway.values.at(-1));
      assert.equal(replica.state.rev, steps.length);
      const wrong = fates.filter((fate) => fate === "is lost" || fate === "is overtaken");
      assert.ok(asked <= wrong.length, `${asked} questions, ${wrong.length} frames went wrong`);
    }),
    { numRuns: 500 },
  );
});

test("one frame that is lost, anywhere, costs exactly one question", () => {
  fc.assert(
    fc.property(fc.array(aStep, { minLength: 1, maxLength: 20 }), fc.nat(), (steps, chance) => {
      const lost = chance % steps.length;
      const fates = steps.map((_, at) => /** @type {Fate} */ (at === lost ? "is lost" : "arrives"));
      const gateway = new Gateway(/** @type {Step[]} */ (steps));
      const { replica, asked } = play(gateway, fates);
      assert.deepEqual(replica.state.value, gateway.values.at(-1));
      assert.equal(asked, 1);
    }),
  );
});

test("values that were handed out never change, and what a step does not touch stays the same object", () => {
  fc.assert(
    fc.property(fc.array(aStep, { maxLength: 20 }), (steps) => {
      const gateway = new Gateway(/** @type {Step[]} */ (steps));
      const replica = new Replica("append");
      for (const each of gateway.answer("start")) replica.receive(/** @type {any} */ (each));
      const seen = [/** @type {any} */ (replica.state.value)];
      while (!gateway.isAtEnd) {
        replica.receive(gateway.next());
        seen.push(replica.state.value);
      }
      assert.deepEqual(seen, gateway.values);
      for (const [at, value] of seen.slice(1).entries()) {
        const [[operation]] = [gateway.steps[at + 1] ?? []];
        const touched = /^\/list\/(\d+)/.exec(operation.path)?.[1];
        seen[at].list.forEach((/** @type {any} */ item, /** @type {number} */ index) => {
          assert.equal(value.list[index] === item, String(index) !== touched);
        });
      }
    }),
  );
});
