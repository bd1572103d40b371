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

test("the result has the type of what goes into a zod schema, which the checker of types proves", async () => {
  const { server, session } = welcomed();
  const watch = session.extract({ schema: person, input: "text" });
  const people = session.extract({ schema: person, many: true, input: "text" });
  const part = session.extract({ schema: person, paths: ["/name"], input: "text" });
  const text = session.extract({ schema: person, encoding: "text", input: "text" });
  const plain = session.extract({ schema: { type: "object" }, input: "text" });
  /** @type {[Promise<z.input<typeof person>>, Promise<string | undefined>, Promise<string>]} */
  const typed = [watch.result, people.result.then(([first]) => first?.name), text.result];
  /** @type {Promise<import("../../static/client/protocol.js").Json>[]} */
  const untyped = [part.result, plain.result];
  // @ts-expect-error it has no such member
  void watch.result.then(({ surname }) => surname).catch(() => {});
  // @ts-expect-error a transform makes a Date of it, which nobody has done yet
  void watch.result.then(({ born }) => born.getTime()).catch(() => {});
  server.socket.take();
  session.close();
  const outcomes = await Promise.allSettled([...typed, ...untyped]);
  assert.deepEqual(outcomes.map(({ status }) => status), Array(5).fill("rejected"));
});
