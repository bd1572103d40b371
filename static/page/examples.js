/** Texts to try where a model runs, each with a schema of its own that the form can show. */

/** @typedef {import("../client/protocol.js").Json} Json */
/**
 * `needs_larger_model`: a toy-sized model gets most of it wrong.
 *
 * @typedef {{title: string, input: string, schema: Json, needs_larger_model?: boolean}} Example
 */

/** @param {{[name: string]: Json}} properties */
const object = (properties) => ({ type: "object", properties, required: Object.keys(properties) });
/** @param {string} title @param {{[name: string]: Json}} properties @returns {Json} */
const titled = (title, properties) => ({ title, ...object(properties) });
/** @param {{[name: string]: Json}} properties @returns {Json} */
const objects = (properties) => ({ type: "array", items: object(properties) });
/** @param {string} description */
const about = (description) => ({ type: "string", description });
/** @param {string[]} choices */
const oneOf = (...choices) => ({ type: "string", enum: choices });
const text = { type: "string" };
const texts = { type: "array", items: text };
const number = { type: "number" };
const date = { type: "string", format: "date" };

/**
 * What the choice of one's own schema begins with: one of each kind of field that is used most, and a text it fits.
 *
 * @type {Example}
 */
export const FIRST = {
  title: "Meeting",
  input: `Minutes, Tuesday 4 March 2025. Present: Ana Ruiz (product), Ben Okafor (design), Chiara Conti (engineering).

The new sign-up page goes live in two weeks. Ben sends the last drawings by Thursday. Chiara asks for two more days of testing; agreed. Ana writes to the ten pilot customers on Friday. The budget of 4,500 euros for the launch is approved. Who answers support mail over Easter?`,
  schema: titled("Meeting", {
    topic: about("In a few words"),
    date: about("When the meeting was"),
    budget: number,
    people: objects({ name: text, role: text }),
    open_questions: texts,
  }),
};

/** @type {readonly Example[]} */
export const EXAMPLES = [
  {
    title: "Support call",
    needs_larger_model: true,
    input: `Agent: Good morning, Northwind support, this is Priya. How can I help?
Caller: Hi, Tom Baker here. My order 88213 came yesterday, and the kettle leaks at the base.
Agent: I am sorry to hear that. Anything else?
Caller: I was charged for express delivery, and it took six days.
Agent: I will send a new kettle today and refund the 12.50 for delivery.
Caller: Great. Could someone call me on Friday to check that it arrived?
Agent: Of course.`,
    schema: titled("Support call", {
      caller: text,
      order_number: text,
      mood: oneOf("calm", "annoyed", "angry"),
      problems: objects({ item: text, problem: text }),
      refund: number,
      next_steps: objects({ who: text, what: text, when: text }),
      summary: about("Two sentences"),
    }),
  },
  {
    title: "Contract",
    input: `This agreement is made on 3 June 2024 between Halden Studio Ltd, 14 Wharf Lane, Bristol ("the Studio") and Orchard Foods GmbH, Lindenstraße 8, Hamburg ("the Client").

1. The Studio designs the packaging of twelve products. Drafts are due on 15 July 2024, final files on 30 August 2024.
2. The Client pays 24,000 euros: a third at signing, a third with the drafts, the rest within 30 days after the final files.
3. Either side may end the agreement with four weeks' notice in writing.
4. The law of England and Wales applies.`,
    schema: titled("Contract", {
      signed_on: date,
      first_party: text,
      fee: number,
      currency: text,
      law_of: text,
    }),
  },
  {
    title: "Product list",
    input: `Spring clearance at the bike shed! City bike "Linnet", 7 gears, 449.00, three left. Folding bike "Wren", 12.5 kg, 629.00, two left. Cargo bike "Heron" with motor, 3,290.00, one only. Children's bike "Finch", red or green, 189.00, plenty in stock. Helmet "Robin", 39.90. Lock "Oak", 24.50.`,
    schema: titled("Product list", {
      products: objects({ name: text, price: number }),
    }),
  },
  {
    title: "日本語",
    input: `来週の社員旅行についてお知らせします。日程は五月十八日(土)から十九日(日)まで、行き先は箱根温泉です。参加者は山田太郎さん、佐藤花子さん、鈴木一郎さん、高橋美咲さんの四名です。費用は一人二万八千円、申込みの締切は五月十日です。`,
    schema: titled("社員旅行", {
      destination: text,
      participants: texts,
      price_in_yen: number,
      deadline: text,
    }),
  },
];
