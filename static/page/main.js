/** The demo page: one connection, several extractions, and what they cost on the wire. */

import { connect } from "../client/index.js";
import { Credential, isRefused, tokenFromAddress, tryToken } from "./credential.js";
import { byId, setText } from "./dom.js";
import { Form } from "./form.js";
import { gate } from "./gate.js";
import { Lane } from "./lane.js";
import { Lanes } from "./lanes.js";
import { line } from "./line.js";
import { pill } from "./pill.js";
import { waitingFor } from "./provider.js";
import { theme } from "./theme.js";
import { valuePanel } from "./value.js";
import { wire } from "./wire.js";
import { wordFor } from "./words.js";

/** What stands where a value will be. */
const invitations = {
  connecting: "Connecting …",
  open: "Press Start: this fills in while the model writes.",
  waiting: "The gateway does not answer. This page tries again by itself.",
  closed: "The gateway does not take this page back. Reload it to try again.",
};

/** Running clocks move this often; screen readers hear of news at most every second. */
const TICK_MS = 100;
const SPEAK_MS = 1000;

let isScheduled = false;
const credential = new Credential(() => sessionStorage);
const given = tokenFromAddress(location, history);
if (given) credential.keep(given);
const session = connect(socketUrl(), { token: credential.token });
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
  lanes.render();
  const { shape, canRestore } = form;
  const isLost = status !== "open";
  const invitation = invitations[status];
  showValue(lane, { invitation, shape, canRestore, isLost, provider: welcome?.provider });
  showWire(lane);
}

/** @param {() => import("./form.js").Order | null} ordered */
function start(ordered = () => form.order()) {
  if (session.getSnapshot().status !== "open") return;
  const order = ordered();
  if (!order) return;
  const { encoding, interval_ms } = form;
  lanes.makeRoom();
  lanes.add(new Lane(session, { number: lanes.nextNumber, ...order, encoding, interval_ms }, schedule));
  schedule();
  if (isNarrow.matches) byId("value-title").scrollIntoView({ block: "start" });
}

function speak() {
  const lane = lanes.selected;
  const { status, rev } = lane?.state ?? { status: "", rev: null };
  const state = session.getSnapshot();
  const waits = lane && !lane.isOver && !rev ? waitingFor(status, state.welcome?.provider) : "";
  const step = lane?.isOver ? "" : `, revision ${rev ?? 0}`;
  const news = lane ? `${lane.title} ${waits || wordFor(status) + step}` : "";
  const isLost = state.status === "waiting" && !isRefused(state);
  setText(byId("spoken"), isLost ? "Connection lost" : news);
}

function copy() {
  const value = lanes.selected?.state.value;
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
  else form.offer(welcome);
  if (isFirst && new URLSearchParams(location.search).get("play") === "1") start();
}

byId("start").addEventListener("click", () => start());
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
line(session);
pill(session);
gate(session, credential, (token) => tryToken(socketUrl(), token));
session.subscribe(onConnection);
setInterval(() => {
  const isCounting = byId("again", HTMLButtonElement).disabled;
  if (lanes.running.length > 0 || isCounting) schedule();
}, TICK_MS);
setInterval(speak, SPEAK_MS);
render();
