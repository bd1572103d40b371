/** Keeps what is being written in sight, until somebody scrolls away from it. */

const MARGIN_PX = 16;

/**
 * @param {HTMLElement} panel what scrolls
 * @returns {{begin: () => void, follow: (leaf: Element | null) => void}}
 */
export function follower(panel) {
  let mine = 0;
  return {
    begin: () => {
      mine = panel.scrollTop = 0;
    },
    follow: (leaf) => {
      if (!leaf || panel.scrollTop !== mine || panel.scrollHeight <= panel.clientHeight) return;
      const below = leaf.getBoundingClientRect().bottom + MARGIN_PX - panel.getBoundingClientRect().bottom;
      if (below <= 0) return;
      panel.scrollTop += below;
      mine = panel.scrollTop;
    },
  };
}
