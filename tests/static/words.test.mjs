/** What the page says of a failure, and what it offers to do. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { GatewayError } from "../../static/client/index.js";
import { adviceOn, adviceOnReset, againWords, inTime } from "../../static/page/words.js";

const html = readFileSync(new URL("../../static/index.html", import.meta.url), "utf8");
/** The sentences that an element of the page has to choose from. @param {string} id */
const sentencesOf = (id) => {
  const inside = new RegExp(`id="${id}">(.*?)</(?:strong|p)>`, "s").exec(html)?.[1] ?? "";
  return new Map([...inside.matchAll(/data-when="([^"]+)" hidden>([^<]+)</g)].map(([, key = "", words]) => [key, words]));
};
const titles = sentencesOf("problem-title");
const todos = sentencesOf("problem-todo");
/** @param {string} key */
const wordsOn = (key) => `${titles.get(key)} ${todos.get(key) ?? ""}`;

const failed = new GatewayError("provider_error", "the provider answered 500", { retryable: true });
const misfit = new GatewayError("invalid_output", "the value at /a: expected a string, got none", {
  errors: [{ path: "/a", message: "expected a string, got none" }],
});

test("what a retry can help may be tried again, in the gateway's own words", () => {
  const { key, said, kind, offer } = adviceOn(failed, false);
  assert.deepEqual([key, kind, offer], ["provider_error", "problem", "again"]);
  assert.equal(said, "The provider answered 500.");
  assert.match(wordsOn(key), /log says why.*key/);
});

test("a text without a recording is not tried again: it says what to do", () => {
  const { key, offer, code } = adviceOn(failed, true);
  assert.deepEqual([key, offer, code], ["unrecorded", "example", "provider_error"]);
  assert.match(wordsOn(key), /example text.*OPENAI_API_KEY and GATEWAY_MODEL.*OPENAI_BASE_URL.*gateway model install/);
});

test("an answer that does not fit is told by its fields, once", () => {
  const { said, fields, offer } = adviceOn(misfit, false);
  assert.deepEqual([said, fields, offer], ["", misfit.errors, null]);
});

test("a recording that does not fit a schema says that it cannot", () => {
  assert.match(wordsOn(adviceOn(misfit, true).key), /same answer/);
});

test("what was stopped is calm, what was cut off a warning that says by what", () => {
  /** @param {string} code @param {string} [reason] */
  const advice = (code, reason) => adviceOn(new GatewayError(code, "words"), false, reason);
  const { kind, offer } = advice("cancelled");
  assert.deepEqual([kind, offer], ["calm", null]);
  for (const [reason, words] of [
    ["length", /length limit/],
    ["budget", /budget/],
  ]) {
    const { kind, offer, key } = advice("incomplete", /** @type {string} */ (reason));
    assert.deepEqual([kind, offer], ["warning", "again"]);
    assert.match(wordsOn(key), /** @type {RegExp} */ (words));
  }
});

test("another attempt is told with its number and with what was wrong before it", () => {
  const errors = misfit.errors;
  const reset = /** @type {const} */ ({ type: "reset", id: "a", epoch: "f", attempt: 3 });
  const asked = adviceOnReset({ ...reset, reason: "invalid_output", errors });
  assert.match(wordsOn(asked.key), /did not fit.*asked again/);
  assert.match(asked.said, /attempt 3/);
  assert.deepEqual([asked.kind, asked.fields], ["calm", errors]);
  const lost = adviceOnReset({ ...reset, reason: "unknown_position" });
  assert.match(wordsOn(lost.key), /begins anew/);
});

test("a model that nobody chose is told by what to set, not as a request that is wrong", () => {
  const message = "no model is chosen and the provider lists 57 of them: set GATEWAY_MODEL";
  const { key, offer } = adviceOn(new GatewayError("bad_request", message, { param: "model" }), false);
  assert.equal(offer, null);
  assert.match(wordsOn(key), /No model is chosen.*GATEWAY_MODEL.*--model/);
});

test("a model that was named and is not there is told by what may be named", () => {
  const error = new GatewayError("bad_request", "model: the local model is a; got 'b'", { param: "model" });
  const { key, said } = adviceOn(error, false);
  assert.match(wordsOn(key), /model is not there.*leave the field Model empty/);
  assert.equal(said, error.message);
});

test("words that begin with a field's name keep it", () => {
  const { said } = adviceOn(new GatewayError("bad_request", "input: expected text"), false);
  assert.equal(said, "input: expected text.");
});

test("there are words for a code that is not known", () => {
  assert.equal(titles.get("other"), "This did not work.");
});

test("every code that the protocol has is told in words of its own", () => {
  const page = readFileSync(new URL("../../PROTOCOL.md", import.meta.url), "utf8");
  const section = /## 9\. Error codes(.*?)\n## /s.exec(page)?.[1] ?? "";
  const codes = [...section.matchAll(/^\| `(\w+)` \| (yes|no)/gm)].map(([, code = "", retryable]) => [
    code,
    retryable,
  ]);
  assert.ok(codes.length > 20);
  const words = codes.map(([code = "", retryable]) => {
    const error = new GatewayError(code, "words", { retryable: retryable === "yes" });
    const { key, offer } = adviceOn(error, false);
    assert.ok(titles.get(key), code);
    assert.equal(offer, retryable === "yes" ? "again" : null, code);
    return titles.get(key);
  });
  assert.equal(new Set(words).size, codes.length);
});

test("another try waits as long as the gateway asks, in whole seconds", () => {
  assert.deepEqual([6200, 1000, 1, 0].map(againWords), [
    "Try again in 7 s",
    "Try again in 1 s",
    "Try again in 1 s",
    "Try again",
  ]);
});

test("a time is as long as its unit allows", () => {
  assert.deepEqual([null, 999.6, 4449, 99_940, 125_900].map(inTime), [
    "–",
    "1000 ms",
    "4.4 s",
    "99.9 s",
    "2 min 5 s",
  ]);
});
