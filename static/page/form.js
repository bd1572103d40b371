/** What is asked for: the extractor or a schema of one's own, the text, the model, the encoding, the interval. */

import { byId, el, setText } from "./dom.js";
import { EXAMPLES, FIRST_SCHEMA } from "./examples.js";
import { outline } from "./outline.js";

/**
 * @typedef {import("../client/protocol.js").Json} Json
 * @typedef {import("../client/protocol.js").Welcome} Welcome
 * @typedef {import("../client/protocol.js").Encoding} Encoding
 * @typedef {import("../client/protocol.js").Extractor} Extractor
 * @typedef {{title: string, input: string, extractor?: string, schema?: Json}} Sample
 * @typedef {{title: string, request: import("../client/watch.js").ExtractOptions}} Order
 */

/** The choice of a schema of one's own; no extractor can have this name. */
const OWN = "{}";

export class Form {
  /** What the chosen schema asks for, with nothing in it yet. @type {Json} */
  shape = null;
  #extractor = byId("extractor", HTMLSelectElement);
  #schema = byId("schema", HTMLTextAreaElement);
  #source = byId("source", HTMLTextAreaElement);
  #model = byId("model", HTMLInputElement);
  #interval = byId("interval", HTMLSelectElement);
  /** @type {Extractor[]} */
  #extractors = [];
  /** @type {Sample[]} */
  #samples = [];
  #isRecorded = false;
  #title = "";
  #onChange;

  /** @param {() => void} onChange hears of another shape or text */
  constructor(onChange) {
    this.#onChange = onChange;
    this.#schema.value = JSON.stringify(FIRST_SCHEMA, null, 2);
    this.#schema.addEventListener("input", () => this.#checkSchema());
    this.#source.addEventListener("input", () => this.#showSource());
    this.#extractor.addEventListener("change", () => this.#showExtractor());
    for (const id of ["restore", "example"])
      byId(id).addEventListener("click", () => this.#use(this.#samples[0]));
  }

  /** The encoding that is chosen. @returns {Encoding} */
  get encoding() {
    const chosen = /** @type {HTMLInputElement | null} */ (
      document.querySelector("input[name=encoding]:checked")
    );
    return /** @type {Encoding} */ (chosen?.value ?? "append");
  }

  get interval_ms() {
    return Number(this.#interval.value);
  }

  /** Whether a recording plays, and not to this text as far as is known here. */
  get canRestore() {
    const isKnown = this.#samples.some(({ input }) => input === this.#source.value);
    return this.#isRecorded && !isKnown && this.#samples.length > 0;
  }

  /** Hear of another encoding. @param {(encoding: Encoding) => void} listener */
  onEncoding(listener) {
    byId("encoding").addEventListener("change", () => listener(this.encoding));
  }

  /** Show what this gateway offers; what was typed stays. @param {Welcome} welcome */
  offer(welcome) {
    const isFirst = this.#samples.length === 0;
    this.#extractors = welcome.extractors;
    this.#isRecorded = welcome.provider?.name === "recorded";
    this.#samples = samplesOf(welcome, this.#isRecorded);
    byId("recorded").hidden = !this.#isRecorded;
    const options = welcome.extractors.map(({ name }) => new Option(name.replaceAll("_", " "), name));
    if (welcome.inline_schemas) options.push(new Option("own JSON Schema", OWN));
    const { value } = this.#extractor;
    this.#extractor.replaceChildren(...options);
    if (value && !isFirst) this.#extractor.value = value;
    byId("examples").replaceChildren(...this.#samples.map((sample) => this.#chip(sample)));
    if (isFirst && this.#source.value === "") this.#use(this.#samples[0]);
    this.#showExtractor();
    this.#showSource();
  }

  /** What to ask for, or null where the form is not right; it says so itself. @returns {Order | null} */
  order() {
    const input = this.#source.value;
    const model = this.#model.value.trim() || undefined;
    const extractor = this.#extractor.value;
    const schema = extractor === OWN ? this.#checkSchema() : null;
    if (schema === undefined || input.trim() === "") {
      (schema === undefined ? this.#schema : this.#source).focus();
      return null;
    }
    if (extractor !== OWN)
      return { title: extractor.replaceAll("_", " "), request: { extractor, input, model } };
    return { title: this.#title || "own schema", request: { schema, input, model } };
  }

  /** @param {Sample} sample */
  #chip(sample) {
    const chip = el("button", "chip", sample.title);
    chip.type = "button";
    chip.addEventListener("click", () => this.#use(sample));
    return chip;
  }

  /** @param {Sample | undefined} sample */
  #use(sample) {
    if (!sample) return;
    this.#source.value = sample.input;
    this.#source.scrollTop = 0;
    this.#title = sample.schema === undefined ? "" : sample.title.toLowerCase();
    this.#extractor.value = sample.extractor ?? OWN;
    if (sample.schema !== undefined) this.#schema.value = JSON.stringify(sample.schema, null, 2);
    this.#showExtractor();
    this.#showSource();
  }

  #showExtractor() {
    const { value } = this.#extractor;
    const chosen = this.#extractors.find(({ name }) => name === value);
    byId("schema-panel").hidden = value !== OWN;
    byId("description").hidden = !chosen?.description;
    setText(byId("description"), chosen?.description ?? "");
    if (value === OWN) this.#checkSchema();
    else this.#setShape(outline(chosen?.schema ?? null));
  }

  #showSource() {
    const { value } = this.#source;
    setText(byId("source-size"), value ? `${value.length.toLocaleString("en")} characters` : "");
    byId("changed").hidden = !this.canRestore;
    this.#onChange();
    for (const [at, chip] of [...byId("examples").children].entries()) {
      chip.setAttribute("aria-pressed", String(this.#samples[at]?.input === value));
    }
  }

  /** @returns {Json | undefined} */
  #checkSchema() {
    const { value, problem } = parseSchema(this.#schema.value);
    this.#schema.setAttribute("aria-invalid", String(problem !== ""));
    setText(byId("schema-error"), problem);
    if (value !== undefined) this.#setShape(outline(value));
    return value;
  }

  /** @param {Json} shape */
  #setShape(shape) {
    this.shape = shape;
    this.#onChange();
  }
}

/**
 * @param {Welcome} welcome
 * @param {boolean} isRecorded
 * @returns {Sample[]}
 */
function samplesOf(welcome, isRecorded) {
  const registered = welcome.extractors.flatMap(({ name, example }) =>
    example ? [{ title: name.replaceAll("_", " "), input: example.input, extractor: name }] : [],
  );
  return isRecorded || !welcome.inline_schemas ? registered : [...registered, ...EXAMPLES];
}

/**
 * @param {string} text
 * @returns {{value?: Json, problem: string}}
 */
function parseSchema(text) {
  try {
    const value = JSON.parse(text);
    const isSchema = typeof value === "object" && value !== null && !Array.isArray(value);
    return isSchema ? { value, problem: "" } : { problem: "A schema is a JSON object: { … }" };
  } catch (error) {
    return { problem: `This is not JSON yet: ${/** @type {Error} */ (error).message}` };
  }
}
