/** Components that use the hooks, and a record of all that they rendered, for tests/e2e/test_react.py. */

import { Activity, StrictMode, createElement, memo, useEffect } from "react";
import { createRoot } from "react-dom/client";
import { connect } from "extraction-gateway-client";
import { useExtraction, useWatch } from "extraction-gateway-client/react";
import { z } from "zod";

/** @typedef {{name: string | null, age?: number | null}} Person */

const log = {
  /** What each render showed. @type {any[]} */
  data: [],
  /** @type {string[]} */
  statuses: [],
  /** How often each row was rendered. @type {{[index: number]: number}} */
  rows: {},
  /** @type {any[]} */
  updates: [],
  /** @type {any[]} */
  ends: [],
  /** All functions that `start` and `stop` ever were. */
  identities: new Set(),
  /** @type {any} */
  watch: null,
};

const listeners = {
  onUpdate: (/** @type {any} */ data) => log.updates.push(data),
  onEnd: (/** @type {any} */ { data, status, error, ending }) =>
    log.ends.push({ data, status, error: error?.code ?? null, ending: ending?.type ?? null }),
};

const Row = memo(function Row(/** @type {{index: number, person: Person, isComplete: boolean}} */ props) {
  const { index, person, isComplete } = props;
  log.rows[index] = (log.rows[index] ?? 0) + 1;
  return (
    <li className={isComplete ? "complete" : "growing"}>
      {person.name} {person.age}
    </li>
  );
});

/** @param {{shown: any, of?: string, children?: any}} props */
function Shown({ shown: { data, status, error, progress, watch }, of = "people", children }) {
  log.data.push(data);
  log.watch = watch;
  log.statuses.push(status);
  /** @type {Person[]} */
  const people = data?.[of] ?? [];
  return (
    <main>
      {children}
      <p id="status">{status}</p>
      <p id="error">{error?.code}</p>
      <p id="title">{data?.title}</p>
      <p id="data">{JSON.stringify(data)}</p>
      <ul>
        {people.map((person, index) => (
          <Row key={index} index={index} person={person} isComplete={progress.isComplete(`/${of}/${index}`)} />
        ))}
      </ul>
    </main>
  );
}

/** @param {{session: any, options: any, input: string, of?: string}} props */
function Starting({ session, options, input, of }) {
  const shown = useExtraction(session, { ...listeners, ...options });
  const { start, stop } = shown;
  log.identities.add(start).add(stop);
  return (
    <Shown shown={shown} of={of}>
      <button id="start" onClick={() => void start(input)} />
      <button id="other" onClick={() => void start({ input: `${input}, again` })} />
      <button id="stop" onClick={stop} />
    </Shown>
  );
}

/** Starts as soon as it is there. @param {{session: any, options: any, input: string}} props */
function Automatic({ session, options, input }) {
  const shown = useExtraction(session, { ...listeners, ...options });
  const { start } = shown;
  useEffect(() => void start({ input }), [start, input]);
  return <Shown shown={shown} />;
}

/** @param {{session: any, extraction: string | null, options?: any}} props */
function Watching({ session, extraction, options }) {
  return <Shown shown={useWatch(session, extraction, { ...listeners, ...options })} />;
}

const conference = z.object({
  users: z.array(z.object({ name: z.string(), email: z.email(), twitter: z.string() })).describe("everyone"),
  date: z.string().nullable(),
  location: z.string().transform((text) => text.toUpperCase()),
});

const components = { Starting, Automatic, Watching };

const root = createRoot(/** @type {HTMLElement} */ (document.getElementById("root")));

Object.assign(globalThis, {
  lab: {
    log,
    root,
    connect,
    conference,
    /** @param {keyof typeof components} name @param {any} props */
    render(name, { isStrict, isHidden, ...props }) {
      const component = createElement(/** @type {any} */ (components[name]), props);
      const shown = <Activity mode={isHidden ? "hidden" : "visible"}>{component}</Activity>;
      root.render(isStrict ? <StrictMode>{shown}</StrictMode> : shown);
    },
  },
});
