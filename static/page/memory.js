/** What a tab remembers of itself, so that loading the page anew loses nothing: what is written, and what runs. */

import { kept } from "./kept.js";

const KEY = "gateway.tab";

/**
 * @typedef {import("../client/protocol.js").Encoding} Encoding
 *
 * @typedef {object} Start what a lane begins with
 * @property {number} number
 * @property {import("./form.js").Order} order what is asked for
 * @property {Encoding} encoding
 * @property {number} interval_ms
 *
 * @typedef {object} Past what else it goes on with after the page was loaded anew
 * @property {string} extraction
 * @property {number} started_at
 * @property {number | null} first_value_ms
 * @property {number | null} total_ms
 * @property {boolean} [isUnknown] the gateway did not know it
 *
 * @typedef {Start & Past & import("./meters.js").Counted} LaneRecord
 *
 * @typedef {object} Memory
 * @property {import("./form.js").Draft} draft
 * @property {LaneRecord[]} lanes
 * @property {number} [selected] the number of the lane that is looked at
 * @property {number} next the number of the next lane
 */

/** What there is; null on a first visit, and where nobody can read it. @returns {Partial<Memory> | null} */
export function recall() {
  return kept(
    () => sessionStorage,
    (store) => JSON.parse(store.getItem(KEY) ?? "null"),
  );
}

/** A browser keeps some megabytes: where that is too little, the oldest lanes are left out. @param {Memory} memory */
export function remember({ lanes, ...others }) {
  for (let from = 0; from <= lanes.length; from += 1) {
    const text = JSON.stringify({ ...others, lanes: lanes.slice(from) });
    const isKept = kept(
      () => sessionStorage,
      (store) => [store.setItem(KEY, text)],
    );
    if (isKept || from === lanes.length) return;
  }
}

export function forget() {
  kept(
    () => sessionStorage,
    (store) => store.removeItem(KEY),
  );
}

/**
 * A run that was started somewhere else, as if it had been remembered.
 *
 * @param {Omit<Start, "order"> & {extraction: string}} place
 * @returns {LaneRecord}
 */
export function recordOf(place) {
  const order = { title: "shared run", request: null, shape: null };
  return { ...place, order, started_at: Date.now(), first_value_ms: null, total_ms: null, isProven: false, bytes: {} };
}
