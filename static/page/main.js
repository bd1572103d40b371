/** The demo page: one connection, several extractions, and what they cost on the wire. */

import { connect } from "../client/index.js";
import { Credential, isRefused, tokenFromAddress, tryToken } from "./credential.js";
import { byId, setText } from "./dom.js";
import { Form } from "./form.js";
import { gate } from "./gate.js";
import { kept } from "./kept.js";
import { Lane } from "./lane.js";
import { Lanes } from "./lanes.js";
import { Cut, line } from "./line.js";
import { pill } from "./pill.js";
import { waitingFor } from "./provider.js";
import { theme } from "./theme.js";
import { valuePanel } from "./value.js";
import { wire } from "./wire.js";
import { wordFor } from "./words.js";

/** Running clocks move this often; screen readers hear of news at most every second. */
const TICK_MS = 100;
const SPEAK_MS = 1000;
/** Under which this tab keeps what is written and what runs, so that loading the page anew loses nothing. */
const KEY = "gateway.tab";

let isScheduled = false;
const credential = new Credential(() => sessionStorage);
const given = tokenFromAddress(location, history);
if (given) credential.keep(given);
const cut = new Cut();
const session = connect(socketUrl(), { token: () => cut.healed.then(credential.token) });
const form = new Form(schedule);
const lanes = new Lanes(byId("lanes"), schedule);
const showValue = valuePanel(schedule);
const showWire = wire();
const isNarrow = matchMedia("(max-width: 960px)");

function socketUrl() {
  const url = new URL("v1/ws", document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url;
}

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
  const { status, welcome } = session.getSnapshot();
  const lane = lanes.selected;
  byId("start", HTMLButtonElement).disabled = status !== "open";
  setText(byId("start-text"), lanes.running.length > 0 ? "Start another" : "Start");
  byId("stop", HTMLButtonElement).disabled = !lane || lane.isOver || lane.isStopping;
  byId("stop-all").hidden = lanes.running.length < 2;
  lanes.render();
  const { shape, canRestore } = form;
  const isLost = status !== "open";
  showValue(lane, { status, shape, canRestore, isLost, provider: welcome?.provider });
  showWire(lane);
}

/** @param {() => import("./form.js").Order | null} ordered */
function start(ordered = () => form.order()) {
  if (session.getSnapshot().status !== "open") return;
  const order = ordered();
  if (!order) return;
  const { encoding, interval_ms } = form;
  lanes.makeRoom();
  lanes.add(new Lane(session, { number: lanes.nextNumber, order, encoding, interval_ms }, schedule));
  schedule();
  if (isNarrow.matches) byId("value-title").scrollIntoView({ block: "start" });
}

function speak() {
  const lane = lanes.selected;
  const { status, rev } = lane?.state ?? { status: "", rev: null };
  const state = session.getSnapshot();
  const waits = lane && !lane.isOver && !lane.hasBegun ? waitingFor(status, state.welcome?.provider) : "";
  const step = lane?.isOver ? "" : `, revision ${rev ?? 0}`;
  const news = lane ? `${lane.order.title} ${waits || wordFor(status) + step}` : "";
  const isLost = state.status === "waiting" && !isRefused(state);
  setText(byId("spoken"), isLost ? "Connection lost" : news);
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
  const before = kept(
    () => sessionStorage,
    (store) => JSON.parse(store.getItem(KEY) ?? "{}"),
  );
  form.offer(welcome, before?.draft);
  for (const record of before?.lanes ?? []) lanes.add(new Lane(session, record, schedule));
  lanes.selected = lanes.all.find(({ number }) => number === before.selected) ?? lanes.selected;
  if (lanes.all.length === 0 && new URLSearchParams(location.search).get("play") === "1") start();
}

function keep() {
  if (!welcomed || isRefused(session.getSnapshot())) return;
  const records = lanes.all.flatMap((lane) => lane.record ?? []);
  const now = JSON.stringify({ draft: form.draft, lanes: records, selected: lanes.selected?.number });
  kept(
    () => sessionStorage,
    (store) => store.setItem(KEY, now),
  );
}

function forget() {
  welcomed = null;
  kept(
    () => sessionStorage,
    (store) => store.removeItem(KEY),
  );
}

byId("start").addEventListener("click", () => start());
byId("stop-all").addEventListener("click", () => lanes.running.forEach((lane) => lane.cancel()));
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
line(session, cut);
pill(session);
byId("forget").addEventListener("click", forget);
addEventListener("pagehide", keep);
gate(session, credential, (token) => tryToken(socketUrl(), token));
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
