/** What is plainly wrong with a schema, told while it is typed. Whether it can be used, the gateway says. */

import { isObject } from "./json.js";

/** @typedef {import("../client/protocol.js").Json} Json */

const TYPES = ["string", "number", "integer", "boolean", "object", "array", "null"];
/** Keywords that hold schemas under names, in a list, or one. */
const NAMED = ["properties", "$defs", "definitions"];
const LISTED = ["anyOf", "oneOf", "allOf"];
const SINGLE = ["items", "additionalProperties"];
/** Where one of them stands, the fields may be somewhere else. */
const ELSEWHERE = [...LISTED, ...SINGLE, "$ref", "enum", "const", "patternProperties"];

/**
 * The first thing that is wrong, with its place; empty where nothing is.
 *
 * @param {Json} schema
 * @param {string} [place]
 * @returns {string}
 */
export function problemIn(schema, place = "") {
  if (typeof schema === "boolean") return "";
  if (!isObject(schema)) return `${place} has to be a schema, { … }`;
  for (const [key, value] of Object.entries(schema)) {
    const at = `${place}/${key}`;
    const problem =
      problemOf(key, value, at) || partsIn(key, value, at).map(([path, part]) => problemIn(part, path)).find(Boolean);
    if (problem) return problem;
  }
  return "";
}

/** @param {string} key @param {Json} value @param {string} at */
function problemOf(key, value, at) {
  const unknown = key === "type" && [value].flat().find((type) => !TYPES.includes(/** @type {any} */ (type)));
  if (unknown !== false && unknown !== undefined)
    return `${at} is ${JSON.stringify(unknown)}; there are ${TYPES.join(", ")}`;
  if (NAMED.includes(key) && !isObject(value)) return `${at} has to be an object, { … }`;
  if ([...LISTED, "enum", "required"].includes(key) && !Array.isArray(value))
    return `${at} has to be a list, [ … ]`;
  return "";
}

/** The schemas inside, each with its place. @param {string} key @param {Json} value @param {string} at @returns {[string, Json][]} */
function partsIn(key, value, at) {
  if (SINGLE.includes(key) && !Array.isArray(value)) return [[at, value]];
  if (![...NAMED, ...LISTED].includes(key)) return [];
  return Object.entries(value ?? {}).map(([name, part]) => [`${at}/${name}`, part]);
}

/** Whether it asks for an object of which it names no member. @param {Json} schema */
export function hasNoFields(schema) {
  if (!isObject(schema) || (schema.type ?? "object") !== "object") return false;
  return Object.keys(schema.properties ?? {}).length === 0 && !ELSEWHERE.some((key) => schema[key]);
}
