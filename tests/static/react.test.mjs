/** The React hooks where there is no browser: rendered on a server, and how few lines they are. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { transformSync } from "esbuild";

import { useExtraction, useWatch } from "../../static/client/react.js";
import { setUp } from "./fakes.mjs";

/** What a component gets, and what it is rendered as, on a server. @param {() => any} useIt */
function rendered(useIt) {
  /** @type {any[]} */
  const got = [];
  const html = renderToString(
    createElement(() => {
      got.push(useIt());
      return createElement("p", null, JSON.stringify(got[0].data));
    }),
  );
  return { got, html };
}

describe("on a server", () => {
  test("an extraction is idle and has its default data; nothing is asked for", () => {
    const { session, server } = setUp();
    server.socket.welcome().take();
    const { got, html } = rendered(() => useExtraction(session, { extractor: "a", defaultData: ["none"] }));
    assert.equal(html, "<p>[&quot;none&quot;]</p>");
    const [{ data, status, error, ending, watch, progress }] = got;
    assert.deepEqual([data, status, error, ending, watch], [["none"], "idle", null, null, null]);
    assert.deepEqual([progress.active, progress.isComplete("")], [null, false]);
    assert.deepEqual(server.socket.take(), []);
  });

  test("a watch of a name waits, one of none is idle; neither needs a session", () => {
    assert.equal(rendered(() => useWatch(null, "x1")).got[0].status, "waiting");
    assert.equal(rendered(() => useWatch(null, null)).got[0].status, "idle");
    assert.equal(rendered(() => useWatch(null, "x1", { defaultData: 7 })).html, "<p>7</p>");
  });
});

describe("react.js", () => {
  const source = readFileSync(new URL("../../static/client/react.js", import.meta.url), "utf8");
  /** Without comments, formatted anew by somebody else. */
  const { code } = transformSync(source, { loader: "js", legalComments: "none" });

  test("is 40 lines of code at most, both hooks and all that they share", () => {
    assert.match(code, /function useExtraction/);
    assert.match(code, /function useWatch/);
    const [own, reformatted] = [source.replaceAll(/^ *\/?\*.*$/gm, ""), code].map(
      (text) => text.split("\n").filter((line) => line.trim()).length,
    );
    assert.ok(Number(own) <= 40, `${own}`);
    assert.ok(Number(reformatted) <= 45, `${reformatted} as esbuild breaks lines`);
  });

  test("takes React by its bare name and all else from its own folder", () => {
    const names = [...source.matchAll(/^import .* from "(.+)";$/gm)].map(([, name]) => name);
    assert.deepEqual(names, ["react", "./slot.js"]);
  });
});
