// @ts-check
// Elements, and how they are kept up to date. Text goes in as text nodes only; nothing here takes HTML.

/** @typedef {Record<string, string | number | boolean | null | ((event: Event) => void)>} Attributes */

/**
 * An element. `onclick` and the like take functions; other attributes are left out where they are false or null.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} attributes
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else setAttribute(made, name, value);
  }
  made.append(...children);
  return made;
}

/**
 * The element of the page with this id.
 * @template {HTMLElement} Kind
 * @param {string} id
 * @param {new () => Kind} kind
 * @returns {Kind}
 */
export function byId(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${kind.name} with the id ${id}`);
  return found;
}

/**
 * Writing what is there already would still end a selection and wake screen readers.
 * @param {Element} target
 * @param {string} text
 */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/**
 * @param {Element} target
 * @param {string} name
 * @param {string | number | boolean | null} value
 */
export function setAttribute(target, name, value) {
  if (value === null || value === false) target.removeAttribute(name);
  else if (target.getAttribute(name) !== String(value === true ? "" : value)) {
    target.setAttribute(name, String(value === true ? "" : value));
  }
}

/**
 * What shows one item; `update` shows another state of it.
 * @template Item
 * @typedef {{root: HTMLElement, update: (item: Item) => void}} View
 */

/**
 * The children of one element, one view for each item. A view stays with the key of its item, and one that stands in
 * its place already is not touched: selection, focus and scroll position survive.
 * @template Item
 */
export class Rows {
  /**
   * @param {HTMLElement} parent
   * @param {(item: Item) => string} keyOf
   * @param {(item: Item) => View<Item>} make
   */
  constructor(parent, keyOf, make) {
    this.parent = parent;
    this.keyOf = keyOf;
    this.make = make;
    /** @type {Map<string, View<Item>>} */
    this.views = new Map();
  }

  /** @param {Item[]} items */
  show(items) {
    const keys = new Set(items.map(this.keyOf));
    for (const [key, view] of this.views) {
      if (!keys.has(key)) {
        view.root.remove();
        this.views.delete(key);
      }
    }
    let place = this.parent.firstElementChild;
    for (const item of items) {
      const view = this.#view(item);
      view.update(item);
      if (view.root === place) {
        place = place.nextElementSibling;
      } else if (place !== null && view.root === place.nextElementSibling) {
        // What stood before it goes down: one move instead of one for each that comes up.
        const sinking = place;
        place = view.root.nextElementSibling;
        this.parent.append(sinking);
        place ??= sinking;
      } else {
        this.parent.insertBefore(view.root, place);
      }
    }
  }

  /** @param {Item} item */
  #view(item) {
    const key = this.keyOf(item);
    let view = this.views.get(key);
    if (view === undefined) {
      view = this.make(item);
      this.views.set(key, view);
    }
    return view;
  }
}

/** @type {Node | null} where text is selected; asking for it in the middle of changes would lay out the page anew */
let selected = null;
document.addEventListener("selectionchange", () => {
  const selection = getSelection();
  selected = selection === null || selection.isCollapsed ? null : selection.anchorNode;
});

/**
 * Whether text in this element is selected, so that changing it would take it from under the reader's hand.
 * @param {Element} target
 */
export const hasSelection = (target) => selected !== null && target.contains(selected);

/**
 * `run`, once nobody has called for this many milliseconds.
 * @param {number} milliseconds
 * @param {() => void} run
 */
export function debounced(milliseconds, run) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(run, milliseconds);
  };
}
