/** What a session does when the page is hidden or the network changes, and with what it is let in. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { connect } from "../../static/client/index.js";
import { setUp, welcomed } from "./fakes.mjs";

/** @typedef {import("node:test").TestContext} TestContext */

const started = { type: "started", id: "w1", extraction: "x", epoch: "e", state: "running", deduplicated: false };
const snapshot = { type: "snapshot", id: "w1", epoch: "e", rev: 1, value: { a: 1 } };

/** A page around the session, for as long as the test. @param {TestContext} context @param {boolean} [hidden] */
function aPage(context, hidden = false) {
  const target = new EventTarget();
  const document = Object.assign(new EventTarget(), { hidden, baseURI: "http://gateway.test/app/" });
  const addEventListener = target.addEventListener.bind(target);
  Object.assign(globalThis, { document, addEventListener });
  context.after(() => {
    for (const name of ["document", "addEventListener"]) Reflect.deleteProperty(globalThis, name);
  });
  return {
    /** @param {boolean} hidden */
    hide(hidden) {
      document.hidden = hidden;
      document.dispatchEvent(new Event("visibilitychange"));
    },
    /** @param {"online" | "offline"} name */
    goes: (name) => void target.dispatchEvent(new Event(name)),
  };
}

test("a hidden page hears once a second, one that is seen again as often as before", (context) => {
  const page = aPage(context);
  const { server, session } = welcomed();
  session.extract({ input: "text", interval_ms: 10 });
  session.watch({ extraction: "y" });
  server.socket.take();
  page.hide(true);
  assert.deepEqual(server.socket.take(), [
    { type: "adjust", id: "w1", interval_ms: 1000 },
    { type: "adjust", id: "w2", interval_ms: 1000 },
  ]);
  page.hide(false);
  assert.deepEqual(
    server.socket.take().filter(({ type }) => type === "adjust"),
    [
      { type: "adjust", id: "w1", interval_ms: 10 },
      { type: "adjust", id: "w2", interval_ms: 40 },
    ],
  );
});

test("what is asked for by a page that was opened hidden, or comes back while it is, hears once a second", (context) => {
  const page = aPage(context, true);
  const { server, clock, session } = welcomed();
  session.extract({ input: "text", interval_ms: 10 });
  assert.equal(server.socket.take()[0].interval_ms, 1000);
  server.socket.say(started, snapshot);
  page.hide(false);
  server.socket.take();
  page.hide(true);
  server.socket.drop(1006);
  clock.advance(500);
  assert.equal(server.socket.welcome().take()[1].interval_ms, 1000);
});

test("a watch is adjusted by hand, and remembers it", () => {
  const { server, clock, session } = welcomed();
  const watch = session.extract({ input: "text" });
  server.socket.say(started, snapshot);
  server.socket.take();
  watch.adjust(250);
  assert.deepEqual(server.socket.take(), [{ type: "adjust", id: "w1", interval_ms: 250 }]);
  server.socket.drop(1006);
  clock.advance(500);
  assert.equal(server.socket.welcome().take()[1].interval_ms, 250);
});

test("what has ended is not adjusted any more", (context) => {
  const page = aPage(context);
  const { server, session } = welcomed();
  const watch = session.extract({ input: "text" });
  server.socket.say(started);
  watch.close();
  server.socket.take();
  page.hide(true);
  watch.adjust(5);
  assert.deepEqual(server.socket.take(), []);
});

for (const name of /** @type {const} */ (["online", "offline"]))
  test(`${name}: an open line is asked, and given up where it does not answer within 5 s`, (context) => {
    const page = aPage(context);
    const { server, clock, session } = welcomed();
    page.goes(name);
    assert.deepEqual(server.socket.take(), [{ type: "ping" }]);
    clock.advance(4_999);
    server.socket.say({ type: "pong" });
    clock.advance(5_000);
    assert.equal(session.getSnapshot().status, "open");
    page.goes(name);
    clock.advance(5_000);
    assert.equal(session.getSnapshot().status, "waiting");
  });

test("a session that waits for its next try does not wait once the network is there, or the page seen", (context) => {
  const page = aPage(context);
  const { server } = welcomed();
  server.socket.drop(1006);
  page.goes("online");
  assert.equal(server.sockets.length, 2);
  server.socket.drop(1006);
  page.hide(true);
  assert.equal(server.sockets.length, 2);
  page.hide(false);
  assert.equal(server.sockets.length, 3);
});

test("a try under way is left alone", async (context) => {
  const page = aPage(context);
  let asked = 0;
  const { server } = setUp({ token: () => `token-${++asked}` });
  page.goes("online");
  await new Promise(setImmediate);
  page.goes("online");
  assert.deepEqual([asked, server.sockets.length], [1, 1]);
});

test("a session that is closed listens no longer", (context) => {
  const page = aPage(context);
  const { server, session, clock } = welcomed();
  session.close();
  page.goes("online");
  page.hide(false);
  assert.deepEqual([server.sockets.length, server.socket.take(), clock.isIdle], [1, [], true]);
});

test("an address is relative to the page, and http is ws", (context) => {
  aPage(context);
  const { server, session } = setUp();
  session.close();
  const { WebSocket } = server;
  for (const [given, full] of /** @type {const} */ ([
    ["v1/ws", "ws://gateway.test/app/v1/ws"],
    ["https://other.test/v1/ws", "wss://other.test/v1/ws"],
    ["wss://other.test:8443/v1/ws", "wss://other.test:8443/v1/ws"],
  ])) {
    connect(given, { WebSocket }).close();
    assert.equal(server.socket.url, full);
  }
});

test("what is no address, and a platform without WebSocket, are said at once", () => {
  const { server } = setUp();
  assert.throws(() => connect("v1/ws", { WebSocket: server.WebSocket }), TypeError);
  assert.throws(() => connect("ws://gateway/v1/ws", { WebSocket: undefined }), /no WebSocket here/);
});

test("a ticket goes before the token; one that is a text opens one connection", () => {
  const { server, clock } = setUp({ ticket: "once", token: "always" });
  assert.deepEqual(server.socket.welcome().take(), [{ type: "hello", ticket: "once", client: "js/0.1" }]);
  server.socket.drop(1006);
  clock.advance(500);
  assert.deepEqual(server.socket.welcome().take(), [{ type: "hello", token: "always", client: "js/0.1" }]);
});

test("a function is asked for a ticket before every connection, and for a token where it has none", async () => {
  const tickets = ["first", undefined];
  const { server, clock } = setUp({ ticket: async () => tickets.shift(), token: async () => "always" });
  await new Promise(setImmediate);
  assert.equal(server.socket.welcome().take()[0].ticket, "first");
  server.socket.drop(1006);
  clock.advance(500);
  await new Promise(setImmediate);
  assert.deepEqual(server.socket.welcome().take()[0], { type: "hello", token: "always", client: "js/0.1" });
});

test("connected waits for the welcome, and gives the newest", async () => {
  const { server, session } = setUp();
  const first = session.connected();
  server.socket.welcome({ session: "one" });
  assert.equal((await first).session, "one");
  assert.equal((await session.connected()).session, "one");
});

test("connected rejects where the gateway does not want us, and nobody hears of it who did not ask", async () => {
  const { server, session } = setUp();
  const connected = session.connected();
  server.socket.drop(4403);
  await assert.rejects(connected, { code: "disconnected" });
  await assert.rejects(session.connected(), { code: "disconnected" });
});

test("a watch from now on asks for no more, until it has something to go on from", () => {
  const { server, clock, session } = welcomed();
  session.watch({ extraction: "x", encoding: "items", from: "now" });
  assert.equal(server.socket.take()[0].from, "now");
  server.socket.say({ type: "watching", id: "w1", extraction: "x", epoch: "e", rev: 3, state: "running", recovered: null });
  server.socket.drop(1006);
  clock.advance(500);
  assert.equal(server.socket.welcome().take()[1].from, "start");
});
