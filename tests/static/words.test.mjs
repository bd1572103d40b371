/** What the page says of a failure, and what it offers to do. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { GatewayError } from "../../static/client/index.js";
import { adviceOn, againWords, inTime } from "../../static/page/words.js";

const failed = new GatewayError("provider_error", "the provider answered 500", { retryable: true });
const misfit = new GatewayError("invalid_output", "the value at /a: expected a string, got none", {
  errors: [{ path: "/a", message: "expected a string, got none" }],
});

test("what a retry can help may be tried again, in the gateway's own words", () => {
  const { title, text, kind, offer } = adviceOn(failed, false);
  assert.deepEqual([kind, offer], ["problem", "again"]);
  assert.equal(`${title} ${text}`, "The model's server failed. The provider answered 500.");
});

test("a text without a recording is not tried again: it says what to do", () => {
  const { text, offer, code } = adviceOn(failed, true);
  assert.deepEqual([offer, code], ["example", "provider_error"]);
  assert.match(text, /example text.*OPENAI_API_KEY.*OPENAI_BASE_URL/);
});

test("an answer that does not fit is told by its fields, once", () => {
  const { text, fields, offer } = adviceOn(misfit, false);
  assert.deepEqual([fields, offer], [misfit.errors, null]);
  assert.doesNotMatch(text, /expected a string/);
});

test("a recording that does not fit a schema says that it cannot", () => {
  assert.match(adviceOn(misfit, true).text, /same answer/);
});

test("what was stopped is calm, what was cut off a warning", () => {
  const kinds = ["cancelled", "incomplete"].map((code) => adviceOn(new GatewayError(code, "words"), false));
  assert.deepEqual(
    kinds.map(({ kind, offer }) => [kind, offer]),
    [
      ["calm", null],
      ["warning", "again"],
    ],
  );
});

test("a model that nobody chose is told by what to set, not as a request that is wrong", () => {
  const message = "no model is chosen and the provider lists 57 of them: set GATEWAY_MODEL";
  const { title, text, offer } = adviceOn(
    new GatewayError("bad_request", message, { param: "model" }),
    false,
  );
  assert.deepEqual([title, offer], ["No model is chosen.", null]);
  assert.match(text, /GATEWAY_MODEL.*--model/);
});

test("a model that was named and is not there is the request's own", () => {
  const error = new GatewayError("bad_request", "model: the local model is a; got 'b'", { param: "model" });
  assert.match(adviceOn(error, false).title, /did not understand/);
});

test("words that begin with a field's name keep it", () => {
  assert.equal(
    adviceOn(new GatewayError("bad_request", "input: expected text"), false).text,
    "input: expected text.",
  );
});

test("a code that is not known is still answered", () => {
  assert.equal(adviceOn(new GatewayError("new_code", "words."), false).title, "This did not work.");
});

test("every code that the protocol has is told in words of its own", () => {
  const page = readFileSync(new URL("../../PROTOCOL.md", import.meta.url), "utf8");
  const section = /## 9\. Error codes(.*?)\n## /s.exec(page)?.[1] ?? "";
  const codes = [...section.matchAll(/^\| `(\w+)` \| (yes|no)/gm)].map(([, code = "", retryable]) => [
    code,
    retryable,
  ]);
  assert.ok(codes.length > 20);
  const titles = codes.map(([code = "", retryable]) => {
    const error = new GatewayError(code, "words", { retryable: retryable === "yes" });
    const { title, offer } = adviceOn(error, false);
    assert.notEqual(title, "This did not work.", code);
    assert.equal(offer, retryable === "yes" ? "again" : null, code);
    return title;
  });
  assert.equal(new Set(titles).size, codes.length);
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
