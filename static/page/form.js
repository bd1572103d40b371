/** What is asked for: the extractor or a schema of one's own, the text, the model, the encoding, the interval. */

import { byId, el, setText } from "./dom.js";
import { EXAMPLES, FIRST } from "./examples.js";
import { outline } from "./outline.js";
import { OwnSchema } from "./ownschema.js";
import { hintOn } from "./provider.js";

/**
 * @typedef {import("../client/protocol.js").Json} Json
 * @typedef {import("../client/protocol.js").Welcome} Welcome
 * @typedef {import("../client/protocol.js").Encoding} Encoding
 * @typedef {import("../client/protocol.js").Extractor} Extractor
 * @typedef {{title: string, input: string, extractor?: string, schema?: Json}} Sample
 * @typedef {{title: string, request: import("../client/watch.js").ExtractOptions, shape: Json}} Order
 */

/** The choice of a schema of one's own; no extractor can have this name. */
const OWN = "{}";

export class Form {
  /** What the chosen schema asks for, with nothing in it yet. @type {Json} */
  shape = null;
  #extractor = byId("extractor", HTMLSelectElement);
  #own = new OwnSchema(() => this.#showShape());
  #source = byId("source", HTMLTextAreaElement);
  #model = byId("model", HTMLInputElement);
  #interval = byId("interval", HTMLSelectElement);
  /** @type {Extractor[]} */
  #extractors = [];
  /** @type {Sample[]} */
  #samples = [];
  /** @type {import("../client/protocol.js").Provider | undefined} */
  #provider;
  /** Whether the schema of one's own is more than what it begins with. */
  #hasOwn = false;
  #onChange;

  /** @param {() => void} onChange hears of another shape or text */
  constructor(onChange) {
    this.#onChange = onChange;
    this.#own.set(FIRST.schema);
    this.#source.addEventListener("input", () => this.#showSource());
    this.#extractor.addEventListener("change", () => this.#choose());
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
    return this.#provider?.name === "recorded" && !isKnown && this.#samples.length > 0;
  }

  /** Hear of another encoding. @param {(encoding: Encoding) => void} listener */
  onEncoding(listener) {
    byId("encoding").addEventListener("change", () => listener(this.encoding));
  }

  /** Show what this gateway offers; what was typed stays. @param {Welcome} welcome */
  offer(welcome) {
    const isFirst = this.#samples.length === 0;
    this.#extractors = welcome.extractors;
    this.#samples = samplesOf(welcome);
    const options = welcome.extractors.map(({ name }) => new Option(capital(name), name));
    if (welcome.inline_schemas) options.push(new Option("A schema of my own", OWN));
    const { value } = this.#extractor;
    this.#extractor.replaceChildren(...options);
    if (value && !isFirst) this.#extractor.value = value;
    byId("examples").replaceChildren(...this.#samples.map((sample) => this.#chip(sample)));
    this.heed(welcome.provider);
    if (isFirst && this.#source.value === "") this.#use(this.#samples[0]);
    this.#showExtractor();
    this.#showSource();
  }

  /** Say what there is to know of the provider. @param {import("../client/protocol.js").Provider} [provider] */
  heed(provider) {
    this.#provider = provider;
    this.#showHint();
  }

  /** What to ask for, or null where the form is not right; it says so itself. @returns {Order | null} */
  order() {
    const input = this.#source.value;
    const model = this.#model.value.trim() || undefined;
    const extractor = this.#extractor.value;
    const schema = extractor === OWN ? this.#own.check() : null;
    if (schema === undefined) return null;
    if (input.trim() === "") {
      this.#source.focus();
      return null;
    }
    if (extractor !== OWN)
      return {
        title: extractor.replaceAll("_", " "),
        request: { extractor, input, model },
        shape: this.shape,
      };
    return { title: titleOf(schema), request: { schema, input, model }, shape: this.shape };
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
    this.#extractor.value = sample.extractor ?? OWN;
    if (sample.schema !== undefined) {
      this.#own.set(sample.schema);
      this.#hasOwn = true;
    }
    this.#showExtractor();
    this.#showSource();
  }

  /** The first schema of one's own brings a text that fits it, where no other one was written. */
  #choose() {
    const isSample = this.#samples.some(({ input }) => input === this.#source.value);
    const isFirst = this.#extractor.value === OWN && !this.#hasOwn;
    if (isFirst && isSample && this.#provider?.name !== "recorded") this.#use(FIRST);
    else this.#showExtractor();
  }

  #showExtractor() {
    const chosen = this.#chosen;
    byId("schema-panel").hidden = this.#extractor.value !== OWN;
    setText(byId("description"), chosen?.description?.split("\n")[0] ?? "");
    this.#showShape();
  }

  get #chosen() {
    return this.#extractors.find(({ name }) => name === this.#extractor.value);
  }

  #showSource() {
    const { value } = this.#source;
    setText(byId("source-size"), value ? `${value.length.toLocaleString("en")} characters` : "");
    this.#showHint();
    this.#onChange();
    for (const [at, chip] of [...byId("examples").children].entries()) {
      chip.setAttribute("aria-pressed", String(this.#samples[at]?.input === value));
    }
  }

  #showHint() {
    const hint = hintOn(this.#provider);
    byId("hint").hidden = hint === null;
    byId("restore").hidden = !this.canRestore;
    if (!hint) return;
    byId("hint").dataset.kind = this.canRestore ? "warning" : hint.kind;
    setText(byId("hint-text"), this.canRestore ? CHANGED : hint.text);
    setText(byId("hint-more"), hint.more);
    byId("hint-more").hidden = hint.more === "";
  }

  /** What cannot be read just now keeps the shape it had. */
  #showShape() {
    const schema = this.#extractor.value === OWN ? this.#own.value : (this.#chosen?.schema ?? null);
    if (schema !== undefined) this.shape = outline(schema);
    this.#onChange();
  }
}

const CHANGED = "This is not the recorded text, and no model runs: it may have no answer.";

/** @param {string} name */
function capital(name) {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** @param {Json} schema */
function titleOf(schema) {
  const title = typeof schema === "object" && schema !== null && !Array.isArray(schema) ? schema.title : "";
  return typeof title === "string" && title ? title : "own schema";
}

/**
 * @param {Welcome} welcome
 * @returns {Sample[]}
 */
function samplesOf({ extractors, provider, inline_schemas }) {
  const registered = extractors.flatMap(({ name, example }) =>
    example ? [{ title: capital(name), input: example.input, extractor: name }] : [],
  );
  return provider?.name === "recorded" || !inline_schemas ? registered : [...registered, ...EXAMPLES];
}
