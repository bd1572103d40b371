/**
 * A value as a tree of parts: each part shows one node of the value and is told its next one. What is identical is
 * skipped, so a frame costs what it changed (patches share all the rest).
 */

import { setText } from "./dom.js";
import { growing } from "./text.js";

/**
 * @typedef {import("../client/protocol.js").Json} Json
 * @typedef {import("../client/protocol.js").JsonObject} JsonObject
 * @typedef {import("./desk.js").Desk} Desk
 *
 * @typedef {object} Part
 * @property {string} kind
 * @property {HTMLElement} element
 * @property {(value: any) => void} update
 * @property {(key: string) => Place | undefined} [at] what is drawn of a member
 *
 * @typedef {{row: HTMLElement, slot: Slot}} Place a member, row, cell or item, and what is in it
 *
 * @typedef {object} Slot a part, and the value it shows
 * @property {Part} part
 * @property {Json} value
 *
 * @typedef {object} Kinds one way to show values
 * @property {Desk} desk
 * @property {(value: Json, before?: string) => string} kindOf with the kind that is there already
 * @property {(kind: string) => Part} make
 *
 * @typedef {object} View
 * @property {(value: Json, isOver?: boolean) => void} show
 * @property {(key: string) => Place | undefined} at
 * @property {Desk} desk
 */

/**
 * Show a value in a slot; the part is made anew only where the kind differs.
 *
 * @param {Slot | undefined} slot
 * @param {Json} value
 * @param {Kinds} kinds
 * @returns {Slot}
 */
export function show(slot, value, kinds) {
  if (slot && Object.is(slot.value, value)) return slot;
  const kind = kinds.kindOf(value, slot?.part.kind);
  const part = slot && slot.part.kind === kind ? slot.part : made(kind, kinds);
  part.update(value);
  if (!slot) return { part, value };
  if (slot.part !== part) slot.part.element.replaceWith(part.element);
  slot.part = part;
  slot.value = value;
  return slot;
}

/** @param {string} kind @param {Kinds} kinds */
function made(kind, kinds) {
  kinds.desk.count();
  return kinds.make(kind);
}

/**
 * A view that fills `container` with one value at a time.
 *
 * @param {HTMLElement} container
 * @param {Kinds} kinds
 * @returns {View}
 */
export function filling(container, kinds) {
  const { desk } = kinds;
  /** @type {Slot | undefined} */
  let slot;
  return {
    desk,
    show(value, isOver = false) {
      desk.frame(() => {
        slot = show(slot, value, kinds);
        if (slot.part.element.parentNode !== container) container.replaceChildren(slot.part.element);
      });
      desk.pen.rest();
      if (isOver) desk.pen.lift();
    },
    at: (key) => slot?.part.at?.(key),
  };
}

/**
 * A leaf that says no more than its text.
 *
 * @param {HTMLElement} element
 * @param {string} kind
 * @param {Desk} desk
 * @returns {Part}
 */
export function leaf(element, kind, desk) {
  return {
    kind,
    element,
    update(value) {
      setText(element, String(value));
      desk.pen.touch(element);
    },
  };
}

/**
 * A string, which grows at its end.
 *
 * @param {HTMLElement} element
 * @param {Desk} desk
 * @param {(text: string) => string} [written] how it is written
 * @returns {Part}
 */
export function text(element, desk, written) {
  const write = growing(element, written);
  return {
    kind: "string",
    element,
    update(value) {
      write(value);
      desk.pen.touch(element);
    },
  };
}
