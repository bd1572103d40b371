/** The value in the dialog, as cards and as JSON; the view that is not looked at is not kept up. */

import { cards } from "../page/cards.js";
import { byId } from "../page/dom.js";
import { follower } from "../page/follow.js";
import { jsonTree } from "../page/jsontree.js";
import { markFields, progressMarks } from "../page/marks.js";
import { settle } from "../page/parts.js";
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
 * @returns {(view: View) => void} draws what is new
 */
export function sheet(watch) {
  for (const view of VIEWS) byId(view).replaceChildren();
  const show = { cards: cards(byId("cards")), json: jsonTree(byId("json")) };
  const held = progressOf(watch);
  const markProgress = progressMarks(byId("cards"));
  const { begin, follow } = follower(byId("panel"));
  let isMarked = false;
  begin();
  return (view) => {
    const { value, ending, error, rev } = watch.getSnapshot();
    show[view](value);
    if (view === "cards" && rev !== null) markProgress(held.progress);
    if (!ending) return follow();
    for (const leaf of byId(view).querySelectorAll(".is-growing")) settle(leaf);
    if (view === "json" || isMarked) return;
    markFields(byId("cards"), error?.errors ?? []);
    isMarked = true;
  };
}
