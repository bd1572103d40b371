/**
 * A schema of one's own, by form or as JSON. The text is what counts; the form writes into it when it is edited, so
 * looking at it in the other way changes nothing.
 */

import { Builder } from "./builder.js";
import { byId, setText } from "./dom.js";
import { isObject } from "./json.js";
import { problemIn } from "./lint.js";
import { read, write } from "./schema.js";
import { tabs } from "./tabs.js";

/** @typedef {import("../client/protocol.js").Json} Json */

const VIEWS = ["schema-form", "schema-json"];

export class OwnSchema {
  #text = byId("schema", HTMLTextAreaElement);
  #builder = new Builder(() => this.#written());
  /** The text that the form shows; another one is read anew. */
  #shown = "";
  #view = 0;
  #onChange;
  #select;

  /** @param {() => void} onChange hears of another schema */
  constructor(onChange) {
    this.#onChange = onChange;
    this.#text.addEventListener("input", () => {
      this.#checkText();
      onChange();
    });
    this.#select = tabs(
      VIEWS.map((id) => byId(`tab-${id}`)),
      (at) => this.#show(at),
    );
    byId("edit-json").addEventListener("click", () => {
      this.#select(1);
      this.#text.focus();
    });
  }

  /** As far as it can be read now. @returns {Json | undefined} */
  get value() {
    return parse(this.#text.value).value;
  }

  get text() {
    return this.#text.value;
  }

  set text(text) {
    this.#text.value = text;
    this.#text.scrollTop = 0;
    this.#show(this.#view);
  }

  /** Go where it can be changed. */
  focus() {
    (this.#isForm ? byId("add-field") : this.#text).focus();
  }

  /** The schema, or undefined where it is not right: that is said and focused. @returns {Json | undefined} */
  check() {
    const value = this.#checkText();
    if (value !== undefined) return !this.#isForm || this.#builder.check() ? value : undefined;
    this.#select(1);
    this.#text.focus();
    const [, place] = /position (\d+)/.exec(byId("schema-error").textContent ?? "") ?? [];
    if (place) this.#text.setSelectionRange(Number(place), Number(place) + 1);
    return undefined;
  }

  get #isForm() {
    return this.#view === 0 && !byId("fields-box").hidden;
  }

  /** @param {number} at */
  #show(at) {
    this.#view = at;
    VIEWS.forEach((id, index) => {
      byId(id).hidden = index !== at;
    });
    byId("schema-title").hidden = at === 1;
    if (at === 0) this.#read();
    this.#checkText();
    this.#onChange();
  }

  #read() {
    const text = this.#text.value;
    if (text === this.#shown) return;
    const { value, problem } = parse(text);
    const { model, reason } = value === undefined ? { model: null, reason: problem } : read(value);
    byId("fields-box").hidden = model === null;
    byId("unshown").hidden = model !== null;
    byId("unshown-note").hidden = value === undefined;
    byId("schema-title").hidden = model === null;
    this.#shown = model ? text : "";
    if (model) this.#builder.show(model);
    const place = value === undefined ? problem : `What the form cannot show: ${reason}.`;
    setText(byId("unshown-reason"), place);
  }

  #written() {
    this.#shown = this.#text.value = JSON.stringify(write(this.#builder.model), null, 2);
    this.#onChange();
  }

  #checkText() {
    const { value, problem: unread } = parse(this.#text.value);
    const problem = unread || problemIn(value ?? true);
    this.#text.setAttribute("aria-invalid", String(problem !== ""));
    setText(byId("schema-error"), problem);
    return problem ? undefined : value;
  }
}

/**
 * @param {string} text
 * @returns {{value?: Json, problem: string}}
 */
function parse(text) {
  try {
    const value = JSON.parse(text);
    return isObject(value) ? { value, problem: "" } : { problem: "A schema is a JSON object: { … }" };
  } catch (error) {
    return { problem: `This is not JSON yet: ${/** @type {Error} */ (error).message}` };
  }
}
