/** Following a channel: what is announced, in turn and as it is now, and the way back after a lost line. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { setUp, welcomed } from "./fakes.mjs";

/** @typedef {any} Message */

/** @type {(extraction: string, state: string, at?: number) => Message} */
const news = (extraction, state, at = 0) => ({
  extraction,
  extractor: "meeting",
  channel: "desk",
  state,
  at: `2026-03-01T09:00:0${at}.000Z`,
});

/** A follow that the server knows. @param {object} [options] */
function following(options) {
  const all = welcomed(options);
  const follow = all.session.follow({ channel: "desk" });
  const [asked] = all.server.socket.take();
  /** @param {Message[]} announcements */
  const announce = (...announcements) => {
    for (const each of announcements) all.server.socket.say({ type: "announcement", id: asked.id, ...each });
  };
  return { ...all, follow, asked, announce };
}

describe("a follow", () => {
  test("is asked for once there is a connection, by an id that no watch has", () => {
    const { server, session } = setUp();
    session.extract({ input: "text" });
    session.follow({ channel: "desk" });
    const [, extract, follow] = server.socket.welcome().take();
    assert.deepEqual({ ...follow, id: "" }, { type: "follow", id: "", channel: "desk" });
    assert.notEqual(follow.id, extract.id);
  });

  test("has the newest state of each extraction, the newest last, in a list that never changes", () => {
    const { follow, announce } = following();
    const before = follow.getSnapshot();
    assert.deepEqual(before, { extractions: [], error: null });
    assert.equal(follow.getSnapshot(), before);
    announce(news("x1", "running"), news("x2", "running", 1));
    const [, other] = follow.getSnapshot().extractions;
    announce(news("x1", "completed", 2));
    const after = follow.getSnapshot();
    assert.deepEqual(after.extractions, [news("x2", "running", 1), news("x1", "completed", 2)]);
    assert.equal(after.extractions[0], other);
    assert.deepEqual(before, { extractions: [], error: null });
    for (const part of [after, after.extractions, other]) assert.ok(Object.isFrozen(part));
  });

  test("tells its listeners of every announcement, until they stop", () => {
    const { follow, announce } = following();
    /** @type {unknown[]} */
    const heard = [];
    const stop = follow.subscribe(({ extractions }) => heard.push(extractions.map(({ state }) => state)));
    announce(news("x1", "queued"), news("x1", "running", 1));
    stop();
    announce(news("x1", "completed", 2));
    assert.deepEqual(heard, [["queued"], ["running"]]);
  });

  test("is iterated: each announcement once, of a slow loop the newest of each extraction", async () => {
    const { follow, announce } = following();
    announce(news("x1", "queued"));
    const seen = [];
    for await (const { extraction, state } of follow) {
      seen.push(`${extraction} ${state}`);
      if (seen.length === 1) announce(news("x2", "running", 1), news("x1", "running", 2), news("x1", "failed", 3));
      if (seen.length === 3) setImmediate(() => announce(news("x3", "queued", 4)));
      if (seen.length === 4) follow.close();
    }
    assert.deepEqual(seen, ["x1 queued", "x2 running", "x1 failed", "x3 queued"]);
  });

  test("keeps the newest thousand", () => {
    const { follow, announce } = following();
    for (let at = 0; at < 1_001; at++) announce(news(`x${at}`, "completed"));
    const { length, 0: first } = follow.getSnapshot().extractions;
    assert.deepEqual([length, first?.extraction], [1_000, "x1"]);
  });

  test("does not hear what is said to others, nor what it does not know", () => {
    const { server, follow, asked } = following();
    server.socket.say({ type: "announcement", id: "w9", ...news("x1", "running") });
    server.socket.say({ type: "weather", id: asked.id, ...news("x1", "running") });
    assert.deepEqual(follow.getSnapshot().extractions, []);
  });
});

describe("the end of a follow", () => {
  test("close says so, and nothing is heard behind it", async () => {
    const { server, follow, asked, announce } = following();
    const next = follow[Symbol.asyncIterator]().next();
    follow.close();
    assert.equal((await next).done, true);
    follow.close();
    assert.deepEqual(server.socket.take(), [{ type: "unfollow", id: asked.id }]);
    announce(news("x1", "running"));
    const { extractions, error } = follow.getSnapshot();
    assert.deepEqual([extractions, error?.code], [[], "closed"]);
  });

  test("a refusal is raised in the loop, and the session goes on", async () => {
    const { server, session, follow, asked } = following();
    const next = follow[Symbol.asyncIterator]().next();
    const error = { type: "error", id: asked.id, code: "over_capacity", message: "too many", retryable: true };
    server.socket.say(error);
    await assert.rejects(next, { code: "over_capacity", retryable: true });
    assert.equal(follow.getSnapshot().error?.code, "over_capacity");
    assert.equal(session.getSnapshot().status, "open");
  });

  test("comes with the session's", async () => {
    const { session, follow } = following();
    session.close();
    assert.equal((await follow[Symbol.asyncIterator]().next()).done, true);
    assert.equal(session.follow({ channel: "desk" }).getSnapshot().error?.code, "closed");
  });

  test("is an error where the server does not want us back", async () => {
    const { server, follow } = following();
    server.socket.drop(4403);
    await assert.rejects(follow[Symbol.asyncIterator]().next(), { code: "disconnected" });
  });
});

describe("on a new connection", () => {
  test("it is followed again, once", () => {
    const { server, clock, asked } = following();
    for (let loss = 0; loss < 2; loss++) {
      server.socket.drop(1006);
      clock.advance(20_000);
      assert.deepEqual(server.socket.welcome().take().slice(1), [asked]);
    }
  });

  test("what had not ended is as the server announces it now", () => {
    const { server, clock, follow, announce, asked } = following();
    announce(news("x1", "running"), news("x2", "completed", 1), news("x3", "queued", 2));
    server.socket.drop(1006);
    assert.equal(follow.getSnapshot().extractions.length, 3);
    clock.advance(500);
    assert.deepEqual(server.socket.welcome().take().slice(1), [asked, { type: "ping", nonce: asked.id }]);
    announce(news("x3", "running", 3));
    assert.equal(follow.getSnapshot().extractions.length, 3);
    server.socket.say({ type: "pong", nonce: asked.id });
    assert.deepEqual(follow.getSnapshot().extractions, [news("x2", "completed", 1), news("x3", "running", 3)]);
  });

  test("one that was closed meanwhile is not followed", () => {
    const { server, clock, follow } = following();
    server.socket.drop(1006);
    follow.close();
    clock.advance(500);
    assert.deepEqual(server.socket.welcome().take().slice(1), []);
  });
});
