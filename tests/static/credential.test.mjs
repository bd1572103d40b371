/** The page's credential: where it is kept, when another one is waited for, and how it leaves the address. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { Credential, isRefused, tokenFromAddress, tryToken } from "../../static/page/credential.js";
import { FakeServer, ManualClock } from "./fakes.mjs";

const KEY = "gateway.token";

/** @param {{[key: string]: string}} [kept] */
function storeWith(kept = {}) {
  const values = new Map(Object.entries(kept));
  return {
    values,
    getItem: (/** @type {string} */ key) => values.get(key) ?? null,
    setItem: (/** @type {string} */ key, /** @type {string} */ value) => void values.set(key, value),
    removeItem: (/** @type {string} */ key) => void values.delete(key),
  };
}

describe("a credential", () => {
  test("is what this tab kept, or none", () => {
    assert.equal(new Credential(() => storeWith({ [KEY]: "sesame" })).token(), "sesame");
    assert.equal(new Credential(() => storeWith()).token(), undefined);
  });

  test("that is refused is forgotten, and the next one is waited for", async () => {
    const store = storeWith({ [KEY]: "stale" });
    const credential = new Credential(() => store);
    credential.refuse();
    assert.deepEqual([credential.wrong, credential.isHeld, store.values.size], ["refused", false, 0]);
    const awaited = [credential.token(), credential.token()];
    credential.keep("sesame");
    assert.deepEqual(await Promise.all(awaited), ["sesame", "sesame"]);
    assert.equal(credential.token(), "sesame");
    assert.equal(store.values.get(KEY), "sesame");
  });

  test("that was never given is not called wrong", () => {
    const credential = new Credential(() => storeWith());
    credential.refuse();
    assert.equal(credential.wrong, "");
  });

  test("that was a ticket is called used, also behind a reload, until the page is given a token", () => {
    const store = storeWith();
    new Credential(() => store).useTicket();
    const reloaded = new Credential(() => store);
    reloaded.refuse();
    assert.equal(reloaded.wrong, "used");
    reloaded.keep("stale");
    reloaded.refuse();
    assert.equal(reloaded.wrong, "refused");
    reloaded.forget();
    assert.equal(store.values.size, 0);
  });

  test("lasts as long as the page where the browser keeps nothing", () => {
    const credential = new Credential(() => {
      throw new Error("denied");
    });
    credential.keep("sesame");
    assert.equal(credential.token(), "sesame");
    credential.forget();
    assert.equal(credential.token(), undefined);
  });

  test("is waited for after 4401, unless the connection is closed for good", () => {
    const state = { welcome: null, delay_ms: 0, error: null };
    assert.ok(isRefused({ ...state, status: "waiting", code: 4401 }));
    assert.ok(isRefused({ ...state, status: "connecting", code: 4401 }));
    assert.ok(!isRefused({ ...state, status: "closed", code: 4401 }));
    assert.ok(!isRefused({ ...state, status: "waiting", code: 1006 }));
  });
});

describe("trying a token", () => {
  /** @param {(server: FakeServer) => void} answer */
  async function tried(answer) {
    const server = new FakeServer();
    const clock = new ManualClock();
    const options = { WebSocket: server.WebSocket, timers: clock.timers, random: () => 1 };
    const verdict = tryToken("ws://gateway/v1/ws", "sesame", options);
    answer(server);
    assert.ok(clock.isIdle);
    return { verdict: await verdict, server };
  }

  test("says it is accepted, and leaves no connection behind", async () => {
    const { verdict, server } = await tried(({ socket }) => socket.welcome());
    assert.equal(verdict, "accepted");
    assert.equal(server.socket.take()[0].token, "sesame");
    assert.equal(server.socket.closed, 1000);
  });

  test("says it is refused", async () => {
    assert.equal((await tried(({ socket }) => socket.drop(4401))).verdict, "refused");
  });

  test("says that nobody answered, and does not try again by itself", async () => {
    const { verdict, server } = await tried(({ socket }) => socket.drop(1006));
    assert.deepEqual([verdict, server.sockets.length], ["silent", 1]);
  });
});

describe("a token in the address", () => {
  /** @param {string} hash */
  function taken(hash) {
    /** @type {unknown[]} */
    const replaced = [];
    const history = {
      state: null,
      replaceState: (/** @type {unknown[]} */ ...[, , url]) => void replaced.push(url),
    };
    return [tokenFromAddress({ hash, pathname: "/page/", search: "?play=1" }, history), replaced];
  }

  test("is taken and removed; what else is there stays", () => {
    assert.deepEqual(taken("#token=sesame"), ["sesame", ["/page/?play=1"]]);
    assert.deepEqual(taken("#a=1&token=a%2Fb+c%3D&b"), ["a/b+c=", ["/page/?play=1#a=1&b"]]);
  });

  test("is removed also where it is empty or cannot be decoded", () => {
    assert.deepEqual(taken("#token="), [null, ["/page/?play=1"]]);
    assert.deepEqual(taken("#token=100%"), ["100%", ["/page/?play=1"]]);
  });

  test("a ticket is taken in the same way, and a token beside it stays", () => {
    const history = { state: null, replaceState: () => {} };
    const place = { hash: "#ticket=t%2B1&token=sesame", pathname: "/", search: "" };
    assert.equal(tokenFromAddress(place, history, "ticket"), "t+1");
  });

  test("an address without one is left alone", () => {
    for (const hash of ["", "#", "#value-title", "#mytoken=1"]) assert.deepEqual(taken(hash), [null, []]);
  });
});
