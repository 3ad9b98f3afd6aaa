// @ts-check
// Before the first paint, so that a page that shall be dark is never light: hence no module, which would run after it.
(() => {
  "use strict";
  const KEY = "s3edge.theme";
  const root = document.documentElement;
  const known = (/** @type {string | null} */ theme) => (theme === "light" || theme === "dark" ? theme : "auto");

  const show = (/** @type {string} */ theme) => {
    root.dataset.theme = theme;
    document.dispatchEvent(new Event("themechange"));
  };
  show(known(localStorage.getItem(KEY)));

  document.addEventListener("DOMContentLoaded", () => {
    const choice = /** @type {HTMLSelectElement} */ (document.getElementById("theme"));
    choice.value = known(localStorage.getItem(KEY));
    choice.addEventListener("change", () => {
      localStorage.setItem(KEY, choice.value);
      show(choice.value);
    });
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show(root.dataset.theme ?? "auto"));
})();
