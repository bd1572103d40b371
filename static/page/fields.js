/** The fields that the form shows, and what can be done to them. A model is replaced, never changed. */

/**
 * @typedef {import("../client/protocol.js").JsonObject} JsonObject
 * @typedef {"text" | "number" | "integer" | "boolean" | "date" | "choice"} Single
 * @typedef {Single | "texts" | "objects" | "object"} Type
 *
 * @typedef {object} Kept keywords that the form does not show; they are written while the type is this one
 * @property {Type} type
 * @property {JsonObject} own
 * @property {JsonObject} items of what a list holds
 * @property {OrNull | null} orNull how it is written that the value may be null
 *
 * @typedef {object} OrNull
 * @property {boolean} isFirst whether null comes before the type
 * @property {JsonObject | null} around what stands beside an `anyOf`; null: there is a list of types
 *
 * @typedef {object} Field
 * @property {string} name
 * @property {Type} type
 * @property {string} description
 * @property {boolean} isRequired
 * @property {readonly string[]} choices of a `choice`; also kept for other types, as `fields` are
 * @property {readonly Field[]} fields of an `object`, or of each of `objects`
 * @property {Kept | null} kept
 *
 * @typedef {object} Model
 * @property {string} title
 * @property {JsonObject} kept
 * @property {readonly Field[]} fields
 *
 * @typedef {readonly number[]} Path which field: its index, or that of its group and its own
 * @typedef {{path: Path, part: "name" | "choices", message: string}} Problem
 */

/** @param {Partial<Field>} [parts] @returns {Field} */
export function field(parts = {}) {
  const blank = { name: "", description: "", isRequired: true, choices: [], fields: [], kept: null };
  return { type: "text", ...blank, ...parts };
}

/** @param {Type} type */
export function hasFields(type) {
  return type === "object" || type === "objects";
}

/**
 * What has to change before the model can be asked for.
 *
 * @param {readonly Field[]} fields
 * @param {Path} [above]
 * @returns {Problem[]}
 */
export function problemsOf(fields, above = []) {
  return fields.flatMap(({ name, type, choices, fields: inner }, at) => {
    /** @type {Problem[]} */
    const problems = [];
    const path = [...above, at];
    if (!name) problems.push({ path, part: "name", message: "Give this field a name, or remove it." });
    else if (fields.findIndex((other) => other.name === name) < at)
      problems.push({ path, part: "name", message: "Another field has this name." });
    if (type === "choice" && choices.length === 0)
      problems.push({ path, part: "choices", message: "Name what it may be, with commas between." });
    return hasFields(type) ? [...problems, ...problemsOf(inner, path)] : problems;
  });
}

/** @param {Model} model @param {Path} path @returns {Field | undefined} */
export function fieldAt({ fields }, path) {
  const [at = -1, ...rest] = path;
  const found = fields[at];
  return found && rest.length > 0 ? fieldAt({ title: "", kept: {}, fields: found.fields }, rest) : found;
}

/** @param {Model} model @param {Path} path @param {Partial<Field>} change @returns {Model} */
export function edit(model, path, change) {
  return around(model, path, (fields, at) =>
    fields.map((each, index) => (index === at ? { ...each, ...change } : each)),
  );
}

/** Put a field where `path` says; those from there on move down. @param {Model} model @param {Path} path */
export function insert(model, path, added = field()) {
  return around(model, path, (fields, at) => [...fields.slice(0, at), added, ...fields.slice(at)]);
}

/** @param {Model} model @param {Path} path @returns {Model} */
export function remove(model, path) {
  return around(model, path, (fields, at) => fields.filter((_, index) => index !== at));
}

/**
 * Change places with the one before (-1) or behind (1); at an end nothing happens.
 *
 * @param {Model} model
 * @param {Path} path
 * @param {number} step
 */
export function move(model, path, step) {
  return around(model, path, (fields, at) => {
    const [one, other] = [fields[at], fields[at + step]];
    if (!one || !other) return fields;
    return fields.map((each, index) => (index === at ? other : index === at + step ? one : each));
  });
}

/** Choices as they are typed. @param {string} text */
export function choicesIn(text) {
  const choices = text.split(",").map((choice) => choice.trim());
  return [...new Set(choices.filter(Boolean))];
}

/**
 * @template {Model | Field} Holder
 * @param {Holder} holder
 * @param {Path} path
 * @param {(fields: readonly Field[], at: number) => readonly Field[]} change
 * @returns {Holder}
 */
function around(holder, path, change) {
  const [at = 0, ...rest] = path;
  const fields =
    rest.length === 0
      ? change(holder.fields, at)
      : holder.fields.map((each, index) => (index === at ? around(each, rest, change) : each));
  return { ...holder, fields };
}
