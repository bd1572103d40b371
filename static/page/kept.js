/** What the browser keeps; one that keeps nothing loses it with the page. */

/**
 * Use a store that a browser may refuse to give, or that may hold what nobody can read.
 *
 * @template Store, Result
 * @param {() => Store} store
 * @param {(store: Store) => Result} use
 * @returns {Result | null}
 */
export function kept(store, use) {
  try {
    return use(store());
  } catch {
    return null;
  }
}
