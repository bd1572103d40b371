/** Tabs as the ARIA pattern has them: one is in the tab order; the arrows, Home and End move between them. */

/**
 * @param {HTMLElement[]} tabs
 * @param {(index: number) => void} onSelect
 * @returns {(index: number) => void} selects one
 */
export function tabs(tabs, onSelect) {
  /** @param {number} index */
  const select = (index) => {
    tabs.forEach((tab, at) => {
      tab.setAttribute("aria-selected", String(at === index));
      tab.tabIndex = at === index ? 0 : -1;
    });
    onSelect(index);
  };
  tabs.forEach((tab, at) => {
    tab.addEventListener("click", () => select(at));
    tab.addEventListener("keydown", (event) => {
      const last = tabs.length - 1;
      const next = { ArrowRight: at < last ? at + 1 : 0, ArrowLeft: at > 0 ? at - 1 : last, Home: 0, End: last }[event.key];
      if (next === undefined) return;
      event.preventDefault();
      select(next);
      tabs[next]?.focus();
    });
  });
  return select;
}
