/** One field of the form: its name, type, description, whether it is required, and what can be done to it. */

import { el, setText } from "./dom.js";
import { TYPES, choicesIn, hasFields } from "./fields.js";

/**
 * @typedef {import("./fields.js").Field} Field
 * @typedef {import("./fields.js").Path} Path
 * @typedef {import("./fields.js").Type} Type
 *
 * @typedef {object} Actions
 * @property {(path: Path, change: Partial<Field>) => void} edit
 * @property {(path: Path, change: Partial<Field>) => void} reshape edit, and draw anew
 * @property {(path: Path) => void} insert
 * @property {(path: Path) => void} remove
 * @property {(path: Path, step: number) => void} move
 */

/**
 * @param {Field} field
 * @param {Path} path
 * @param {number} count of the fields beside it, itself included
 * @param {Actions} actions
 */
export function row(field, path, count, actions) {
  const legend = el("legend", "unseen", legendOf(field.name, path));
  const name = input("name", "Name", field.name, (text) => {
    setText(legend, legendOf(text.trim(), path));
    actions.edit(path, { name: text.trim() });
  });
  name.placeholder = "name";
  const description = input("description", "Description", field.description, (text) =>
    actions.edit(path, { description: text.trim() }),
  );
  description.placeholder = "What to look for";
  const line = el("div", "row-line", name, typeChoice(field, path, actions), description);
  line.append(required(field, path, actions), tools(path, count, actions));
  const problem = el("p", "problem row-problem");
  const element = el("fieldset", "row", legend, line, ...choicesOf(field, path, actions), problem);
  element.dataset.path = path.join(".");
  element.addEventListener("keydown", (event) => onKey(event, path, actions));
  if (field.kept?.type === field.type) element.append(...keptNote(field.kept));
  return element;
}

/** @param {string} name @param {Path} path */
function legendOf(name, path) {
  const number = path.map((at) => at + 1).join(".");
  return name ? `Field ${number}: ${name}` : `Field ${number}`;
}

/** @param {string} part @param {string} label @param {string} value @param {(text: string) => void} onInput */
function input(part, label, value, onInput) {
  const element = el("input", `row-${part}`);
  element.type = "text";
  element.value = value;
  element.autocomplete = "off";
  element.spellcheck = part === "description";
  element.setAttribute("autocapitalize", "off");
  element.setAttribute("aria-label", label);
  element.dataset.part = part;
  element.addEventListener("input", () => onInput(element.value));
  return element;
}

/** @param {Field} field @param {Path} path @param {Actions} actions */
function typeChoice({ type }, path, actions) {
  const select = el("select", "row-type");
  select.setAttribute("aria-label", "Type");
  select.dataset.part = "type";
  for (const [value, words] of Object.entries(TYPES)) {
    const isInside = path.length > 1;
    if (!isInside || !hasFields(/** @type {Type} */ (value))) select.append(new Option(words, value));
  }
  select.value = type;
  select.addEventListener("change", () =>
    actions.reshape(path, { type: /** @type {Type} */ (select.value) }),
  );
  return select;
}

/** @param {Field} field @param {Path} path @param {Actions} actions */
function required({ isRequired }, path, actions) {
  const box = el("input");
  box.type = "checkbox";
  box.checked = isRequired;
  box.dataset.part = "required";
  box.addEventListener("change", () => actions.edit(path, { isRequired: box.checked }));
  const label = el("label", "row-required", box, el("span", "", "Required"));
  label.title = "Whether the value must have this field";
  return label;
}

/** @param {Path} path @param {number} count @param {Actions} actions */
function tools(path, count, actions) {
  const at = path.at(-1) ?? 0;
  const up = tool("up", "↑", "Move up (Alt ↑)", () => actions.move(path, -1));
  const down = tool("down", "↓", "Move down (Alt ↓)", () => actions.move(path, 1));
  up.disabled = at === 0;
  down.disabled = at === count - 1;
  return el(
    "span",
    "row-tools",
    up,
    down,
    tool("remove", "×", "Remove", () => actions.remove(path)),
  );
}

/** @param {string} part @param {string} sign @param {string} label @param {() => void} onClick */
function tool(part, sign, label, onClick) {
  const button = el("button", "quiet", sign);
  button.type = "button";
  button.title = label;
  button.setAttribute("aria-label", label);
  button.dataset.part = part;
  button.addEventListener("click", onClick);
  return button;
}

/** @param {Field} field @param {Path} path @param {Actions} actions */
function choicesOf({ type, choices }, path, actions) {
  if (type !== "choice") return [];
  const label = "Choices, with commas between";
  const element = input("choices", label, choices.join(", "), (text) =>
    actions.edit(path, { choices: choicesIn(text) }),
  );
  element.placeholder = "low, medium, high";
  return [element];
}

/** @param {import("./fields.js").Kept} kept */
function keptNote({ own, items }) {
  const keywords = [...Object.keys(own), ...Object.keys(items)];
  return keywords.length > 0
    ? [el("p", "faint row-kept", `Also: ${keywords.join(", ")} (see JSON Schema)`)]
    : [];
}

/** @param {KeyboardEvent} event @param {Path} path @param {Actions} actions */
function onKey(event, path, actions) {
  const target = /** @type {HTMLElement} */ (event.target);
  // Enter also ends what an input method composes.
  if (event.isComposing || target.closest(".row") !== event.currentTarget) return;
  const step = event.altKey ? { ArrowUp: -1, ArrowDown: 1 }[event.key] : undefined;
  const isNext = event.key === "Enter" && target.dataset.part === "name" && !event.ctrlKey && !event.metaKey;
  if (step === undefined && !isNext) return;
  event.preventDefault();
  if (step !== undefined) actions.move(path, step);
  else actions.insert([...path.slice(0, -1), (path.at(-1) ?? 0) + 1]);
}
