/** What an ending says besides the value, in words for a list. No page, no clock. */

import { inTime } from "../page/words.js";

/** @typedef {import("../client/protocol.js").Terminal} Terminal */

/** So many checks are named. */
const MOST_CHECKS = 5;

/**
 * @param {Terminal} ending
 * @param {boolean} isChecked the digest was compared
 * @returns {[string, string][]} what, and what of it
 */
export function factsOf(ending, isChecked) {
  const { attempts, usage, timing, repairs = [], dropped = [] } = ending;
  /** @type {[string, string][]} */
  const facts = [];
  if (attempts !== undefined) facts.push(["Attempts", String(attempts)]);
  if (usage) facts.push(["Tokens", tokenWords(usage)]);
  if (timing) facts.push(...timingFacts(timing));
  facts.push(["Repairs", repairs.length === 0 ? "none" : repairWords(repairs)]);
  if (dropped.length > 0) facts.push(["Left out", `${dropped.length} item${dropped.length === 1 ? "" : "s"}`]);
  if (ending.type === "completed" && ending.checks) facts.push(["Checks", checkWords(ending.checks)]);
  if (ending.type === "incomplete") facts.push(["Open", openWords(ending.open)]);
  if (ending.type === "completed") facts.push(["Digest", isChecked ? "✓ the value has it" : "not compared"]);
  return facts;
}

/** @param {import("../client/protocol.js").Usage} usage */
function tokenWords({ input_tokens, output_tokens, estimated, saved_tokens }) {
  const saved = saved_tokens ? `, ${saved_tokens} saved` : "";
  return `${input_tokens} in, ${output_tokens} out${saved}${estimated ? ", estimated" : ""}`;
}

/** @param {import("../client/protocol.js").Timing} timing @returns {[string, string][]} */
function timingFacts({ queued_ms, first_delta_ms, total_ms }) {
  return [
    ["Waited", inTime(queued_ms)],
    ["First word", inTime(first_delta_ms)],
    ["In all", inTime(total_ms)],
  ];
}

/** @param {readonly string[]} open */
function openWords(open) {
  return open.map((path) => path || "the whole value").join(", ");
}

/** @param {readonly {kind: string}[]} repairs */
function repairWords(repairs) {
  const kinds = new Set(repairs.map(({ kind }) => kind.replaceAll("_", " ")));
  return `${repairs.length}: ${[...kinds].join(", ")}`;
}

/** @param {readonly import("../client/protocol.js").CheckReport[]} checks */
function checkWords(checks) {
  const failed = checks.filter(({ passed }) => !passed);
  if (failed.length === 0) return `all ${checks.length} passed`;
  const named = failed
    .slice(0, MOST_CHECKS)
    .map(({ name, path, message }) => `${name}${path && ` at ${path}`}${message ? `: ${message}` : ""}`);
  return `${failed.length} of ${checks.length} did not pass (${named.join("; ")})`;
}
