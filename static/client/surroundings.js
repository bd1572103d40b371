/** What happens around a session: the network goes or comes, the page is hidden or seen. Without a page, nothing. */

/**
 * @param {() => void} onDoubt the line may not be what it was
 * @param {(isHidden: boolean) => void} onHide told at once where the page is hidden already
 * @returns {() => void} stops it
 */
export function surroundings(onDoubt, onHide) {
  const stopping = new AbortController();
  const { signal } = stopping;
  const { document } = globalThis;
  const look = () => {
    const { hidden } = document;
    onHide(hidden);
    if (!hidden) onDoubt();
  };
  for (const name of ["online", "offline"]) globalThis.addEventListener?.(name, onDoubt, { signal });
  document?.addEventListener("visibilitychange", look, { signal });
  if (document?.hidden) onHide(true);
  return () => stopping.abort();
}
