/** The newest state of something and who hears of the next, as React's `useSyncExternalStore` asks for it. */

/** What nobody catches is seen all the same. @param {unknown} error */
export function report(error) {
  (globalThis.reportError ?? console.error)(error);
}

/**
 * Tell everybody; who fails at it disturbs no other and no stream, and is reported as what nobody caught.
 *
 * @template {unknown[]} Told
 * @param {Iterable<(...told: Told) => void>} listeners
 * @param {Told} told
 */
export function tell(listeners, ...told) {
  for (const listener of [...listeners]) {
    try {
      listener(...told);
    } catch (error) {
      report(error);
    }
  }
}

/**
 * @template {{error: import("./errors.js").GatewayError | null, ending?: unknown}} T
 */
export class Store {
  /** @type {Set<(state: T, before: T) => void>} */
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
   * @param {(state: T, before: T) => void} listener
   * @returns {() => void} stops it
   */
  subscribe = (listener) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Tell of the next state. @param {Partial<T>} change */
  become(change) {
    const before = this.state;
    this.state = Object.freeze({ ...before, ...change });
    tell(this.#listeners, this.state, before);
  }

  /**
   * What is fresh in the newest state, again and again, until there is an ending or an error.
   *
   * @template U
   * @param {(state: T) => U[]} fresh
   */
  async *each(fresh) {
    for (;;) {
      const { error, ending } = this.state;
      const found = fresh(this.state);
      if (found.length > 0) yield* found;
      else if (error && error.code !== "closed") throw error;
      else if (error || ending) return;
      else {
        await new Promise((resolve) => {
          const stop = this.subscribe(() => resolve(stop()));
        });
      }
    }
  }
}
