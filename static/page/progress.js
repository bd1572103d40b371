/** How far the model is within one attempt: which places are complete, which one is being written (PROTOCOL.md §4). */

/**
 * @typedef {{active: string | null, completed: string[], absent?: string[]}} Told what an update says of it
 * @typedef {object} Place one of which there is something to say
 * @property {string} path
 * @property {string[]} marks complete; whole: of a snapshot, which names no place inside it; absent: left out
 */

export class Progress {
  /** @type {string | null} */
  active = null;
  /** In the order in which it was heard. @type {Place[]} */
  places = [];
  #known = new Set();

  /** @param {string} epoch */
  constructor(epoch) {
    this.epoch = epoch;
  }

  /** @param {Told} told @param {boolean} isWhole */
  take({ active, completed, absent = [] }, isWhole) {
    this.active = active;
    for (const path of completed) this.#mark(path, isWhole ? ["is-complete", "is-whole"] : ["is-complete"]);
    for (const path of absent) this.#mark(path, ["is-absent"]);
  }

  /** @param {string} path @param {string[]} marks */
  #mark(path, marks) {
    if (this.#known.has(path)) return;
    this.#known.add(path);
    this.places.push({ path, marks });
  }

  /** @param {string} path */
  isComplete(path) {
    return this.#known.has(path);
  }
}
