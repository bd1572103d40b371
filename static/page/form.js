/** What is asked for: the extractor or a schema of one's own, the text, the model, the encoding, the interval. */

import { utf8 } from "../client/bytes.js";
import { byId, el, setText, showOnly, write } from "./dom.js";
import { FIRST } from "./examples.js";
import { hasNoFields } from "./lint.js";
import { outline } from "./outline.js";
import { OwnSchema } from "./ownschema.js";
import { excessOf, hintOn } from "./provider.js";
import { capital, samplesOf, textOf, titleOf } from "./samples.js";
import { inBytes } from "./words.js";

/**
 * @typedef {import("../client/protocol.js").Json} Json
 * @typedef {import("../client/protocol.js").Welcome} Welcome
 * @typedef {import("../client/protocol.js").Encoding} Encoding
 * @typedef {import("../client/protocol.js").Extractor} Extractor
 * @typedef {import("./samples.js").Sample} Sample
 * @typedef {{title: string, request: import("../client/watch.js").ExtractOptions | null, shape: Json}} Order
 *
 * @typedef {object} Written what an example replaces, which is therefore kept for a way back
 * @property {string} input
 * @property {string} extractor
 * @property {string} schema of one's own, as text
 *
 * @typedef {Written & {model: string, interval: string, encoding: Encoding, replaced: Written | null}} Draft
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
  /** @type {Map<Sample, HTMLElement>} */
  #chips = new Map();
  /** @type {import("../client/protocol.js").Provider | undefined} */
  #provider;
  /** @type {Welcome | null} */
  #welcome = null;
  /** What an example took the place of. @type {Written | null} */
  #replaced = null;
  #onChange;

  /** @param {() => void} onChange hears of another shape or text */
  constructor(onChange) {
    this.#onChange = onChange;
    this.#own.text = textOf(FIRST.schema);
    this.#source.addEventListener("input", (event) => this.#onInput(/** @type {InputEvent} */ (event)));
    this.#extractor.addEventListener("change", () => this.#choose());
    for (const id of ["restore", "example"])
      byId(id).addEventListener("click", () => this.#use(this.#matching));
    byId("undo").addEventListener("click", () => this.#undo());
  }

  /** Everything that is written and chosen. @returns {Draft} */
  get draft() {
    const [model, interval] = [this.#model.value, this.#interval.value];
    return { ...this.#written, model, interval, encoding: this.encoding, replaced: this.#replaced };
  }

  get #written() {
    return { input: this.#source.value, extractor: this.#extractor.value, schema: this.#own.text };
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

  /**
   * Whether the chosen extractor's example may be missed: another example's text is there, or a recording plays and
   * not to this text, as far as is known here.
   */
  get canRestore() {
    const matching = this.#matching;
    if (!matching || matching.input === this.#source.value) return false;
    return this.#isRecorded || (this.#extractor.value !== OWN && this.#isSample);
  }

  get #matching() {
    return this.#samples.find(({ extractor }) => extractor === this.#extractor.value) ?? this.#samples[0];
  }

  get #isRecorded() {
    return this.#provider?.name === "recorded";
  }

  /** @param {Sample} sample */
  #isShown({ input }) {
    return input === this.#source.value;
  }

  /** Whether the text is an example's. */
  get #isSample() {
    return [FIRST, ...this.#samples].some((sample) => this.#isShown(sample));
  }

  /** Hear of another encoding. @param {(encoding: Encoding) => void} listener */
  onEncoding(listener) {
    byId("encoding").addEventListener("change", () => listener(this.encoding));
  }

  /**
   * Show what this gateway offers; what was typed stays.
   *
   * @param {Welcome} welcome
   * @param {Draft} [draft] of the same tab, before it was loaded anew
   */
  offer(welcome, draft) {
    const isFirst = this.#welcome === null;
    this.#welcome = welcome;
    this.#extractors = welcome.extractors;
    this.#samples = samplesOf(welcome);
    const options = welcome.extractors.map(({ name }) => new Option(capital(name), name));
    if (welcome.inline_schemas) options.push(new Option("A schema of my own", OWN));
    const { value } = this.#extractor;
    this.#extractor.replaceChildren(...options);
    if (value && !isFirst) this.#extractor.value = value;
    this.#chips = new Map(this.#samples.map((sample) => [sample, this.#chip(sample)]));
    byId("examples").replaceChildren(...this.#chips.values());
    this.heed(welcome.provider);
    if (draft) this.#take(draft);
    else if (isFirst && this.#source.value === "") this.#use(this.#samples[0]);
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
    const { shape } = this;
    if (schema === undefined) showOnly("refusal", "bad schema");
    if (schema === undefined) return null;
    if (hasNoFields(schema)) return this.#refuse("no fields", this.#own);
    if (input.trim() === "") return this.#refuse("no text", this.#source);
    if (this.#excess === "too much") return this.#refuse("too much", this.#source);
    if (extractor !== OWN)
      return { title: extractor.replaceAll("_", " "), request: { extractor, input, model }, shape };
    return { title: titleOf(schema), request: { schema, input, model }, shape };
  }

  /** Say why nothing starts, and go where that can be changed. @param {string} why @param {{focus(): void}} place */
  #refuse(why, place) {
    showOnly("refusal", why);
    place.focus();
    return null;
  }

  get #excess() {
    const { input, schema, extractor } = this.#written;
    const bytes = utf8(JSON.stringify(input) + (extractor === OWN ? schema : "")).length;
    return excessOf({ chars: input.length, bytes }, this.#welcome);
  }

  /** @param {Sample} sample */
  #chip(sample) {
    const chip = el("button", "chip", sample.title);
    chip.type = "button";
    if (this.#isBeyond(sample)) chip.append(el("span", "faint", " · larger model"));
    if (this.#isUnrecorded(sample)) {
      chip.classList.add("is-beyond");
      chip.title = "Needs a model; here a recording plays";
    }
    chip.addEventListener("click", () => this.#use(sample));
    return chip;
  }

  /** Whether the model that runs is too small for it. @param {Sample} sample */
  #isBeyond({ needs_larger_model }) {
    return needs_larger_model === true && this.#welcome?.provider?.small === true;
  }

  /** Whether it needs a model, and a recording plays. @param {Sample} sample */
  #isUnrecorded({ schema }) {
    return schema !== undefined && this.#welcome?.provider?.name === "recorded";
  }

  /** @param {Sample | undefined} sample */
  #use(sample) {
    if (!sample) return;
    const { input, extractor = OWN } = sample;
    this.#replace({ input, extractor, schema: sample.schema ? textOf(sample.schema) : this.#own.text });
  }

  /** What stood there may have cost somebody work: that can be had back. @param {Written} written */
  #replace(written) {
    const before = this.#written;
    if (this.#isMine(before)) this.#replaced = before;
    this.#write(written);
  }

  #undo() {
    const replaced = this.#replaced;
    this.#replaced = null;
    if (replaced) this.#replace(replaced);
  }

  /** @param {Written} written */
  #isMine({ input, schema }) {
    const samples = [FIRST, ...this.#samples];
    const isTyped = input.trim() !== "" && !samples.some((sample) => sample.input === input);
    return isTyped || !samples.some((sample) => sample.schema && textOf(sample.schema) === schema);
  }

  /** @param {Draft} draft */
  #take({ model, interval, encoding, replaced, ...written }) {
    this.#write(written);
    this.#replaced = replaced;
    this.#model.value = model;
    this.#interval.value = interval;
    const radio = document.querySelector(`input[name=encoding][value="${encoding}"]`);
    if (radio instanceof HTMLInputElement) radio.checked = true;
  }

  /** The browser's own undo brings back the text: what went with it follows. @param {InputEvent} event */
  #onInput({ inputType }) {
    const replaced = this.#replaced;
    if (inputType !== "historyUndo" || replaced?.input !== this.#source.value) return this.#showSource();
    this.#replaced = null;
    this.#write(replaced);
  }

  /** @param {Written} written */
  #write({ input, extractor, schema }) {
    if (input !== this.#source.value) write(this.#source, input);
    this.#source.scrollTop = 0;
    if ([...this.#extractor.options].some(({ value }) => value === extractor)) this.#extractor.value = extractor;
    if (schema !== this.#own.text) this.#own.text = schema;
    this.#showExtractor();
    this.#showSource();
  }

  /** The first schema of one's own brings a text that fits it, where no other one was written. */
  #choose() {
    const isFirst = this.#extractor.value === OWN && this.#own.text === textOf(FIRST.schema);
    if (isFirst && this.#isSample && !this.#isRecorded) this.#use(FIRST);
    else this.#showExtractor();
  }

  #showExtractor() {
    const chosen = this.#chosen;
    const isOwn = this.#extractor.value === OWN;
    byId("schema-panel").hidden = !isOwn;
    document.body.toggleAttribute("data-own", isOwn); // :has() would look again with every letter of a value
    setText(byId("description"), chosen?.description?.split("\n")[0] ?? "");
    this.#showShape();
    this.#showHint();
  }

  get #chosen() {
    return this.#extractors.find(({ name }) => name === this.#extractor.value);
  }

  #showSource() {
    const { value } = this.#source;
    setText(byId("source-count"), value ? `${value.length.toLocaleString("en")} characters` : "");
    showOnly("source-size", this.#excess);
    setText(byId("source-most"), inBytes(this.#welcome?.limits?.message_bytes ?? 0));
    showOnly("refusal", "");
    byId("undo").hidden = this.#replaced === null;
    this.#showHint();
    this.#onChange();
    for (const [{ input }, chip] of this.#chips) chip.setAttribute("aria-pressed", String(input === value));
  }

  #showHint() {
    const hint = hintOn(this.#provider);
    const news = this.#news;
    byId("hint").hidden = !hint && !news;
    byId("restore").hidden = !this.canRestore;
    byId("hint").dataset.kind = news ? "warning" : hint?.kind;
    showOnly("hint-news", news);
    setText(byId("hint-text"), news ? "" : (hint?.text ?? ""));
    setText(byId("hint-more"), hint?.more ?? "");
    byId("hint-more").hidden = !hint?.more || news === "another";
  }

  /** What there is to know of text and example, which counts more than what is always so. */
  get #news() {
    if (this.canRestore) return this.#isRecorded ? "changed" : "another";
    return this.#samples.some((sample) => this.#isShown(sample) && this.#isBeyond(sample)) ? "beyond" : "";
  }

  /** What cannot be read just now keeps the shape it had. */
  #showShape() {
    const schema = this.#extractor.value === OWN ? this.#own.value : (this.#chosen?.schema ?? null);
    if (schema !== undefined) this.shape = outline(schema);
    showOnly("refusal", "");
    this.#onChange();
  }
}
