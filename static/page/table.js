/** A list of objects as a table: rows appear as they open, columns as their first key does. */

import { el, reachable, setText } from "./dom.js";
import { members } from "./members.js";
import { show } from "./parts.js";

/**
 * @typedef {import("./parts.js").JsonObject} JsonObject
 * @typedef {import("./parts.js").Kinds} Kinds
 * @typedef {import("./parts.js").Part} Part
 * @typedef {import("./parts.js").Place} Place
 */

/** Fewer are counted at a glance. */
const COUNTED_ROWS = 8;

/**
 * @param {Kinds} kinds of what is in the cells
 * @returns {Part}
 */
export function table(kinds) {
  const body = el("tbody");
  const count = el("caption");
  const columns = new Columns(body);
  const inner = el("table", "", count, el("thead", "", columns.head), body);
  const element = el("div", "table", inner);
  reachable(element, inner);
  /** @type {Kinds} */
  const rowKinds = { desk: kinds.desk, kindOf: () => "row", make: () => row(columns, kinds) };
  const { update, at } = members(body, rowKinds, (_, slot) => slot.part.element, gapRow);
  return {
    kind: "table",
    element,
    at,
    /** @param {JsonObject[]} list */
    update(list) {
      update(list);
      setText(count, list.length === 1 ? "1 row" : `${list.length.toLocaleString("en")} rows`);
      count.classList.toggle("unseen", list.length < COUNTED_ROWS);
    },
  };
}

class Columns {
  head = el("tr");
  /** @type {string[]} */
  keys = [];
  #body;

  /** @param {HTMLTableSectionElement} body */
  constructor(body) {
    this.#body = body;
  }

  /** @param {JsonObject} value one of the rows */
  add(value) {
    for (const [key, member] of Object.entries(value)) {
      const at = this.keys.indexOf(key);
      const name = /** @type {HTMLElement} */ (this.head.cells[at] ?? this.#open(key));
      if (typeof member === "number") name.classList.add("is-figures");
    }
  }

  /** @param {string} key */
  #open(key) {
    this.keys.push(key);
    const name = el("th", "", key.replaceAll("_", " "));
    name.scope = "col";
    this.head.append(name);
    this.head.style.setProperty("--columns", String(this.keys.length));
    for (const row of this.#body.rows) this.fill(row);
    return name;
  }

  /** Give a row the cells that it lacks. @param {HTMLTableRowElement} row */
  fill(row) {
    if (!row.matches(".gap")) row.append(...this.keys.slice(row.cells.length).map(cell));
  }
}

/**
 * @param {Columns} columns
 * @param {Kinds} kinds
 * @returns {Part}
 */
function row(columns, kinds) {
  const element = el("tr");
  /** @type {Map<string, Place>} */
  const places = new Map();
  return {
    kind: "row",
    element,
    at: (key) => places.get(key),
    /** @param {JsonObject} value */
    update(value) {
      columns.add(value);
      columns.fill(element);
      columns.keys.forEach((key, at) => {
        const place = /** @type {HTMLTableCellElement} */ (element.cells[at]);
        if (!Object.hasOwn(value, key)) {
          if (places.delete(key)) place.replaceChildren();
          return;
        }
        const old = places.get(key);
        const slot = show(old?.slot, value[key] ?? null, kinds);
        if (old) return;
        places.set(key, { row: place, slot });
        place.replaceChildren(slot.part.element);
      });
    },
  };
}

/** @param {string} key */
function cell(key) {
  const element = el("td");
  element.dataset.key = key;
  element.dataset.name = key.replaceAll("_", " ");
  return element;
}

/** @param {HTMLElement} more */
function gapRow(more) {
  const place = el("td", "", more);
  place.colSpan = 100;
  return el("tr", "gap", place);
}
