/** A schema as the wire has it. */

/** @typedef {import("./protocol.js").Json} Json */

/**
 * A schema that says itself what it is in JSON Schema (Standard JSON Schema, as zod's do). The model writes what goes
 * into it: what becomes of that by defaults and transforms is for its own `parse`.
 *
 * @template [T=unknown]
 * @typedef {{readonly "~standard": {
 *   readonly types?: {readonly input: T} | undefined,
 *   readonly jsonSchema?: {readonly input: (options: {target: "draft-2020-12"}) => object},
 * }}} StandardSchema
 */

/**
 * What comes of a request: of a schema that has types what goes into it.
 *
 * @template R
 * @typedef {R extends {encoding: "text"} ? string
 *   : R extends {paths: readonly string[]} ? Json
 *   : R extends {schema: StandardSchema<infer T>} ? (R extends {many: true} ? T[] : T)
 *   : Json} ResultOf
 */

/**
 * The JSON Schema of a schema; that of any other value is the value itself, at which the server looks.
 *
 * @param {any} schema
 * @returns {Json | undefined}
 */
export function jsonSchemaOf(schema) {
  const standard = Object(schema)["~standard"];
  if (standard && !standard.jsonSchema) throw new TypeError("it does not say what it is in JSON Schema");
  return standard ? standard.jsonSchema.input({ target: "draft-2020-12" }) : schema;
}
