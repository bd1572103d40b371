/** What is in an object or a list, drawn as far as anybody can see: the first ones, the newest ones, more if asked. */

import { el, place, setText } from "./dom.js";
import { show } from "./parts.js";

/**
 * @typedef {import("./parts.js").Json} Json
 * @typedef {import("./parts.js").JsonObject} JsonObject
 * @typedef {import("./parts.js").Place} Place
 * @typedef {import("./parts.js").Slot} Slot
 */

/** So many at the beginning and as many at the end; a few more are not worth a gap. */
const ENDS = 30;
const MORE = 200;

/**
 * Keeps the members in `container`, by key. Where a frame has no time left, it goes on with the next one.
 *
 * @param {HTMLElement} container
 * @param {import("./parts.js").Kinds} kinds
 * @param {(key: string, slot: Slot) => HTMLElement} makeRow
 * @param {(more: HTMLElement) => HTMLElement} makeGap what stands for those that are not drawn
 * @returns {{update: (value: JsonObject | Json[]) => void, at: (key: string) => Place | undefined}}
 */
export function members(container, kinds, makeRow, makeGap) {
  /** @type {Map<string, Place>} */
  const places = new Map();
  const { desk } = kinds;
  let ends = ENDS;
  /** @type {JsonObject | Json[]} */
  let newest = [];
  /** @type {{row: HTMLElement, more: HTMLElement} | null} */
  let gap = null;

  const makeMore = () => {
    const more = el("button", "link more");
    more.type = "button";
    more.addEventListener("click", () => {
      ends += MORE;
      desk.later(draw);
    });
    return { row: makeGap(more), more };
  };

  /** @param {string} key @param {Json} member whether it was drawn anew */
  const drawOne = (key, member) => {
    const old = places.get(key);
    if (old && Object.is(old.slot.value, member)) return false;
    const slot = show(old?.slot, member, kinds);
    if (!old) places.set(key, { slot, row: makeRow(key, slot) });
    return !old;
  };

  /** @param {readonly string[]} keys @param {number} left how many are not among them */
  const arrange = (keys, left) => {
    const wanted = new Set(keys);
    for (const key of places.keys()) if (!wanted.has(key)) places.delete(key);
    const rows = keys.flatMap((key) => places.get(key)?.row ?? []);
    if (left > 0) rows.splice(ends, 0, (gap ??= makeMore()).row);
    place(container, rows);
    container.classList.toggle("has-gap", left > 0);
  };

  const draw = () => {
    const [keys, left] = inSight(newest, ends);
    let isSame = places.size === keys.length && (left > 0) === (gap?.row.parentNode === container);
    for (const key of keys) {
      const member = /** @type {JsonObject} */ (newest)[key] ?? null;
      const old = places.get(key);
      if (old && Object.is(old.slot.value, member)) continue;
      if (desk.isLate) {
        desk.later(draw);
        break;
      }
      isSame = !drawOne(key, member) && isSame;
    }
    if (!isSame) arrange(keys, left);
    if (gap) setText(gap.more, `${left.toLocaleString("en")} more`);
  };

  return {
    update: (value) => {
      newest = value;
      draw();
    },
    at: (key) => places.get(key),
  };
}

/**
 * The keys that are drawn, and how many are not.
 *
 * @param {JsonObject | Json[]} value
 * @param {number} ends
 * @returns {[keys: string[], left: number]}
 */
export function inSight(value, ends) {
  const keys = Array.isArray(value) ? null : Object.keys(value);
  const count = keys?.length ?? /** @type {Json[]} */ (value).length;
  const left = Math.max(0, count - 2 * ends);
  const seen = Array.from({ length: count - left }, (_, at) => (at < ends ? at : at + left));
  return [seen.map((at) => keys?.[at] ?? String(at)), left];
}

/**
 * The two ends of a list; of a value's list those that are drawn at first.
 *
 * @template Item
 * @param {readonly Item[]} list
 * @param {number} [ends]
 */
export function sample(list, ends = ENDS) {
  return list.length > 2 * ends ? [...list.slice(0, ends), ...list.slice(-ends)] : list;
}
