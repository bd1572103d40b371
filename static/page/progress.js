/** How far the model is within one attempt: which places are complete, which one is being written (PROTOCOL.md §4). */

/**
 * @typedef {{active: string | null, completed: string[]}} Told what an update says of it
 * @typedef {object} Place a complete one
 * @property {string} path
 * @property {boolean} isWhole of a snapshot, which names no place inside it
 */

export class Progress {
  /** @type {string | null} */
  active = null;
  /** In the order in which it was heard. @type {Place[]} */
  completed = [];
  #known = new Set();

  /** @param {string} epoch */
  constructor(epoch) {
    this.epoch = epoch;
  }

  /** @param {Told} told @param {boolean} isWhole */
  take({ active, completed }, isWhole) {
    this.active = active;
    for (const path of completed) {
      if (this.#known.has(path)) continue;
      this.#known.add(path);
      this.completed.push({ path, isWhole });
    }
  }

  /** @param {string} path */
  isComplete(path) {
    return this.#known.has(path);
  }
}
