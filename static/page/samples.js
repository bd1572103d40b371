/** The texts that can be tried, and what they and their schemas are called. */

import { EXAMPLES } from "./examples.js";

/**
 * @typedef {import("../client/protocol.js").Json} Json
 * @typedef {import("../client/protocol.js").Welcome} Welcome
 * @typedef {{title: string, input: string, extractor?: string, schema?: Json, needs_larger_model?: boolean}} Sample
 */

/** @param {Json} schema */
export function textOf(schema) {
  return JSON.stringify(schema, null, 2);
}

/** @param {string} name */
export function capital(name) {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** @param {Json} schema */
export function titleOf(schema) {
  const title = typeof schema === "object" && schema !== null && !Array.isArray(schema) ? schema.title : "";
  return typeof title === "string" && title ? title : "own schema";
}

/**
 * @param {Welcome} welcome
 * @returns {Sample[]}
 */
export function samplesOf({ extractors, inline_schemas }) {
  const registered = extractors.flatMap(({ name, example }) =>
    example ? [{ title: capital(name), input: example.input, extractor: name }] : [],
  );
  return inline_schemas ? [...registered, ...EXAMPLES] : registered;
}
