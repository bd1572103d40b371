/** What the page says of the provider and of a run that waits for it. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { Replica } from "../../static/client/replica.js";
import { excessOf, factsOn, hintOn, isFree, pillText, stateWords, waitingFor } from "../../static/page/provider.js";

/** @typedef {import("../../static/client/protocol.js").Provider} Provider */

/** @type {Provider} */
const local = {
  name: "local",
  model: "SmolLM2-135M",
  state: "idle",
  reason: "neither OPENAI_API_KEY nor OPENAI_BASE_URL is set and a model is installed",
  small: true,
};
/** @type {Provider} */
const recorded = { name: "recorded", model: null, state: "ready" };
/** @type {Provider} */
const openai = {
  name: "openai",
  model: "gpt",
  state: "ready",
  reason: "OPENAI_API_KEY is set",
  small: false,
};

describe("the provider", () => {
  test("is named with its model, and with its state while it is not simply there", () => {
    assert.equal(pillText(recorded), "recorded");
    assert.equal(pillText(openai), "openai · gpt");
    assert.equal(pillText(local), "local · SmolLM2-135M");
    assert.equal(pillText({ ...local, state: "loading" }), "local · SmolLM2-135M · loading");
  });

  test("says why it runs, and how to have another where that is worth it", () => {
    assert.equal(factsOn(openai).why, "It was chosen because OPENAI_API_KEY is set.");
    assert.deepEqual([openai, local, recorded].map((provider) => factsOn(provider).hasMore), [false, true, true]);
    assert.deepEqual([openai, local, recorded].map((provider) => factsOn(provider).hasNone), [false, false, true]);
  });

  test("costs nothing where a recording plays or a model of this machine is there, as far as is known", () => {
    assert.deepEqual([recorded, local, { ...local, state: /** @type {const} */ ("loading") }].map(isFree), [true, true, true]);
    const broken = { ...local, state: /** @type {const} */ ("failed") };
    assert.deepEqual([openai, broken, { name: "other" }, undefined].map(isFree), [false, false, false, false]);
  });

  test("of a gateway that gives no reason is still told", () => {
    assert.deepEqual(factsOn({ name: "other" }), {
      title: "other",
      state: "It is ready.",
      why: "",
      hasMore: false,
      hasNone: false,
    });
    assert.equal(hintOn({ name: "other" }), null);
    assert.equal(hintOn(undefined), null);
  });

  test("that is toy-sized or plays a recording is said before a run, a real one needs no words", () => {
    assert.match(hintOn(local)?.text ?? "", /toy-sized model \(SmolLM2-135M\)/);
    assert.equal(hintOn(local)?.more, "Use a real model");
    assert.match(hintOn(recorded)?.text ?? "", /no model runs/);
    assert.equal(hintOn(openai), null);
    assert.equal(hintOn({ ...local, small: false }), null);
  });

  test("that ended or could not be started is a warning that says what comes next", () => {
    const hint = hintOn({ ...local, state: "failed" });
    assert.equal(hint?.kind, "warning");
    assert.match(hint?.text ?? "", /ended, or could not be started.*next extraction starts it again/);
  });
});

describe("a run", () => {
  test("without a word says what it waits for", () => {
    assert.match(waitingFor("queued", { ...local, state: "installing" }), /Installing the model/);
    assert.match(waitingFor("running", { ...local, state: "loading" }), /Loading the model/);
    assert.match(waitingFor("queued", { ...local, state: "ready" }), /Queued/);
    assert.match(waitingFor("running", undefined), /first word/);
    assert.match(waitingFor("queued", openai, 1), /1 of this page's runs goes first/);
    assert.match(waitingFor("queued", openai, 2), /2 of this page's runs go first/);
    assert.match(waitingFor("waiting", openai), /Asking the gateway/);
  });

  test("that writes says so; a line that is cut and a stop that is asked for count more", () => {
    const run = laneWith({ status: "running" });
    assert.match(stateWords(run, false, openai), /Writing/);
    assert.match(stateWords({ ...run, isStopping: true }, true, openai), /Not connected/);
    assert.match(stateWords({ ...run, isStopping: true }, false, openai), /Stopping/);
    assert.match(stateWords({ ...run, hasBegun: false }, false, openai), /first word/);
    assert.match(stateWords(laneWith({ status: "completed" }), true, openai), /Complete/);
  });

  test("that was asked again says which attempt it is, and in the end how many there were", () => {
    const reset = /** @type {const} */ ({ type: "reset", id: "a", epoch: "f", attempt: 2, reason: "invalid_output" });
    const again = { ...laneWith({ status: "running", reset }), hasBegun: false };
    assert.match(stateWords(again, false, openai), /Attempt 2/);
    const ending = /** @type {const} */ ({ type: "completed", id: "a", epoch: "f", rev: 9, attempts: 2 });
    assert.match(stateWords(laneWith({ status: "completed", ending }), false, openai), /after 2 attempts/);
  });
});

/** @param {Partial<import("../../static/client/replica.js").ReplicaState>} state */
function laneWith(state) {
  const { state: blank } = new Replica();
  return { state: { ...blank, ...state }, hasBegun: true, isStopping: false };
}

describe("a text", () => {
  /** @type {any} */
  const welcome = { limits: { message_bytes: 10_000 }, provider: local };

  test("beyond what the gateway takes is told before it is sent, however few its characters are", () => {
    assert.equal(excessOf({ chars: 4_000, bytes: 12_000 }, welcome), "too much");
    assert.equal(excessOf({ chars: 4_000, bytes: 9_000 }, welcome), "");
  });

  test("that is long for a small model is told, to a real one it may go", () => {
    assert.equal(excessOf({ chars: 6_001, bytes: 6_003 }, welcome), "much");
    assert.equal(excessOf({ chars: 6_001, bytes: 6_003 }, { ...welcome, provider: openai }), "");
    assert.equal(excessOf({ chars: 6_001, bytes: 6_003 }, null), "");
  });
});
