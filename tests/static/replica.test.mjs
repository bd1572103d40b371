/** The receiving side as transcripts: frames in, verdicts and states out. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { Replica } from "../../static/client/replica.js";

/** @typedef {import("../../static/client/protocol.js").WatchFrame} WatchFrame */

const id = "w1";
/** @type {(rev: number, value: any, epoch?: string) => WatchFrame} */
const snapshot = (rev, value, epoch = "e1") => ({ type: "snapshot", id, epoch, rev, value });
/** @type {(from: number, rev: number, text: string) => WatchFrame} */
const growth = (from, rev, value) => ({
  type: "patch",
  id,
  from,
  rev,
  ops: [{ op: "append", path: "/a", value }],
});
/** @type {(rev: number, epoch?: string) => WatchFrame} */
const watching = (rev, epoch = "e1") => ({
  type: "watching",
  id,
  extraction: "x",
  epoch,
  rev,
  state: "running",
  recovered: "tail",
});
/** @type {(rev: number, epoch?: string) => WatchFrame} */
const completed = (rev, epoch = "e1") => ({ type: "completed", id, epoch, rev });
/** @type {(epoch: string) => WatchFrame} */
const reset = (epoch) => ({ type: "reset", id, epoch, attempt: 2, reason: "invalid_output" });

/**
 * @param {WatchFrame[]} frames
 * @param {Replica} [replica]
 */
function play(frames, replica = new Replica()) {
  const verdicts = frames.map((frame) => replica.receive(frame));
  const { epoch, rev, value, status } = replica.state;
  return { verdicts, epoch, rev, value, status };
}

describe("a whole run", () => {
  test("updates in order are applied, and the ending ends it", () => {
    const frames = [watching(0), snapshot(0, { a: "" }), growth(0, 3, "x"), growth(3, 4, "y"), completed(4)];
    assert.deepEqual(play(frames), {
      verdicts: ["applied", "applied", "applied", "applied", "ended"],
      epoch: "e1",
      rev: 4,
      value: { a: "xy" },
      status: "completed",
    });
  });

  test("a snapshot in between takes the place of patches", () => {
    assert.deepEqual(play([snapshot(0, { a: "" }), snapshot(7, { a: "x" }), growth(7, 8, "y")]).value, {
      a: "xy",
    });
  });

  test("nothing is taken after the ending", () => {
    const { verdicts, value } = play([
      snapshot(1, { a: "x" }),
      completed(1),
      growth(1, 2, "y"),
      completed(1),
    ]);
    assert.deepEqual(verdicts, ["applied", "ended", "ignored", "ignored"]);
    assert.deepEqual(value, { a: "x" });
  });

  test("a state that was handed out never changes", () => {
    const replica = new Replica();
    replica.receive(snapshot(0, { a: "x" }));
    const before = replica.state;
    replica.receive(growth(0, 1, "y"));
    assert.deepEqual(before.value, { a: "x" });
    assert.throws(() => Object.assign(before, { rev: 9 }), TypeError);
  });
});

describe("what is not applied", () => {
  test("an update we have already is dropped", () => {
    const { verdicts, value } = play([
      snapshot(3, { a: "x" }),
      growth(2, 3, "x"),
      snapshot(3, { a: "?" }),
      snapshot(1, { a: "?" }),
    ]);
    assert.deepEqual(verdicts, ["applied", "ignored", "ignored", "ignored"]);
    assert.deepEqual(value, { a: "x" });
  });

  test("after a gap nothing is applied until the server has answered", () => {
    const replica = new Replica();
    const { verdicts } = play(
      [snapshot(1, { a: "x" }), growth(2, 3, "z"), growth(1, 2, "y"), completed(3)],
      replica,
    );
    assert.deepEqual(verdicts, ["applied", "rewatch", "ignored", "ignored"]);
    assert.deepEqual(replica.position, { epoch: "e1", rev: 1 });
    const healed = play([watching(3), growth(1, 3, "yz"), completed(3)], replica);
    assert.deepEqual(healed.value, { a: "xyz" });
    assert.equal(healed.status, "completed");
  });

  test("a patch before the first snapshot is a gap", () => {
    const replica = new Replica();
    assert.deepEqual(play([growth(0, 1, "x")], replica).verdicts, ["rewatch"]);
    assert.equal(replica.position, "start");
  });

  test("an update that starts before our revision and goes beyond it is a gap", () => {
    assert.deepEqual(play([snapshot(2, { a: "x" }), growth(1, 3, "y")]).verdicts, ["applied", "rewatch"]);
  });

  test("a patch that does not fit makes the next watch begin with a whole value", () => {
    const replica = new Replica();
    assert.deepEqual(play([snapshot(0, { a: 1 }), growth(0, 1, "y")], replica).verdicts, [
      "applied",
      "rewatch",
    ]);
    assert.equal(replica.position, "start");
    assert.deepEqual(replica.state.value, { a: 1 });
  });

  test("an ending at another position is a gap", () => {
    assert.deepEqual(play([snapshot(1, {}), completed(2)]).verdicts, ["applied", "rewatch"]);
    assert.deepEqual(play([snapshot(1, {}), completed(1, "e2")]).verdicts, ["applied", "rewatch"]);
  });

  test("an unknown frame is ignored", () => {
    const frame = /** @type {any} */ ({ type: "grounding", id, rev: 0, spans: [] });
    assert.deepEqual(play([snapshot(0, {}), frame, growth(0, 1, "")]).verdicts[1], "ignored");
  });
});

describe("a new attempt", () => {
  test("a reset and its snapshot begin the new epoch", () => {
    const { verdicts, epoch, rev, value } = play([
      snapshot(9, { a: "old" }),
      reset("e2"),
      snapshot(0, { a: "" }, "e2"),
      growth(0, 1, "new"),
    ]);
    assert.deepEqual(verdicts, ["applied", "applied", "applied", "applied"]);
    assert.deepEqual({ epoch, rev, value }, { epoch: "e2", rev: 1, value: { a: "new" } });
  });

  test("an epoch nobody announced is a gap", () => {
    assert.deepEqual(play([snapshot(9, {}), snapshot(10, {}, "e2")]).verdicts, ["applied", "rewatch"]);
  });
});

describe("the other endings", () => {
  test("a failure carries its code and what was reached", () => {
    const replica = new Replica();
    const error = { code: "provider_timeout", message: "silent", retryable: true, phase: "idle" };
    play([snapshot(2, { a: "x" }), { type: "failed", id, epoch: "e1", rev: 2, error }], replica);
    const { code, phase, retryable, value } = /** @type {NonNullable<typeof replica.state.error>} */ (
      replica.state.error
    );
    assert.deepEqual(
      { code, phase, retryable, value },
      { code: "provider_timeout", phase: "idle", retryable: true, value: { a: "x" } },
    );
  });

  test("a cut-off value and a cancelled one are errors of their own", () => {
    const replicas = [new Replica(), new Replica()];
    play(
      [snapshot(2, {}), { type: "incomplete", id, epoch: "e1", rev: 2, reason: "length", open: ["/a"] }],
      replicas[0],
    );
    play([snapshot(2, {}), { type: "cancelled", id, epoch: "e1", rev: 2 }], replicas[1]);
    assert.deepEqual(
      replicas.map(({ state }) => [state.status, state.error?.code]),
      [
        ["incomplete", "incomplete"],
        ["cancelled", "cancelled"],
      ],
    );
  });
});
