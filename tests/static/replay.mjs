/**
 * Frames of one watch by other people's JSON Patch libraries and by our own replica: the value at each revision.
 *
 * As a program it reads `[{encoding, frames}]` and writes `[{library: [[revision, value], …]}]`; a library that cannot
 * go on has a last entry `["error", message]`.
 */

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import fastJsonPatch from "fast-json-patch";
import { applyPatch } from "rfc6902";

import { Replica } from "../../static/client/replica.js";

/** @typedef {any} Json what came over a wire */
/** @typedef {import("../../static/client/protocol.js").Operation} Operation */
/** @typedef {[revision: number | "error", value: Json][]} Reached */

/** What each makes of a value that it leaves alone. @type {Record<string, (value: Json, ops: any[]) => Json>} */
export const LIBRARIES = {
  "fast-json-patch": (value, ops) => fastJsonPatch.applyPatch(value, ops, true, false).newDocument,
  // It changes what it is given, and cannot put another whole in its place: so the value is a member.
  rfc6902: (value, ops) => {
    const holder = structuredClone({ value });
    const below = ops.map((operation) => ({ ...operation, path: `/value${operation.path}` }));
    for (const error of applyPatch(holder, structuredClone(below))) if (error) throw error;
    return holder.value;
  },
};

/** Operations as RFC 6902 has them, made of those with `append`. @param {Json} value @param {Operation[]} ops */
export const plain = (value, ops) =>
  ops.map((operation) =>
    operation.op === "append"
      ? { ...operation, op: "replace", value: fastJsonPatch.getValueByPointer(value, operation.path) + operation.value }
      : operation,
  );

/** @param {any[]} frames @param {(value: Json, ops: any[]) => Json} apply @returns {Reached} */
function byLibrary(frames, apply) {
  /** @type {Reached} */
  const reached = [];
  let value = null;
  try {
    for (const frame of frames) {
      if (frame.type !== "snapshot" && frame.type !== "patch") continue;
      value = frame.type === "snapshot" ? frame.value : apply(value, frame.ops);
      reached.push([frame.rev, value]);
    }
  } catch (error) {
    reached.push(["error", String(error)]);
  }
  return reached;
}

/** @param {any[]} frames @param {import("../../static/client/protocol.js").Encoding} encoding @returns {Reached} */
function byReplica(frames, encoding) {
  const replica = new Replica(encoding);
  return frames.flatMap((frame) => {
    const verdict = replica.receive(frame);
    const isUpdate = verdict === "applied" && "rev" in frame && frame.type !== "watching";
    return isUpdate ? [/** @type {Reached[0]} */ ([replica.state.rev, replica.state.value])] : [];
  });
}

/** @param {{encoding: import("../../static/client/protocol.js").Encoding, frames: any[]}} run */
function replayed({ encoding, frames }) {
  const others = Object.entries(LIBRARIES).map(([name, apply]) => [
    name,
    byLibrary(frames, (value, ops) => apply(value, encoding === "append" ? plain(value, ops) : ops)),
  ]);
  return { ...Object.fromEntries(others), ours: byReplica(frames, encoding) };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(replayed)));
}
