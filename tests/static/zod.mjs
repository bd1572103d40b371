/** Zod schemas as people write them, each as the client sends it, with what a model may write: for tests/e2e/test_zod.py. */

import { z } from "zod";

import { jsonSchemaOf } from "../../static/client/schema.js";

const person = z.object({ name: z.string().min(1), age: z.int().nullable() }).meta({ id: "Person", title: "Somebody" });
const shape = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("circle"), radius: z.number().positive() }),
  z.object({ kind: z.literal("square"), side: z.number() }),
]);
const tree = z.object({
  name: z.string(),
  get children() {
    return z.array(tree);
  },
});

/** @type {{[name: string]: [z.ZodType, unknown]}} */
const all = {
  formats: [
    z.object({
      mail: z.email().nullable(),
      page: z.url(),
      day: z.iso.date(),
      at: z.iso.datetime(),
      id: z.uuid(),
      code: z.string().regex(/^[A-Z]{2}$/),
    }),
    {
      mail: "a@example.org",
      page: "https://example.org/",
      day: "2026-03-01",
      at: "2026-03-01T09:00:00Z",
      id: "0b4f6a1e-7c39-4d52-9a08-1f2e3d4c5b6a",
      code: "GB",
    },
  ],
  definitions: [z.object({ host: person, guests: z.array(person).max(9) }), { host: { name: "Ann", age: 42 }, guests: [{ name: "Bo", age: null }] }],
  unions: [z.object({ shape, size: z.union([z.string(), z.number()]) }), { shape: { kind: "square", side: 2 }, size: 7 }],
  recursion: [tree, { name: "a", children: [{ name: "b", children: [] }] }],
  records: [z.object({ counts: z.record(z.string(), z.int()), pair: z.tuple([z.string(), z.number()]) }), { counts: { a: 1 }, pair: ["b", 2] }],
  enums: [z.object({ mood: z.enum(["good", "bad"]), is: z.literal(true), none: z.null() }), { mood: "bad", is: true, none: null }],
  optional: [z.object({ a: z.string().optional(), b: z.number().nullish(), c: z.string().default("guest") }), { a: "x", b: null, c: "host" }],
  strict: [z.strictObject({ a: z.string() }), { a: "x" }],
  transforms: [z.object({ length: z.string().transform((text) => text.length) }), { length: "four" }],
  list: [z.array(person), [{ name: "Ann", age: 1 }]],
};

const sent = Object.entries(all).map(([name, [schema, value]]) => {
  const { success } = schema.safeParse(value);
  return { name, schema: jsonSchemaOf(schema), value, success };
});
process.stdout.write(JSON.stringify(sent));
