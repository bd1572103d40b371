/** The form of a schema of one's own: a row for each field, those of a group below it. */

import { byId, el, setText } from "./dom.js";
import { edit, fieldAt, hasFields, insert, move, problemsOf, remove } from "./fields.js";
import { row } from "./row.js";

/**
 * @typedef {import("./fields.js").Field} Field
 * @typedef {import("./fields.js").Model} Model
 * @typedef {import("./fields.js").Path} Path
 */

export class Builder {
  /** @type {Model} */
  model = { title: "", kept: {}, fields: [] };
  #rows = byId("fields");
  #title = byId("schema-title", HTMLInputElement);
  #onChange;
  /** @type {import("./row.js").Actions} */
  #actions = {
    edit: (path, change) => this.#become(edit(this.model, path, change)),
    reshape: (path, change) => this.#reshape(path, change),
    insert: (path) => this.#draw(insert(this.model, path), path, "name"),
    remove: (path) => this.#remove(path),
    move: (path, step) => this.#move(path, step),
  };

  /** @param {() => void} onChange hears of another model, not of one that is shown */
  constructor(onChange) {
    this.#onChange = onChange;
    this.#title.addEventListener("input", () =>
      this.#become({ ...this.model, title: this.#title.value.trim() }),
    );
    byId("add-field").addEventListener("click", () => this.#actions.insert([this.model.fields.length]));
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
    const moved = move(this.model, path, step);
    const part = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset.part ?? "name";
    const to = [...path.slice(0, -1), (path.at(-1) ?? 0) + step];
    if (fieldAt(moved, to)) this.#draw(moved, to, part);
  }

  /**
   * @param {readonly Field[]} fields
   * @param {Path} above
   * @returns {HTMLElement[]}
   */
  #list(fields, above) {
    return fields.map((each, at) => {
      const path = [...above, at];
      const element = row(each, path, fields.length, this.#actions);
      if (hasFields(each.type)) element.append(this.#group(each, path));
      return el("li", "", element);
    });
  }

  /** @param {Field} field @param {Path} path */
  #group({ fields }, path) {
    const add = el("button", "quiet add", "+ Field of the group");
    add.type = "button";
    add.addEventListener("click", () => {
      const count = fieldAt(this.model, path)?.fields.length ?? 0;
      this.#actions.insert([...path, count]);
    });
    return el("div", "row-group", el("ol", "rows", ...this.#list(fields, path)), add);
  }

  /** Mark what is wrong; a name that is still to be typed only where `isAsked`. @param {boolean} isAsked */
  #problems(isAsked) {
    const problems = problemsOf(this.model.fields).filter(
      ({ path, part }) => isAsked || (part === "name" && fieldAt(this.model, path)?.name),
    );
    const words = new Map(problems.map(({ path, part, message }) => [path.join("."), { part, message }]));
    for (const element of /** @type {NodeListOf<HTMLElement>} */ (this.#rows.querySelectorAll(".row"))) {
      const found = words.get(element.dataset.path ?? "");
      setText(/** @type {Element} */ (element.querySelector(":scope > .problem")), found?.message ?? "");
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

/** @param {Element} row @param {string} part @returns {HTMLElement | null} */
function partOf(row, part) {
  const found = /** @type {NodeListOf<HTMLElement>} */ (row.querySelectorAll(`[data-part="${part}"]`));
  return [...found].find((element) => element.closest(".row") === row) ?? null;
}
