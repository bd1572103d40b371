/** The form of a schema of one's own: a row for each field, those of a group below it. */

import { byId, el, setText } from "./dom.js";
import { choicesIn, edit, fieldAt, hasFields, insert, move, problemsOf, remove } from "./fields.js";
import { partOf, pathOf, row, showName } from "./row.js";

/**
 * @typedef {import("./fields.js").Field} Field
 * @typedef {import("./fields.js").Model} Model
 * @typedef {import("./fields.js").Path} Path
 * @typedef {import("./row.js").Control} Control
 */

/** What a control says of its field. @type {{[part: string]: (control: Control) => Partial<Field>}} */
const CHANGES = {
  name: ({ value }) => ({ name: value.trim() }),
  type: ({ value }) => ({ type: /** @type {Field["type"]} */ (value) }),
  description: ({ value }) => ({ description: value.trim() }),
  choices: ({ value }) => ({ choices: choicesIn(value) }),
  required: ({ checked }) => ({ isRequired: checked }),
};

export class Builder {
  /** @type {Model} */
  model = { title: "", kept: {}, fields: [] };
  #rows = byId("fields");
  #title = byId("schema-title", HTMLInputElement);
  #onChange;

  /** @param {() => void} onChange hears of another model, not of one that is shown */
  constructor(onChange) {
    this.#onChange = onChange;
    this.#title.addEventListener("input", () =>
      this.#become({ ...this.model, title: this.#title.value.trim() }),
    );
    byId("add-field").addEventListener("click", () => this.#insert([this.model.fields.length]));
    this.#rows.addEventListener("input", (event) => this.#onInput(event));
    this.#rows.addEventListener("click", (event) => this.#onClick(event));
    this.#rows.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** @param {Model} model */
  show(model) {
    this.model = model;
    this.#title.value = model.title;
    this.#rows.replaceChildren(...this.#list(model.fields, []));
  }

  /** Say what has to change first and go there; whether there is nothing. */
  check() {
    const [first] = this.#problems(true);
    if (first) this.#part(first.path, first.part)?.focus();
    return !first;
  }

  /** @param {Event} event */
  #onInput({ target }) {
    const { path, part, row } = placeOf(target);
    const change = CHANGES[part]?.(/** @type {Control} */ (target)) ?? {};
    if (change.name !== undefined) showName(row, change.name);
    if (change.type) this.#reshape(path, change);
    else this.#become(edit(this.model, path, change));
  }

  /** @param {Event} event */
  #onClick({ target }) {
    const { path, part } = placeOf(target);
    if (part === "up") this.#move(path, -1);
    if (part === "down") this.#move(path, 1);
    if (part === "remove") this.#remove(path);
    if (part === "add") this.#insert([...path, fieldAt(this.model, path)?.fields.length ?? 0]);
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const { path, part } = placeOf(event.target);
    const step = event.altKey ? { ArrowUp: -1, ArrowDown: 1 }[event.key] : undefined;
    const isNext = event.key === "Enter" && part === "name" && !event.ctrlKey && !event.metaKey;
    // Enter also ends what an input method composes.
    if (event.isComposing || (step === undefined && !isNext)) return;
    event.preventDefault();
    if (step !== undefined) this.#move(path, step);
    else this.#insert([...path.slice(0, -1), (path.at(-1) ?? 0) + 1]);
  }

  /** @param {Model} model */
  #become(model) {
    this.model = model;
    this.#problems(false);
    this.#onChange();
  }

  /**
   * Draw all rows anew, and put the focus on a part of one.
   *
   * @param {Model} model
   * @param {Path} path
   * @param {string} part
   */
  #draw(model, path, part) {
    this.show(model);
    this.#onChange();
    const target = this.#part(path, part) ?? byId("add-field");
    if (target instanceof HTMLButtonElement && target.disabled) this.#part(path, "name")?.focus();
    else target.focus();
  }

  /** @param {Path} path */
  #insert(path) {
    this.#draw(insert(this.model, path), path, "name");
  }

  /** @param {Path} path @param {Partial<Field>} change */
  #reshape(path, change) {
    const changed = edit(this.model, path, change);
    const { type, fields } = /** @type {Field} */ (fieldAt(changed, path));
    const isEmpty = hasFields(type) && fields.length === 0;
    this.#draw(isEmpty ? insert(changed, [...path, 0]) : changed, path, "type");
  }

  /** @param {Path} path */
  #remove(path) {
    const [at = 0, above] = [path.at(-1), path.slice(0, -1)];
    const left = remove(this.model, path);
    const next = [path, [...above, at - 1], above].find((each) => each.length > 0 && fieldAt(left, each));
    this.#draw(left, next ?? [], "remove");
  }

  /** @param {Path} path @param {number} step */
  #move(path, step) {
    const to = [...path.slice(0, -1), (path.at(-1) ?? 0) + step];
    const { part } = placeOf(document.activeElement);
    if (fieldAt(this.model, to)) this.#draw(move(this.model, path, step), to, part);
  }

  /**
   * @param {readonly Field[]} fields
   * @param {Path} above
   * @returns {HTMLElement[]}
   */
  #list(fields, above) {
    return fields.map((each, at) => {
      const path = [...above, at];
      const element = row(each, path, fields.length);
      element.querySelector(".rows")?.append(...this.#list(each.fields, path));
      return el("li", "", element);
    });
  }

  /** Mark what is wrong; a name that is still to be typed only where `isAsked`. @param {boolean} isAsked */
  #problems(isAsked) {
    const problems = problemsOf(this.model.fields).filter(
      ({ path, part }) => isAsked || (part === "name" && fieldAt(this.model, path)?.name),
    );
    const words = new Map(problems.map(({ path, part, message }) => [path.join("."), { part, message }]));
    for (const element of this.#rows.querySelectorAll(".row")) {
      const found = words.get(pathOf(element).join("."));
      setText(/** @type {Element} */ (partOf(element, "problem")), found?.message ?? "");
      for (const part of ["name", "choices"])
        partOf(element, part)?.setAttribute("aria-invalid", String(found?.part === part));
    }
    return problems;
  }

  /** @param {Path} path @param {string} part */
  #part(path, part) {
    const element = this.#rows.querySelector(`.row[data-path="${path.join(".")}"]`);
    return element && partOf(element, part);
  }
}

/** Which control of which row it is. @param {EventTarget | null} target */
function placeOf(target) {
  const control = /** @type {HTMLElement} */ (target);
  const row = /** @type {HTMLElement} */ (control.closest(".row") ?? control);
  return { row, path: pathOf(row), part: control.dataset.part ?? "" };
}
