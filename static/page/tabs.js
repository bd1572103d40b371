/** Tabs as the ARIA pattern has them: one is in the tab order, the arrows move between them. */

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
      const step = { ArrowRight: 1, ArrowLeft: tabs.length - 1 }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      const next = (at + step) % tabs.length;
      select(next);
      tabs[next]?.focus();
    });
  });
  return select;
}
