/** A list of objects as a table: rows appear as they open, columns as their first key does. */

import { el, setText } from "./dom.js";
import { show } from "./parts.js";

/**
 * @typedef {import("./parts.js").JsonObject} JsonObject
 * @typedef {import("./parts.js").Slot} Slot
 * @typedef {{element: HTMLTableRowElement, value: JsonObject | null, cells: Map<string, Slot>}} Row
 */

/** Fewer are counted at a glance. */
const COUNTED_ROWS = 8;

/**
 * @param {import("./parts.js").Kinds} kinds
 * @returns {import("./parts.js").Part}
 */
export function table(kinds) {
  const head = el("tr");
  const body = el("tbody");
  const count = el("caption");
  const element = el("div", "table", el("table", "", count, el("thead", "", head), body));
  /** @type {string[]} */
  const columns = [];
  /** @type {Row[]} */
  const rows = [];

  /** @param {JsonObject} value */
  function addColumns(value) {
    for (const key of Object.keys(value)) {
      if (columns.includes(key)) continue;
      columns.push(key);
      const name = el("th", "", key.replaceAll("_", " "));
      name.scope = "col";
      head.append(name);
      for (const row of rows) row.element.append(cell(key));
    }
  }

  /** @param {number} index @returns {Row} */
  function addRow(index) {
    const row = { element: el("tr", "", ...columns.map(cell)), value: null, cells: new Map() };
    rows[index] = row;
    body.append(row.element);
    return row;
  }

  /** @param {Row} row @param {JsonObject} value */
  function fill(row, value) {
    row.value = value;
    columns.forEach((key, at) => {
      const place = /** @type {HTMLTableCellElement} */ (row.element.cells[at]);
      const member = Object.hasOwn(value, key) ? value[key] : undefined;
      if (member === undefined) {
        row.cells.delete(key);
        return place.replaceChildren();
      }
      const old = row.cells.get(key);
      const slot = show(old, member, kinds);
      if (old) return;
      row.cells.set(key, slot);
      place.replaceChildren(slot.part.element);
    });
  }

  return {
    kind: "table",
    element,
    /** @param {JsonObject[]} list */
    update(list) {
      list.forEach((value, index) => {
        if (rows[index]?.value === value) return;
        addColumns(value);
        fill(rows[index] ?? addRow(index), value);
      });
      while (rows.length > list.length) rows.pop()?.element.remove();
      setText(count, list.length === 1 ? "1 row" : `${list.length} rows`);
      count.classList.toggle("unseen", list.length < COUNTED_ROWS);
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
