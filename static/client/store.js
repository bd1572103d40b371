/** The newest of something and who hears of the next, as React's `useSyncExternalStore` asks for it. */

/** @template T */
export class Store {
  /** @type {Set<(state: T) => void>} */
  #listeners = new Set();

  /** @param {T} state */
  constructor(state) {
    this.state = state;
  }

  /** The newest one; the same object until something changes. */
  getSnapshot = () => this.state;

  /**
   * Hear of every change.
   *
   * @param {(state: T) => void} listener
   * @returns {() => void} stops it
   */
  subscribe = (listener) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Wait for the next change. @returns {Promise<T>} */
  changed() {
    return new Promise((resolve) => {
      const stop = this.subscribe((state) => {
        stop();
        resolve(state);
      });
    });
  }

  /** @param {T} state */
  tell(state) {
    this.state = state;
    for (const listener of [...this.#listeners]) listener(state);
  }
}
