/** A schema that says itself what it is in JSON Schema goes where a JSON Schema goes. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import * as mini from "zod/mini";

import { welcomed } from "./fakes.mjs";

/** @param {import("../../static/client/watch.js").ExtractOptions["schema"]} schema */
function asked(schema) {
  const { server, session } = welcomed();
  const watch = session.extract({ schema, input: "text" });
  return { watch, messages: server.socket.take() };
}

const person = z.object({
  name: z.string().describe("in full"),
  age: z.int().min(0).nullable(),
  email: z.email().optional(),
  born: z.string().transform((text) => new Date(text)),
  role: z.string().default("guest"),
});

test("a zod schema is sent as the JSON Schema of what goes into it", () => {
  const [{ schema }] = asked(person).messages;
  assert.deepEqual(Object.keys(schema).sort(), ["$schema", "properties", "required", "type"]);
  assert.equal(schema.$schema, "https://json-schema.org/draft/2020-12/schema");
  assert.deepEqual(schema.required, ["name", "age", "born"]);
  assert.deepEqual(schema.properties.name, { type: "string", description: "in full" });
  assert.deepEqual(schema.properties.born, { type: "string" });
  assert.deepEqual(schema.properties.role, { type: "string", default: "guest" });
  assert.equal(schema.properties.email.format, "email");
});

test("a JSON Schema is sent as it is", () => {
  const schema = { type: "object", properties: { jsonSchema: { type: "string" } } };
  assert.deepEqual(asked(schema).messages[0].schema, schema);
});

test("without one there is none in the message", () => {
  const { server, session } = welcomed();
  session.extract({ extractor: "meeting", input: "text" });
  assert.equal("schema" in server.socket.take()[0], false);
});

for (const [what, schema, why] of /** @type {const} */ ([
  ["zod cannot say in JSON Schema", z.object({ born: z.date() }), "Date cannot be represented in JSON Schema"],
  ["says nothing of JSON Schema", mini.object({ name: mini.string() }), "it does not say what it is in JSON Schema"],
]))
  test(`a schema that ${what} fails its watch with the reason, and is not sent`, async () => {
    const { watch, messages } = asked(schema);
    await assert.rejects(watch.result, { name: "GatewayError", code: "schema_invalid", message: `schema: ${why}` });
    assert.deepEqual(messages, []);
  });
