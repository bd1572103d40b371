/** What a dashboard says of one extraction: the newest of what is written, its ending, its address. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { channelOf, shareLink, withChannel } from "../../static/dashboard/address.js";
import { factsOf } from "../../static/dashboard/facts.js";
import { glimpse } from "../../static/dashboard/glimpse.js";
import { titleOf } from "../../static/dashboard/words.js";

/** @typedef {import("../../static/client/protocol.js").Terminal} Terminal */

const value = {
  users: [
    { full_name: "Ann Baker", email: "ann@example.org" },
    { full_name: "Bo", email: null },
  ],
  "a/b": { "~": "odd" },
  date: null,
};

describe("a glimpse", () => {
  test("is of the place that is being written, and items count from one", () => {
    assert.deepEqual(glimpse(value, "/users/1/full_name"), { path: "users › 2 › full name", text: "Bo" });
    assert.deepEqual(glimpse(value, "/a~1b/~0"), { path: "a/b › ~", text: "odd" });
  });

  test("of an object or list is its last leaf that has something", () => {
    assert.deepEqual(glimpse(value, "/users"), { path: "users › 2 › full name", text: "Bo" });
    assert.deepEqual(glimpse({ a: [1, 0], b: "" }, null), { path: "a › 2", text: "0" });
  });

  test("of what is not there is empty", () => {
    for (const active of [null, "", "/users/7/email", "/nowhere", "no pointer", "/users/1/email/x"])
      assert.equal(glimpse(active ? value : {}, active).text, active === "no pointer" ? "odd" : "");
    assert.deepEqual(glimpse({ a: 1 }, "/toString"), { path: "toString", text: "" });
  });

  test("of a long text is its newest end, in one line, from a word on", () => {
    const { text } = glimpse(`${"word ".repeat(100)}and\n\nthe  end`, "");
    assert.ok(text.length <= 162 && /^… word word .* word and the end$/.test(text), text);
    assert.doesNotThrow(() => encodeURIComponent(glimpse(`${"😀".repeat(300)}!`, "").text), "half a character");
  });
});

describe("the facts of an ending", () => {
  /** @type {Terminal} */
  const completed = {
    type: "completed",
    id: "w1",
    epoch: "e",
    rev: 84,
    attempts: 2,
    usage: { input_tokens: 286, output_tokens: 110, total_tokens: 396, estimated: true, saved_tokens: 12 },
    timing: { queued_ms: 0, first_delta_ms: 431, total_ms: 4390 },
    repairs: [
      { kind: "trailing_comma", offset: 3 },
      { kind: "trailing_comma", offset: 9 },
    ],
    dropped: [{ path: "/users/1", errors: [] }],
    checks: [
      { path: "", name: "has_people", passed: true },
      { path: "/price", name: "is_positive", passed: false, message: "above nought" },
    ],
  };

  test("are its attempts, tokens, times, repairs, what was left out, checks and digest", () => {
    assert.deepEqual(factsOf(completed, true), [
      ["Attempts", "2"],
      ["Tokens", "286 in, 110 out, 12 saved, estimated"],
      ["Waited", "0 ms"],
      ["First word", "431 ms"],
      ["In all", "4.4 s"],
      ["Repairs", "2: trailing comma"],
      ["Left out", "1 item"],
      ["Checks", "1 of 2 did not pass (is_positive at /price: above nought)"],
      ["Digest", "✓ the value has it"],
    ]);
  });

  test("of one without a first word, or cut off, say so", () => {
    const timing = { queued_ms: 5, first_delta_ms: null, total_ms: 5 };
    const { id, epoch, rev } = completed;
    assert.deepEqual(factsOf({ type: "incomplete", id, epoch, rev, timing, reason: "length", open: ["/a", ""] }, false), [
      ["Waited", "5 ms"],
      ["First word", "–"],
      ["In all", "5 ms"],
      ["Repairs", "none"],
      ["Open", "/a, the whole value"],
    ]);
  });
});

test("extractions with schemas of their own, which are all called inline, are told apart by their names", () => {
  const [one, other] = ["6kIF3j5oxXHe5PzOBEcHzw", "Mw17Qg4DeBuJUto6lJJ0TA"];
  const titles = [one, other].map((extraction) => titleOf({ extraction, extractor: "inline" }));
  assert.deepEqual(titles, ["inline · 6kIF3j", "inline · Mw17Qg"]);
  assert.equal(titleOf({ extraction: one, extractor: "meeting" }), "meeting");
});

describe("the address", () => {
  test("names the channel; without one it is that of the demo page", () => {
    assert.deepEqual(["?channel=front-desk", "?channel=", "", "?channel=%20a%20b%20"].map(channelOf), ["front-desk", "demo", "demo", "a b"]);
    assert.equal(channelOf(`?channel=${"x".repeat(300)}`).length, 200);
  });

  test("keeps all else where the channel changes", () => {
    assert.equal(withChannel("http://h/below/dashboard?x=1&channel=a#y", "b&c"), "http://h/below/dashboard?x=1&channel=b%26c#y");
  });

  test("of an extraction on the demo page is relative", () => {
    assert.equal(new URL(shareLink("a/b?"), "http://h/below/dashboard").href, "http://h/below/?watch=a%2Fb%3F");
  });
});
