/** The dashboard: it follows a channel, and shows what runs there, how fast, and how it ends. */

import { connect } from "../client/index.js";
import { Credential, isRefused, tokenFromAddress, tryToken } from "../page/credential.js";
import { byId, setText, showOnly } from "../page/dom.js";
import { gate } from "../page/gate.js";
import { Cut, line } from "../page/line.js";
import { theme } from "../page/theme.js";
import { channelOf, withChannel } from "./address.js";
import { Board } from "./board.js";
import { Detail } from "./detail.js";
import { Eyes } from "./eyes.js";
import { figures } from "./figures.js";
import { Ledger } from "./ledger.js";
import { snippets } from "./snippets.js";
import { spokenWords, summary } from "./summary.js";
import { whyNot } from "./why.js";

/** What happens is drawn together, so often at most: a wall is read calmly, whatever comes. */
const DRAW_MS = 200;
/** Where more is new at once than anybody can read, it comes more rarely. */
const RUSH_MS = 1000;
const TICK_MS = 1000;
/** Screen readers hear of news so often at most. */
const SPEAK_MS = 3000;
/** What is there is announced sooner; only then there is nothing. */
const SILENT_MS = 800;

const SOCKET = "v1/ws";

const credential = new Credential(() => sessionStorage);
const given = tokenFromAddress(location, history);
if (given) credential.keep(given);
const brought = tokenFromAddress(location, history, "ticket") ?? undefined;
if (!credential.isHeld && brought) credential.useTicket();
const session = connect(SOCKET, { ticket: credential.isHeld ? undefined : brought, token: credential.token });
const eyes = new Eyes(session, schedule);
const board = new Board(eyes, schedule);
const detail = new Detail(session, heardOf, closed);
const draw = summary();
let channel = channelOf(location.search);
let ledger = new Ledger();
let follow = session.follow({ channel });
/** The newest announcement that was heard. @type {unknown} */
let newest = null;
let isScheduled = false;
let isRushing = false;
let drawn_ms = -DRAW_MS;
/** When it was asked for, by our clock. */
let asked_ms = 0;
/** When the line was lost; the clocks stand still then. @type {number | null} */
let lost_ms = null;

/** Draw with the next frame of the screen that is not too soon, however much happens until then. */
function schedule() {
  if (isScheduled) return;
  isScheduled = true;
  setTimeout(
    () =>
      requestAnimationFrame((now) => {
        isScheduled = false;
        drawn_ms = now;
        render();
      }),
    Math.max(0, drawn_ms + (isRushing ? RUSH_MS : DRAW_MS) - performance.now()),
  );
}

/** As it was when the line was lost, where it is. */
function serverTime() {
  return ledger.serverTime(lost_ms ?? Date.now());
}

/** @param {string} extraction */
function heardOf(extraction) {
  return { heard: ledger.record(extraction), now_ms: serverTime() };
}

/** What is known besides the records. @returns {import("./figures.js").Known} */
function known() {
  return {
    forgotten_ms: ledger.forgotten_ms,
    timed: (extraction) => eyes.duration(extraction),
    neverRan: (extraction) => eyes.neverRan(extraction),
  };
}

function render() {
  const now_ms = serverTime();
  const records = ledger.newest;
  const isOpen = session.getSnapshot().status === "open";
  const isSilent = isOpen && Date.now() - asked_ms >= SILENT_MS;
  if (records.length > 0 || isSilent) draw(figures(records, now_ms, known()));
  isRushing = board.show(records, now_ms);
  detail.show();
  byId("board").toggleAttribute("data-lost", !isOpen);
  const { error } = follow.getSnapshot();
  byId("empty").hidden = records.length > 0 || error !== null || !isSilent;
  showRefusal(error);
}

/** @param {import("../client/index.js").GatewayError | null} error */
function showRefusal(error) {
  const isRefused = error !== null && error.code !== "closed" && error.code !== "disconnected";
  byId("refused").hidden = !isRefused;
  if (!isRefused) return;
  setText(byId("refused-code"), error.code);
  setText(byId("refused-said"), error.message);
  byId("refused-todo").hidden = !showOnly("refused-todo", error.code);
}

function hear() {
  const { extractions } = follow.getSnapshot();
  const announcement = extractions.at(-1);
  if (announcement && announcement !== newest) ledger.hear(announcement, Date.now());
  newest = announcement ?? newest;
  schedule();
}

/** Follow it from the beginning. @param {string} name */
function followAnew(name) {
  channel = name;
  follow.close();
  eyes.close();
  ledger = new Ledger();
  follow = session.follow({ channel });
  begin();
}

function begin() {
  asked_ms = Date.now();
  newest = null;
  follow.subscribe(hear);
  byId("channel", HTMLInputElement).value = channel;
  document.title = `${channel} · Dashboard · Extraction gateway`;
  snippets(channel);
  schedule();
  setTimeout(schedule, SILENT_MS);
}

/** @param {SubmitEvent} event */
function choose(event) {
  event.preventDefault();
  const name = byId("channel", HTMLInputElement).value.trim();
  byId("channel", HTMLInputElement).value = name || channel;
  byId("go").hidden = true;
  if (!name || name === channel) return;
  history.replaceState(history.state, "", withChannel(location.href, name));
  followAnew(name);
}

/** @type {string} */
let before = "connecting";

function onConnection() {
  const { status } = session.getSnapshot();
  if (status === "open" && before !== "open") {
    lost_ms = null;
    asked_ms = Date.now();
    ledger.doubt(asked_ms);
    setTimeout(schedule, SILENT_MS);
  } else if (status !== "open" && before === "open") lost_ms = Date.now();
  before = status;
  schedule();
}

/** @param {MouseEvent} event */
function open(event) {
  const target = event.target instanceof Element ? event.target.closest(".run") : null;
  const heard = ledger.record(/** @type {HTMLElement | null} */ (target)?.dataset.extraction ?? "");
  if (heard) detail.open(heard);
}

/** The browser gives the focus back to the card, unless that is drawn no more. @param {string} extraction */
function closed(extraction) {
  if (!board.has(extraction)) byId("past-title").focus();
}

function speak() {
  const state = session.getSnapshot();
  const isLost = state.status === "waiting" && !isRefused(state);
  setText(byId("spoken"), isLost ? "Connection lost" : spokenWords(figures(ledger.newest, serverTime())));
}

function tick() {
  eyes.tick();
  if (lost_ms === null) ledger.settle(Date.now());
  schedule();
}

byId("board").addEventListener("click", open);
byId("channel-form").addEventListener("submit", choose);
byId("channel").addEventListener("input", () => {
  const name = byId("channel", HTMLInputElement).value.trim();
  byId("go").hidden = name === channel || name === "";
});
byId("follow-again").addEventListener("click", () => followAnew(channel));
document.addEventListener("visibilitychange", () => (document.hidden ? eyes.watch([]) : schedule()));
theme(byId("theme", HTMLButtonElement));
line(session, new Cut());
gate(session, credential, (token) => tryToken(SOCKET, token));
whyNot(session);
session.subscribe(onConnection);
setInterval(tick, TICK_MS);
setInterval(speak, SPEAK_MS);
begin();
