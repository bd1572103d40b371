/** Light and dark: as the system says, or as chosen here. */

const CHOICES = /** @type {const} */ (["system", "light", "dark"]);
const KEY = "gateway.theme";

/** @param {HTMLButtonElement} button */
export function theme(button) {
  let at = Math.max(
    0,
    CHOICES.findIndex((choice) => choice === remembered()),
  );
  const show = () => {
    const choice = CHOICES[at] ?? "system";
    document.documentElement.dataset.theme = choice;
    button.textContent = { system: "◐", light: "☼", dark: "☾" }[choice];
    button.setAttribute("aria-label", `Colours: ${choice === "system" ? "as the system" : choice}`);
    button.title = button.getAttribute("aria-label") ?? "";
    return choice;
  };
  button.addEventListener("click", () => {
    at = (at + 1) % CHOICES.length;
    remember(show());
  });
  show();
}

function remembered() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/** @param {string} choice */
function remember(choice) {
  try {
    localStorage.setItem(KEY, choice);
  } catch {
    // A browser that keeps nothing: the choice lasts as long as the page.
  }
}
