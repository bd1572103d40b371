/** The demo page: one connection, several extractions, and what they cost on the wire. */

import { connect } from "../client/index.js";
import { Credential, isRefused, tokenFromAddress, tryToken } from "./credential.js";
import { byId, setText } from "./dom.js";
import { Form } from "./form.js";
import { gate } from "./gate.js";
import { Lane } from "./lane.js";
import { Lanes } from "./lanes.js";
import { Cut, isLeaving, line } from "./line.js";
import { forget, recall, recordOf, remember } from "./memory.js";
import { pill } from "./pill.js";
import { isFree, waitingFor } from "./provider.js";
import { learn, namesIn, withoutOthers } from "./shared.js";
import { sharing } from "./sharing.js";
import { theme } from "./theme.js";
import { valuePanel } from "./value.js";
import { wire } from "./wire.js";

/** Running clocks move this often; screen readers hear of news at most every second. */
const TICK_MS = 100;
const SPEAK_MS = 1000;
const SOCKET = "v1/ws";

let isScheduled = false;
const credential = new Credential(() => sessionStorage);
const given = tokenFromAddress(location, history);
if (given) credential.keep(given);
const brought = tokenFromAddress(location, history, "ticket") ?? undefined;
const ticket = credential.isHeld ? undefined : brought;
if (ticket) credential.useTicket();
const cut = new Cut();
const session = connect(SOCKET, {
  ticket,
  token: () => cut.healed.then(credential.token),
});
const form = new Form(schedule);
const lanes = new Lanes(byId("lanes"), () => {
  forgetOthers();
  schedule();
});
const showValue = valuePanel(schedule);
const showWire = wire();
const isNarrow = matchMedia("(max-width: 960px)");

/** Draw once with the next frame of the screen, however much happens until then. */
function schedule() {
  if (isScheduled) return;
  isScheduled = true;
  requestAnimationFrame(() => {
    isScheduled = false;
    render();
  });
}

function render() {
  lanes.render();
  const { status, welcome } = session.getSnapshot();
  const lane = lanes.selected;
  byId("start", HTMLButtonElement).disabled = !canStart();
  byId("begin").hidden = status !== "open" || lane !== null;
  byId("share", HTMLButtonElement).disabled = !lane?.extraction || lane.isUnknown;
  setText(byId("start-text"), lanes.running.length > 0 ? "Start another" : "Start");
  byId("stop", HTMLButtonElement).disabled = !lane || lane.isOver || lane.isStopping;
  byId("stop-all").hidden = lanes.running.length < 2;
  byId("state-note").hidden = !lane?.isShared;
  const { shape, canRestore } = form;
  const isLost = status !== "open";
  showValue(lane, { status, shape, canRestore, isLost, provider: welcome?.provider });
  showWire(lane);
}

function canStart() {
  const state = session.getSnapshot();
  return state.status === "open" && !isLeaving(state);
}

/** @param {() => import("./form.js").Order | null} ordered */
function start(ordered = () => form.order()) {
  if (!canStart()) return;
  const order = ordered();
  if (!order?.request) return;
  const { encoding, interval_ms } = form;
  lanes.add(new Lane(session, { number: lanes.next, order, encoding, interval_ms }, schedule));
  schedule();
  showValueFirst();
}

/** In one column the value is far below what was pressed. */
function showValueFirst() {
  if (isNarrow.matches) byId("value-title").scrollIntoView({ block: "start" });
}

function speak() {
  const lane = lanes.selected;
  const { status, rev } = lane?.state ?? { status: "", rev: null };
  const state = session.getSnapshot();
  const waits = lane && !lane.isOver && !lane.hasBegun ? waitingFor(status, state.welcome?.provider) : "";
  const step = lane?.isOver ? "" : `, revision ${rev ?? 0}`;
  const news = lane ? `${lane.order.title} ${waits || lane.word + step}` : "";
  const isLost = state.status === "waiting" && !isRefused(state);
  const byItself = lane && lane === played ? "An example plays by itself, Escape stops it. " : "";
  played = null;
  setText(byId("spoken"), isLost ? (byId("connection-text").textContent ?? "") : byItself + news);
}

function copy() {
  const value = lanes.selected?.value;
  navigator.clipboard?.writeText(JSON.stringify(value, null, 2)).then(
    () => setText(byId("copy"), "Copied"),
    () => setText(byId("copy"), "Not allowed"),
  );
  setTimeout(() => setText(byId("copy"), "Copy"), 1500);
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    start();
  } else if (event.key === "Escape" && !document.querySelector(":popover-open")) lanes.selected?.cancel();
}

/** @type {import("../client/protocol.js").Welcome | null} */
let welcomed = null;
/** What nobody asked for, until that is said. @type {Lane | null} */
let played = null;

function onConnection() {
  const { welcome } = session.getSnapshot();
  schedule();
  if (!welcome || welcome === welcomed) return;
  const isFirst = welcomed === null;
  const isSame = welcomed?.session === welcome.session;
  welcomed = welcome;
  if (isSame) form.heed(welcome.provider);
  else if (isFirst) goOn(welcome);
  else form.offer(welcome);
}

/** Begin, or go on where this tab was before it was loaded anew. @param {import("../client/protocol.js").Welcome} welcome */
function goOn(welcome) {
  const before = recall();
  form.offer(welcome, before?.draft);
  const names = namesIn(location.search);
  const records = (before?.lanes ?? []).filter(({ isUnknown, extraction }) => !isUnknown || names.includes(extraction));
  for (const record of records) lanes.add(new Lane(session, record, schedule));
  lanes.next = Math.max(lanes.next, before?.next ?? 1);
  lanes.selected = lanes.all.find(({ number }) => number === before?.selected) ?? lanes.selected;
  for (const extraction of names) if (!isFollowed(extraction)) follow(extraction);
  learn(session, lanes.all);
  const play = new URLSearchParams(location.search).get("play");
  if (lanes.all.length > 0 || play === "0") return;
  if (play === "1") start();
  else if (before === null && isFree(welcome.provider)) whenSeen(playByItself);
}

/** @param {string} extraction */
function isFollowed(extraction) {
  return lanes.all.some((lane) => lane.extraction === extraction);
}

/** Let the address name what is followed, so that it stays away when it was taken away. */
function forgetOthers() {
  const address = withoutOthers(location.href, isFollowed);
  if (address !== location.href) history.replaceState(history.state, "", address);
}

/** @param {string} extraction that was started somewhere else */
function follow(extraction) {
  const { encoding, interval_ms } = form;
  lanes.add(new Lane(session, recordOf({ number: lanes.next, extraction, encoding, interval_ms }), schedule));
  showValueFirst();
}

/** @param {() => void} then */
function whenSeen(then) {
  if (!document.hidden) then();
  else document.addEventListener("visibilitychange", then, { once: true });
}

/** Where nothing was done yet, and nobody asked for stillness. */
function playByItself() {
  const [navigation] = performance.getEntriesByType("navigation");
  const isAgain = navigation instanceof PerformanceNavigationTiming && navigation.type !== "navigate";
  const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (isAgain || isStill || lanes.all.length > 0 || !form.draft.input) return;
  start();
  played = lanes.selected;
}

function keep() {
  if (!welcomed || isRefused(session.getSnapshot())) return;
  const records = lanes.all.flatMap((lane) => lane.record ?? []);
  remember({ draft: form.draft, lanes: records, selected: lanes.selected?.number, next: lanes.next });
}

for (const id of ["start", "begin"]) byId(id).addEventListener("click", () => start());
// The newest first: a queued one would get the place of one that was stopped before it, and call its model.
byId("stop-all").addEventListener("click", () => lanes.running.reverse().forEach((lane) => lane.cancel()));
byId("again").addEventListener("click", () => start(() => lanes.selected?.order ?? null));
byId("options").addEventListener("click", () => {
  const isOpen = byId("bar").toggleAttribute("data-open");
  byId("options").setAttribute("aria-expanded", String(isOpen));
});
byId("stop").addEventListener("click", () => lanes.selected?.cancel());
byId("copy").addEventListener("click", copy);
byId("copy").hidden = !navigator.clipboard;
document.addEventListener("keydown", onKey);
form.onEncoding((encoding) => {
  lanes.selected?.switchTo(encoding);
  schedule();
});
if (/Mac|iPhone|iPad/.test(navigator.userAgent)) setText(byId("start-key"), "⌘ ↵");
if (isNarrow.matches) byId("wire", HTMLDetailsElement).open = false;
theme(byId("theme", HTMLButtonElement));
line(session, cut, () => lanes.running.some((lane) => lane.isAnswered));
pill(session);
sharing(() => lanes.selected?.extraction, credential);
byId("forget").addEventListener("click", () => {
  welcomed = null;
  forget();
});
addEventListener("pagehide", keep);
gate(session, credential, (token) => tryToken(SOCKET, token));
session.subscribe(onConnection);
setInterval(() => {
  const isCounting = byId("again", HTMLButtonElement).disabled;
  if (lanes.running.length > 0 || isCounting) schedule();
}, TICK_MS);
setInterval(() => {
  speak();
  keep();
}, SPEAK_MS);
render();
