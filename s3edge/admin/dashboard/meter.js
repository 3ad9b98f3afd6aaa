// @ts-check
// A number against its limit: words, and a bar for the eye.

import { element, setAttribute, setText } from "./dom.js";

// The part of a limit from which it soon hurts.
const CLOSE = 0.85;

export class Meter {
  #value = element("span", { class: "value" });
  #limit = element("span", { class: "limit" });
  #bar = element("span", { class: "bar-of-meter", "aria-hidden": "true", hidden: true }, element("span"));
  root = element("span", { class: "meter" }, this.#value, this.#limit, this.#bar);

  /** @param {boolean} isLimit whether it is bad to come close to what the number is measured by */
  constructor(isLimit = true) {
    this.isLimit = isLimit;
  }

  /**
   * @param {string} text
   * @param {string} limitText
   * @param {number | null} part of the limit; null: there is none
   */
  show(text, limitText = "", part = null) {
    setText(this.#value, text);
    setText(this.#limit, limitText);
    setAttribute(this.#bar, "hidden", part === null);
    if (part === null) return;
    const filled = Math.min(1, Math.max(0, part));
    /** @type {HTMLElement} */ (this.#bar.firstElementChild).style.width = `${(filled * 100).toFixed(1)}%`;
    setAttribute(this.#bar, "data-tone", !this.isLimit || filled < CLOSE ? "accent" : filled < 1 ? "warn" : "bad");
  }
}
