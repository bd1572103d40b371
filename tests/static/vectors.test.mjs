/** The language-neutral traces of tests/vectors, run by the JavaScript replica. */

import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import { Replica } from "../../static/client/replica.js";

const FOLDER = new URL("../vectors/", import.meta.url);

/** What tests/vectors/README.md calls our verdicts. */
const RECEIPTS = { applied: "applied", ignored: "dropped", rewatch: "gap", ended: "ended" };

/** @typedef {{epoch: string | null, rev: number | null, value: any, receipt: string}} Reached */
/** @typedef {import("../../static/client/protocol.js").Encoding} Encoding */
/** @typedef {{snapshot?: any, reasoning?: string}} Beside what is there besides the value at last */
/** @typedef {{name: string, encoding?: Encoding, frames: any[], states: Reached[], final?: any} & Beside} Vector */

/** @returns {[file: string, vector: Vector][]} */
function vectors() {
  if (!existsSync(FOLDER)) return [];
  const files = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));
  return files.flatMap((file) => {
    const content = JSON.parse(readFileSync(new URL(file, FOLDER), "utf8"));
    const found = Array.isArray(content) ? content : [content];
    return found
      .filter((vector) => vector.frames)
      .map((vector) => /** @type {[string, Vector]} */ ([file, vector]));
  });
}

const found = vectors();
test("there are vectors", { skip: found.length === 0 && "tests/vectors holds none with frames" }, () => {});

for (const [file, vector] of found) {
  test(`${file}: ${vector.name}`, () => {
    const replica = new Replica(vector.encoding);
    const states = vector.frames.map((frame) => {
      const receipt = RECEIPTS[replica.receive(frame)];
      const { epoch, rev, value } = replica.state;
      return { epoch, rev, value, receipt };
    });
    // Before the first value there is no revision; a vector may call that -1.
    const expected = vector.states.map((state) => ({ ...state, rev: state.rev === -1 ? null : state.rev }));
    assert.deepEqual(states, expected);
    if ("final" in vector) assert.deepEqual(replica.state.value, vector.final);
    const { snapshot, reasoning } = replica.state;
    assert.deepEqual({ snapshot, reasoning }, besides(vector));
  });
}

/** @param {Beside} vector */
function besides(vector) {
  const { snapshot = null, reasoning = "" } = vector;
  return { snapshot, reasoning };
}
