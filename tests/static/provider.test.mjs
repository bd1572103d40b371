/** What the page says of the provider and of a run that waits for it. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { factsOn, hintOn, pillText, stateWords, waitingFor } from "../../static/page/provider.js";

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
    assert.equal(factsOn(openai).more, "");
    for (const provider of [local, recorded]) assert.match(factsOn(provider).more, /OPENAI_API_KEY/);
  });

  test("of a gateway that gives no reason is still told", () => {
    assert.deepEqual(factsOn({ name: "other" }), {
      title: "other",
      state: "It is ready.",
      why: "",
      more: "",
    });
    assert.equal(hintOn({ name: "other" }), null);
    assert.equal(hintOn(undefined), null);
  });

  test("that is toy-sized or plays a recording is said before a run, a real one needs no words", () => {
    assert.match(hintOn(local)?.text ?? "", /toy-sized model \(SmolLM2-135M\).*OPENAI_API_KEY/);
    assert.match(hintOn(recorded)?.text ?? "", /no model runs/);
    assert.equal(hintOn(openai), null);
    assert.equal(hintOn({ ...local, small: false }), null);
  });

  test("that could not be started is a warning that says what Start does", () => {
    const hint = hintOn({ ...local, state: "failed" });
    assert.equal(hint?.kind, "warning");
    assert.match(hint?.text ?? "", /could not be started.*tries again/);
  });
});

describe("a run", () => {
  test("without a word says what it waits for", () => {
    assert.match(waitingFor("queued", { ...local, state: "installing" }), /Installing the model/);
    assert.match(waitingFor("running", { ...local, state: "loading" }), /Loading the model/);
    assert.match(waitingFor("queued", { ...local, state: "ready" }), /Queued/);
    assert.match(waitingFor("running", undefined), /first word/);
    assert.match(waitingFor("waiting", openai), /Asking the gateway/);
  });

  test("that writes says so; a line that is cut and a stop that is asked for count more", () => {
    const run = { status: "running", rev: 3, isLost: false, isStopping: false };
    assert.match(stateWords(run, openai), /Writing/);
    assert.match(stateWords({ ...run, isLost: true, isStopping: true }, openai), /Not connected/);
    assert.match(stateWords({ ...run, isStopping: true }, openai), /Stopping/);
    assert.match(stateWords({ ...run, rev: 0 }, openai), /first word/);
    assert.match(stateWords({ ...run, status: "completed", isLost: true }, openai), /Complete/);
  });
});
