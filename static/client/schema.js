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
 * What comes of a request: of a schema that has types what goes into it; where none says it, what the caller does.
 *
 * @template R, [T=any]
 * @typedef {R extends {encoding: "text"} ? string
 *   : R extends {paths: readonly string[]} ? any
 *   : R extends {schema: StandardSchema<infer I>} ? (R extends {many: true} ? I[] : I)
 *   : T} ResultOf
 */

/**
 * A value while it grows: what is not written yet is null, or an empty list.
 *
 * @template T
 * @typedef {0 extends (1 & T) ? any
 *   : T extends readonly (infer I)[] ? Growing<I>[]
 *   : T extends object ? {[K in keyof T]: Growing<T[K]>}
 *   : T | null} Growing
 */

/**
 * What the values in turn are.
 *
 * @template R, [T=any]
 * @typedef {R extends {encoding: "items"} ? import("./protocol.js").Item[] : Growing<ResultOf<R, T>>} ValueOf
 */

/**
 * Nothing but what is known, so that a slip in a name is told.
 *
 * @template R, Known
 * @typedef {R & {[K in Exclude<keyof R, keyof Known>]: never}} Only
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
