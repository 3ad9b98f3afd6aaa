// @ts-check
// The one dialog of the page: it asks before anything is changed, and says what became of it.

import { byId, element, setText } from "./dom.js";

/**
 * @typedef {object} Field
 * @property {string} name
 * @property {string} label
 * @property {string} [type]
 * @property {string} [hint]
 * @property {string} [value]
 * @property {boolean} [required]
 * @property {boolean} [isHidden] until it is revealed; it has no value till then
 */

/**
 * Does what was asked for; gives what is wrong, or null if it is done. It may reveal a hidden field, to be tried again.
 * @callback Act
 * @param {Record<string, string>} values
 * @param {(name: string) => void} reveal
 * @returns {Promise<string | null>}
 */

/**
 * @typedef {object} Question
 * @property {string} title
 * @property {string[]} text
 * @property {Field[]} [fields]
 * @property {string} action what the button says
 * @property {"accent" | "bad"} [tone]
 * @property {Act} act
 */

const dialog = byId("dialog", HTMLDialogElement);
dialog.addEventListener("close", () => dialog.replaceChildren());

export const isAsking = () => dialog.open;

/**
 * Ask, and act if the answer is yes; the dialog stays until that worked or is called off.
 * @param {Question} question
 */
export function ask({ title, text, fields = [], action, tone = "accent", act }) {
  if (dialog.open) return;
  const fault = element("p", { class: "fault", role: "alert" });
  const inputs = fields.map((field) => input(field));
  const confirm = element("button", { type: "submit", class: "primary", "data-tone": tone }, action);
  const form = element(
    "form",
    {
      onsubmit: async (event) => {
        event.preventDefault();
        confirm.disabled = true;
        setText(fault, "");
        const asked = inputs.filter(({ box }) => !box.disabled);
        const values = Object.fromEntries(asked.map(({ name, box }) => [name, box.value.trim()]));
        const wrong = await act(values, (name) => inputs.find((field) => field.name === name)?.reveal());
        // It may have been called off meanwhile, and another question asked.
        if (!form.isConnected) return;
        confirm.disabled = false;
        if (wrong === null) dialog.close();
        else setText(fault, wrong);
      },
    },
    element("h2", { id: "dialog-title" }, title),
    ...text.map((part) => element("p", {}, part)),
    ...inputs.map(({ root }) => root),
    fault,
    element(
      "div",
      { class: "buttons" },
      element("button", { type: "button", onclick: () => dialog.close() }, "Cancel"),
      confirm,
    ),
  );
  show(form);
}

/**
 * Tell something that needs no answer.
 * @param {string} title
 * @param {Node[]} content
 */
export function tell(title, content) {
  if (dialog.open) return;
  const close = element("button", { type: "button", class: "primary", onclick: () => dialog.close() }, "Close");
  show(
    element(
      "div",
      {},
      element("h2", { id: "dialog-title" }, title),
      ...content,
      element("div", { class: "buttons" }, close),
    ),
  );
}

/** @param {HTMLElement} content */
function show(content) {
  dialog.replaceChildren(content);
  dialog.showModal();
}

/** @param {Field} field */
function input({ name, label, type = "text", hint = "", value = "", required = false, isHidden = false }) {
  const properties = { type, value, required, disabled: isHidden, autocomplete: "off", spellcheck: "false" };
  const box = element("input", properties);
  const described = hint === "" ? [] : [element("span", { class: "aside" }, hint)];
  const root = element("label", { class: "field", hidden: isHidden }, label, box, ...described);
  const reveal = () => {
    root.hidden = box.disabled = false;
    box.focus();
  };
  return { name, box, root, reveal };
}

/**
 * A short word on what was done, where no dialog is open any more.
 * @param {string} text
 */
export function toast(text) {
  const place = byId("toast", HTMLElement);
  place.replaceChildren(text);
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => place.replaceChildren(), 6000);
}
let toastTimer = 0;
