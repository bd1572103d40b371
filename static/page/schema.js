/**
 * A JSON Schema as the fields that the form shows, and back.
 *
 * 1. What `read` shows, `write` gives back: the same schema, but for the order of keywords and of `required`.
 * 2. What could not be given back is not shown: `read` says where and what it is.
 */

import { choicesIn, field, hasFields } from "./fields.js";
import { isObject } from "./json.js";

/**
 * @typedef {import("../client/protocol.js").Json} Json
 * @typedef {import("../client/protocol.js").JsonObject} JsonObject
 * @typedef {import("./fields.js").Field} Field
 * @typedef {import("./fields.js").Model} Model
 * @typedef {import("./fields.js").Type} Type
 */

/** Keywords that say more about a value without giving it another form. */
const KEPT = new Set(
  (
    "$schema $id $comment title description default examples deprecated readOnly writeOnly x-stream format pattern minLength " +
    "maxLength minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minItems maxItems uniqueItems " +
    "minProperties maxProperties additionalProperties"
  ).split(" "),
);

/** A schema that the form cannot show; the message says what is in the way. */
class Unshown extends Error {}

/**
 * @param {Json} schema
 * @returns {{model: Model, reason: ""} | {model: null, reason: string}}
 */
export function read(schema) {
  try {
    const node = objectAt(schema, "");
    if (node.type !== "object") throw new Unshown('"type" at the top is not "object"');
    const { title = "", ...rest } = node;
    if (typeof title !== "string") throw new Unshown('"title" is not a text');
    const kept = keptOf(rest, "", MEMBERS);
    return { model: { title, kept, fields: fieldsOf(node, "", 0) }, reason: "" };
  } catch (error) {
    if (error instanceof Unshown) return { model: null, reason: error.message };
    throw error;
  }
}

/** @param {Model} model @returns {JsonObject} */
export function write({ title, kept, fields }) {
  return { type: "object", ...(title && { title }), ...kept, ...members(fields) };
}

/** @param {readonly Field[]} fields @returns {JsonObject} */
function members(fields) {
  const named = fields.filter(
    ({ name }, at) => name && fields.findIndex((other) => other.name === name) === at,
  );
  const required = named.flatMap(({ name, isRequired }) => (isRequired ? [name] : []));
  const properties = Object.fromEntries(named.map((each) => [each.name, orNull(node(each), each)]));
  return { properties, ...(required.length > 0 && { required }) };
}

/** As it was written that the field may be null, if it was. @param {JsonObject} node @param {Field} field @returns {JsonObject} */
function orNull(node, { type, kept }) {
  if (kept?.type !== type || !kept.orNull) return node;
  const { isFirst, around } = kept.orNull;
  /** @param {Json} part @param {Json} none */
  const both = (part, none) => (isFirst ? [none, part] : [part, none]);
  if (!around) return { ...node, type: both(node.type ?? "", "null") };
  const { description, ...inner } = node;
  return { anyOf: both(inner, { type: "null" }), ...(description && { description }), ...around };
}

/** @param {Field} field @returns {JsonObject} */
function node({ type, description, choices, fields, kept }) {
  const { own, items } = kept?.type === type ? kept : { own: {}, items: {} };
  /** @type {JsonObject} */
  const words = description ? { description } : {};
  switch (type) {
    case "text":
      return { type: "string", ...words, ...own };
    case "date":
      return { type: "string", format: "date", ...words, ...own };
    case "choice":
      return { type: "string", ...(choices.length > 0 && { enum: [...choices] }), ...words, ...own };
    case "texts":
      return { type: "array", ...words, items: { type: "string", ...items }, ...own };
    case "objects":
      return { type: "array", ...words, items: { type: "object", ...items, ...members(fields) }, ...own };
    case "object":
      return { type: "object", ...words, ...own, ...members(fields) };
    default:
      return { type, ...words, ...own };
  }
}

/** @param {JsonObject} node @param {string} place @param {number} depth @returns {Field[]} */
function fieldsOf(node, place, depth) {
  const { properties = {}, required = [] } = node;
  const parts = objectAt(properties, `${place}/properties`);
  const isMember = (/** @type {Json} */ name) => typeof name === "string" && Object.hasOwn(parts, name);
  if (!Array.isArray(required) || !required.every(isMember))
    throw new Unshown(`"required"${within(place)} names what is not in "properties"`);
  return Object.entries(parts).map(([name, part]) => {
    if (!name) throw new Unshown(`a field${within(place)} has an empty name`);
    return { ...fieldOf(part, `${place}/${name}`, depth), name, isRequired: required.includes(name) };
  });
}

/** @param {Json} schema @param {string} place @param {number} depth @returns {Field} */
function fieldOf(schema, place, depth) {
  const { node, orNull } = withoutNull(objectAt(schema, place), place);
  keptOf(node, place, [...MEMBERS, "enum", "items"]);
  const type = typeOf(node, place);
  if (hasFields(type) && depth > 0) throw new Unshown(`${place} is a group inside a group`);
  const { description = "" } = node;
  if (typeof description !== "string" || node.description === "")
    throw new Unshown(`"description" of ${place} is not a text`);
  const isList = type === "texts" || type === "objects";
  const items = isList ? objectAt(node.items, place) : {};
  const kept = {
    type,
    own: keptOf(node, place, ["type", "description", ...(isList ? ["items"] : (SHOWN[type] ?? []))]),
    items: keptOf(items, place, type === "objects" ? MEMBERS : ["type"]),
    orNull,
  };
  return field({
    type,
    description,
    choices: type === "choice" ? choicesOf(node.enum, place) : [],
    fields: hasFields(type) ? fieldsOf(type === "object" ? node : items, place, depth + 1) : [],
    kept,
  });
}

/**
 * A schema without its null, where that is said in one of the two usual ways: `["string", "null"]`, or `anyOf` of
 * something and null.
 *
 * @param {JsonObject} node
 * @param {string} place
 * @returns {{node: JsonObject, orNull: import("./fields.js").OrNull | null}}
 */
function withoutNull(node, place) {
  const { type, anyOf, description, ...around } = node;
  const pair = Array.isArray(type) ? type : Array.isArray(anyOf) && type === undefined ? anyOf : [];
  const at = pair.findIndex((part) => part === "null" || JSON.stringify(part) === '{"type":"null"}');
  const other = pair[1 - at];
  if (pair.length !== 2 || at < 0 || other === undefined) return { node, orNull: null };
  if (pair === type) return { node: { ...node, type: other }, orNull: { isFirst: at === 0, around: null } };
  if (!isObject(other) || other.description !== undefined) return { node, orNull: null };
  const inner = { ...other, ...(description !== undefined && { description }) };
  return { node: inner, orNull: { isFirst: at === 0, around: keptOf(around, place) } };
}

/** What `members` writes, with the type. */
const MEMBERS = ["type", "properties", "required"];
/** Keywords that have a control of their own. @type {{[type in Type]?: string[]}} */
const SHOWN = { date: ["format"], choice: ["enum"], object: MEMBERS };

/** @param {JsonObject} node @param {string} place @returns {Type} */
function typeOf(node, place) {
  const { type, items } = node;
  if (type === "string") {
    if (node.enum !== undefined) return "choice";
    return node.format === "date" ? "date" : "text";
  }
  if (type === "number" || type === "integer" || type === "boolean" || type === "object") return type;
  if (type === "array" && isObject(items) && items.enum === undefined) {
    if (items.type === "string") return "texts";
    if (items.type === "object") return "objects";
  }
  throw new Unshown(`${place} has a type that the form does not know`);
}

/**
 * What is to be kept of a node, all of it known to be harmless.
 *
 * @param {JsonObject} node
 * @param {string} place
 * @param {readonly string[]} [shown]
 */
function keptOf(node, place, shown = []) {
  const kept = Object.entries(node).filter(([key]) => !shown.includes(key));
  for (const [key, value] of kept) {
    if (!KEPT.has(key) || (key === "additionalProperties" && typeof value !== "boolean"))
      throw new Unshown(`"${key}"${within(place)}`);
  }
  return Object.fromEntries(kept);
}

/** @param {Json | undefined} choices @param {string} place */
function choicesOf(choices, place) {
  const texts = choicesIn([choices].flat().join(","));
  if (texts.length > 0 && JSON.stringify(texts) === JSON.stringify(choices)) return texts;
  throw new Unshown(`"enum" of ${place} has more than short texts`);
}

/** @param {Json | undefined} value @param {string} place @returns {JsonObject} */
function objectAt(value, place) {
  if (isObject(value)) return value;
  throw new Unshown(place ? `${place} is not a schema with keywords` : "it is not an object");
}

/** @param {string} place */
function within(place) {
  return place ? ` of ${place}` : " at the top";
}
