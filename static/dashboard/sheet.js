/** The value in the dialog, as cards and as JSON; the view that is not looked at is not kept up. */

import { cards } from "../page/cards.js";
import { byId } from "../page/dom.js";
import { follower } from "../page/follow.js";
import { jsonTree } from "../page/jsontree.js";
import { caret, errorMarks, progressMarks } from "../page/marks.js";
import { Progress } from "../page/progress.js";

/**
 * @typedef {import("../client/index.js").Watch} Watch
 * @typedef {"cards" | "json"} View
 */

/** @type {readonly View[]} */
export const VIEWS = ["cards", "json"];

/**
 * How far the model is, attempt by attempt.
 *
 * @param {Watch} watch one that asks for `progress`
 */
function progressOf(watch) {
  const held = { progress: new Progress("") };
  watch.observe((frame) => {
    const { type } = frame;
    if (type === "reset" || (type === "snapshot" && frame.epoch !== held.progress.epoch))
      held.progress = new Progress(frame.epoch);
    if ((type === "snapshot" || type === "patch") && frame.progress)
      held.progress.take(frame.progress, type === "snapshot");
  });
  return held;
}

/**
 * A new sheet for one watch.
 *
 * @param {Watch} watch
 * @param {() => void} ask for another frame, where a value is too large for one
 * @returns {(view: View) => void} draws what is new
 */
export function sheet(watch, ask) {
  for (const view of VIEWS) byId(view).replaceChildren();
  const draw = { cards: asCards(watch, ask), json: asJson(watch, ask) };
  const { begin, follow } = follower(byId("panel"));
  begin();
  return (view) => {
    const at = draw[view]();
    if (!watch.getSnapshot().ending) follow(at);
  };
}

/** @param {Watch} watch @param {() => void} ask @returns {() => Element | null} where it is being written */
function asCards(watch, ask) {
  const held = progressOf(watch);
  const view = cards(byId("cards"), ask);
  const [markErrors, markProgress, moveCaret] = [errorMarks(view), progressMarks(view), caret(view, byId("cards"))];
  let wasDone = false;
  return () => {
    const { value, ending, error, rev } = watch.getSnapshot();
    view.show(value, ending !== null);
    const { isDone } = view.desk;
    if (isDone && rev !== null) markProgress(held.progress, !wasDone);
    if (isDone && !wasDone && ending) markErrors(error?.errors ?? []);
    wasDone = isDone && ending !== null;
    return moveCaret(held.progress.active) ?? view.desk.pen.at;
  };
}

/** @param {Watch} watch @param {() => void} ask @returns {() => Element | null} where it is being written */
function asJson(watch, ask) {
  const view = jsonTree(byId("json"), ask);
  return () => {
    const { value, ending } = watch.getSnapshot();
    view.show(value, ending !== null);
    return view.desk.pen.at;
  };
}
