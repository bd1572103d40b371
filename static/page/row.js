/** One field of the form, from the page's template: its name, type, description, and whether it is required. */

import { byId, el, setText } from "./dom.js";
import { hasFields } from "./fields.js";

/**
 * @typedef {import("./fields.js").Field} Field
 * @typedef {import("./fields.js").Path} Path
 * @typedef {HTMLInputElement & {options: HTMLOptionsCollection}} Control any of them
 */

/**
 * @param {Field} field
 * @param {Path} path
 * @param {number} count of the fields beside it, itself included
 */
export function row({ name, type, description, isRequired, choices, kept }, path, count) {
  const { content } = byId("row", HTMLTemplateElement);
  const element = /** @type {HTMLElement} */ (content.firstElementChild?.cloneNode(true));
  const part = (/** @type {string} */ named) => /** @type {Control} */ (partOf(element, named));
  const at = path.at(-1) ?? 0;
  element.dataset.path = path.join(".");
  showName(element, name);
  part("name").value = name;
  part("description").value = description;
  part("choices").value = choices.join(", ");
  part("required").checked = isRequired;
  part("up").disabled = at === 0;
  part("down").disabled = at === count - 1;
  const isGroup = hasFields(type);
  for (const option of [...part("type").options])
    if (path.length > 1 && hasFields(/** @type {Field["type"]} */ (option.value))) option.remove();
  part("type").value = type;
  if (type !== "choice") part("choices").remove();
  if (!isGroup) element.lastElementChild?.remove();
  if (kept?.type === type) part("problem").after(...keptNote(kept));
  return element;
}

/** Tell fields apart for those who do not see them. @param {Element} row @param {string} name */
export function showName(row, name) {
  const number = pathOf(row).map((at) => at + 1);
  setText(/** @type {Node} */ (row.firstElementChild), `Field ${number.join(".")}${name && `: ${name}`}`);
}

/** @param {Element} row @returns {Path} */
export function pathOf(row) {
  return (/** @type {HTMLElement} */ (row).dataset.path ?? "").split(".").map(Number);
}

/** A part of the row itself, not of a field in its group. @param {Element} row @param {string} part */
export function partOf(row, part) {
  const found = /** @type {NodeListOf<HTMLElement>} */ (row.querySelectorAll(`[data-part="${part}"]`));
  return [...found].find((element) => element.closest(".row") === row) ?? null;
}

/** @param {import("./fields.js").Kept} kept */
function keptNote({ own, items, orNull }) {
  const keywords = [own, items, orNull?.around ?? {}].flatMap(Object.keys);
  const also = keywords.length > 0 ? `Also: ${keywords.join(", ")} (see JSON Schema)` : "";
  const words = [orNull && "May be empty (null).", also].filter(Boolean).join(" ");
  return words ? [el("p", "faint row-kept", words)] : [];
}
