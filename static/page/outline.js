/** The shape that a schema describes, with nothing in it yet: what the page shows before a run. */

import { isObject, tokensOf } from "./json.js";

/** @typedef {import("../client/protocol.js").Json} Json */
/** @typedef {import("../client/protocol.js").JsonObject} JsonObject */

/** Deeper parts are left out; so recursion ends. */
const MAX_DEPTH = 4;
const GHOST_ROWS = 3;

/**
 * @param {Json} schema
 * @param {Json} [root] where references begin
 * @param {number} [depth]
 * @returns {Json}
 */
export function outline(schema, root = schema, depth = 0) {
  const node = resolved(schema, root);
  if (node === null || depth > MAX_DEPTH) return null;
  const { properties, items } = node;
  if (isObject(properties)) {
    const members = Object.entries(properties).map(([key, part]) => [key, outline(part, root, depth + 1)]);
    return Object.fromEntries(members);
  }
  if (items === undefined) return null;
  const item = outline(items, root, depth + 1);
  return isObject(item) ? Array.from({ length: GHOST_ROWS }, () => item) : [];
}

/**
 * The schema itself: behind a local reference, or the first that is not null of several.
 *
 * @param {Json | undefined} schema
 * @param {Json} root
 * @param {number} [hops]
 * @returns {JsonObject | null}
 */
function resolved(schema, root, hops = 0) {
  if (!isObject(schema) || hops > MAX_DEPTH) return null;
  const { $ref, anyOf, oneOf, allOf } = schema;
  if (typeof $ref === "string") return resolved(at(root, $ref), root, hops + 1);
  const choices = [anyOf, oneOf, allOf].find(Array.isArray);
  if (!choices) return schema;
  return resolved(
    choices.find((choice) => isObject(choice) && choice.type !== "null"),
    root,
    hops + 1,
  );
}

/**
 * @param {Json} root
 * @param {string} reference
 * @returns {Json | undefined}
 */
function at(root, reference) {
  const tokens = tokensOf(reference.replace(/^#/, ""));
  /** @type {Json | undefined} */
  let node = tokens ? root : undefined;
  for (const token of tokens ?? []) node = isObject(node) && Object.hasOwn(node, token) ? node[token] : undefined;
  return node;
}
