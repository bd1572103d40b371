/** React hooks over the client: what a render shows is the newest state, and nothing else is kept here. */

import { useEffect, useInsertionEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";

import { Slot, hasBegun } from "./slot.js";

/**
 * @typedef {import("./protocol.js").Json} Json
 * @typedef {import("./session.js").Session} Session
 * @typedef {import("./watch.js").ExtractOptions} ExtractOptions
 * @typedef {import("./protocol.js").WatchOptions} WatchOptions
 * @typedef {import("./slot.js").Latest} Latest
 * @typedef {import("./slot.js").SlotState} SlotState
 *
 * @typedef {import("./slot.js").Listeners & {defaultData?: any}} Shows defaultData: until the model has written
 *   something
 * @typedef {Shows & ExtractOptions} Options
 */

/**
 * @template R, T
 * @typedef {import("./schema.js").ValueOf<R, T>} ValueOf
 */

/**
 * @template R, T
 * @typedef {import("./watch.js").Watch<import("./schema.js").ResultOf<R, T>, ValueOf<R, T>>} WatchOf
 */

/**
 * @template V
 * @typedef {Pick<SlotState, "progress" | "status" | "error" | "ending" | "reasoning" | "watch"> & {data: V}} Shown
 */

/**
 * Start extractions and show the newest one.
 *
 * @template [T=any] what a result is, where no schema says it
 * @template {Options} [R=Options]
 * @param {Session | null} session null: none yet, as on a server
 * @param {import("./schema.js").Only<R, Options>} [options] what every `start` asks for, and who hears of it
 * @returns {Shown<R extends {defaultData: object} ? ValueOf<R, T> : ValueOf<R, T> | null>
 *   & {start: (more?: string | ExtractOptions) => WatchOf<R, T>, stop: () => void}}
 */
export function useExtraction(session, options) {
  const { defaultData, onUpdate, onEnd, ...request } = /** @type {Options} */ (options ?? {});
  const latest = useLatest({ session, request, onUpdate, onEnd });
  const [slot] = useState(() => new Slot(latest));
  return { ...useSlot(slot, defaultData), start: /** @type {() => any} */ (slot.start), stop: slot.stop };
}

/**
 * Show an extraction that exists, by its name.
 *
 * @template [T=any] what its result is
 * @param {Session | null} session null: none yet
 * @param {string | null} extraction null: none yet
 * @param {Shows & WatchOptions} [options] of the watch they count as they are when it opens
 * @returns {Shown<import("./schema.js").Growing<T> | null>}
 */
export function useWatch(session, extraction, { defaultData, onUpdate, onEnd, ...request } = {}) {
  const latest = useLatest({ session, request, onUpdate, onEnd });
  const slot = useMemo(() => new Slot(latest, extraction), [latest, session, extraction]);
  return useSlot(slot, defaultData);
}

/** @param {Slot} slot @param {Json} [defaultData] @returns {Shown<any>} */
function useSlot(slot, defaultData) {
  useEffect(slot.hold, [slot]);
  const state = useSyncExternalStore(slot.subscribe, slot.getSnapshot, slot.getServerSnapshot);
  const { value, progress, status, error, ending, reasoning, watch } = state;
  const data = hasBegun(state) ? value : (defaultData ?? value);
  return { data, progress, status, error, ending, reasoning, watch };
}

/** What was rendered last, for who asks later. @param {Latest} rendered */
function useLatest(rendered) {
  const latest = useRef(rendered);
  useInsertionEffect(() => {
    latest.current = rendered;
  });
  return latest;
}
