/** Light and dark: as the system says, or the other way; so every click changes what is seen. */

import { kept } from "./kept.js";

const KEY = "gateway.theme";
const SIGNS = { system: "◐", light: "☼", dark: "☾" };

/** @typedef {keyof typeof SIGNS} Choice */

/** @param {HTMLButtonElement} button */
export function theme(button) {
  const isDark = matchMedia("(prefers-color-scheme: dark)");
  /** @param {Choice} choice */
  const show = (choice) => {
    document.documentElement.dataset.theme = choice;
    button.textContent = SIGNS[choice];
    button.title = `Colours: ${choice === "system" ? "as the system" : choice}`;
    button.setAttribute("aria-label", button.title);
  };
  button.addEventListener("click", () => {
    const system = isDark.matches ? "dark" : "light";
    const { theme: shown } = document.documentElement.dataset;
    const other = (shown === "system" ? system : shown) === "dark" ? "light" : "dark";
    const choice = other === system ? "system" : other;
    show(choice);
    kept(
      () => localStorage,
      (store) => store.setItem(KEY, choice),
    );
  });
  const before = kept(
    () => localStorage,
    (store) => store.getItem(KEY),
  );
  show(before === "light" || before === "dark" ? before : "system");
}
