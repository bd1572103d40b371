/** How far the model is, gathered from all updates of a watch: one names only what it completed (PROTOCOL.md §4). */

/**
 * @typedef {import("./replica.js").ReplicaState} ReplicaState
 *
 * @typedef {object} Progress without `progress: true` nothing is known before the end
 * @property {string | null} active the pointer of the innermost place that is being written
 * @property {(pointer: string) => boolean} isComplete whether a place is, by itself or inside another one
 *
 * @typedef {{progress: Progress, places: ReadonlySet<string>}} Gathered places: complete ones, in no other complete one
 */

/** @type {ReadonlySet<string>} */
const NONE = new Set();
const EVERYTHING = new Set([""]);

/** Before anything is known. */
export const UNKNOWN = known(NONE, null);

/**
 * @param {Gathered} gathered up to the last state
 * @param {ReplicaState} next
 * @param {ReplicaState} last
 * @returns {Gathered}
 */
export function gather(gathered, { epoch, status, progress, error }, last) {
  if (status === "completed") return known(EVERYTHING, null);
  if (epoch !== last.epoch) gathered = UNKNOWN;
  if (error) return known(gathered.places, null);
  if (!progress || progress === last.progress) return gathered;
  return known(joined(gathered.places, progress.completed), progress.active);
}

/** @param {ReadonlySet<string>} places @param {string[]} completed */
function joined(places, completed) {
  if (completed.length === 0) return places; // as most updates are
  const fresh = new Set(completed);
  const all = [...places, ...fresh];
  return new Set(all.filter((place) => place === "" || !isWithin(fresh, parent(place))));
}

/** @param {ReadonlySet<string>} places @param {string | null} active @returns {Gathered} */
function known(places, active) {
  return { places, progress: { active, isComplete: (pointer) => isWithin(places, pointer) } };
}

/** @param {ReadonlySet<string>} places @param {string} pointer */
function isWithin(places, pointer) {
  for (let place = pointer; place; place = parent(place)) if (places.has(place)) return true;
  return places.has("");
}

/** @param {string} place */
function parent(place) {
  return place.slice(0, Math.max(0, place.lastIndexOf("/")));
}
