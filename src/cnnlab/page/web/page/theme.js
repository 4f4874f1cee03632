// Light and dark: as the system has it, until somebody chooses.

import { remember, remembered, t } from "./words.js";

const system = matchMedia("(prefers-color-scheme: dark)");
const root = document.documentElement;
const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);

/** Take up an earlier choice; before the words are there, so that the page does not flash. */
export function startTheme() {
  const kept = remembered("theme");
  if (kept === "light" || kept === "dark") root.dataset.theme = kept;
}

/** Let the button change the theme, and say to which. */
export function listenForTheme() {
  const button = document.getElementById("theme");
  const write = () => {
    button.dataset.words = isDark() ? "page.light" : "page.dark";
    button.textContent = t(button.dataset.words);
  };
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remember("theme", root.dataset.theme);
    write();
  });
  system.addEventListener("change", write);
  write();
}
