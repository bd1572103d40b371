/** Links to runs: what they are made of, what an address names, and what a tab remembers of both. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { recall, recordOf, remember } from "../../static/page/memory.js";
import { namesIn, withoutOthers } from "../../static/page/shared.js";
import { LOOPBACK, linkTo } from "../../static/page/sharing.js";

const PAGE = { href: "https://gateway.example.org/demo/?play=1#value-title" };

describe("a link to a run", () => {
  test("is the page's address with the run's name and nothing else", () => {
    assert.equal(linkTo("a-b_1", null, PAGE), "https://gateway.example.org/demo/?watch=a-b_1");
  });

  test("has a ticket where there is one, in the part that no server sees", () => {
    const link = new URL(linkTo("x", { ticket: "a/b&c", expires_in: 30 }, PAGE));
    assert.deepEqual([link.search, link.hash], ["?watch=x", "#ticket=a%2Fb%26c"]);
  });

  test("is called good for this machine only where its address is", () => {
    for (const host of ["localhost", "127.0.0.1", "127.1.2.3", "[::1]", "app.localhost"]) assert.match(host, LOOPBACK);
    for (const host of ["gateway.example.org", "10.0.0.1", "localhost.example.org", "1127.0.0.1"])
      assert.doesNotMatch(host, LOOPBACK);
  });
});

describe("an address", () => {
  test("names runs, each once", () => {
    assert.deepEqual(namesIn("?watch=a&play=1&watch=b&watch=a&watch="), ["a", "b"]);
    assert.deepEqual(namesIn(""), []);
  });

  test("forgets those that are not followed any more, and keeps the rest", () => {
    const href = "http://127.0.0.1/?play=0&watch=a&watch=b#c";
    assert.equal(
      withoutOthers(href, (name) => name === "b"),
      "http://127.0.0.1/?play=0&watch=b#c",
    );
    assert.equal(
      withoutOthers(href, () => true),
      href,
    );
  });
});

describe("a tab", () => {
  /** @type {Map<string, string>} */
  const values = new Map();
  /** A browser that keeps so much. @param {number} most */
  function keeping(most) {
    values.clear();
    const value = {
      getItem: (/** @type {string} */ key) => values.get(key) ?? null,
      setItem: (/** @type {string} */ key, /** @type {string} */ text) => {
        if (text.length > most) throw new Error("the quota is used up");
        values.set(key, text);
      },
    };
    Object.defineProperty(globalThis, "sessionStorage", { value, configurable: true });
  }
  const lanes = ["a", "b", "c"].map((extraction, at) =>
    recordOf({ number: at + 1, extraction, encoding: "append", interval_ms: 40 }),
  );
  const draft = { input: "t", extractor: "x", schema: "{}", model: "", interval: "40", replaced: null };
  const memory = { draft: { ...draft, encoding: /** @type {const} */ ("append") }, lanes, next: 4 };

  test("remembers what it wrote", () => {
    keeping(Infinity);
    assert.equal(recall(), null);
    remember(memory);
    assert.deepEqual(recall(), memory);
  });

  test("leaves out its oldest lanes where the browser keeps no more", () => {
    keeping(JSON.stringify(memory).length - 1);
    remember(memory);
    assert.deepEqual(recall(), { ...memory, lanes: lanes.slice(1) });
  });

  test("goes on where the browser keeps nothing", () => {
    keeping(0);
    remember(memory);
    assert.equal(recall(), null);
  });
});
