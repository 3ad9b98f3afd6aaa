// @ts-check
// Heads of tables that sort, and cells.

import { element, setAttribute } from "./dom.js";

/**
 * @typedef {object} Column
 * @property {string} title
 * @property {string} [sort] what this column sorts by
 * @property {boolean} [isNumber] aligned to the right, and first sorted from the most down
 * @property {string} [hint]
 * @property {number} [width] in rem; what is left goes to the one column without
 * @property {string} [class]
 */

// Rem that the column without a width has at least; a table in a narrower place scrolls there.
const LEAST_WIDTH = 12;

/** The head of a table. Its buttons choose the order: a column's `sort`, with `-` before it from the most down. */
export class SortableHead {
  /** @type {Map<string, HTMLTableCellElement>} */
  #cells = new Map();

  /**
   * @param {HTMLTableElement} table
   * @param {Column[]} columns
   * @param {string} order
   * @param {() => void} onChange
   */
  constructor(table, columns, order, onChange) {
    this.order = order;
    this.onChange = onChange;
    table.tHead?.append(element("tr", {}, ...columns.map((column) => this.#cell(column))));
    const width = columns.reduce((sum, column) => sum + (column.width ?? LEAST_WIDTH), 0);
    table.style.minWidth = `${width}rem`;
    this.#show();
  }

  /** @param {Column} column */
  #cell({ title, sort, isNumber = false, hint, width, class: kind = "" }) {
    const names = `${isNumber ? "number" : ""} ${kind}`.trim();
    const cell = element("th", { scope: "col", class: names || null, title: hint ?? null });
    if (width !== undefined) cell.style.width = `${width}rem`;
    if (sort === undefined) {
      cell.append(title);
      return cell;
    }
    this.#cells.set(sort, cell);
    const choose = () => {
      const first = isNumber ? `-${sort}` : sort;
      const second = isNumber ? sort : `-${sort}`;
      this.order = this.order === first ? second : first;
      this.#show();
      this.onChange();
    };
    cell.append(element("button", { type: "button", class: "sort", onclick: choose }, title));
    return cell;
  }

  #show() {
    for (const [sort, cell] of this.#cells) {
      const direction = this.order === sort ? "ascending" : this.order === `-${sort}` ? "descending" : null;
      setAttribute(cell, "aria-sort", direction);
    }
  }
}

/**
 * Orders items in the page itself.
 * @template Item
 * @param {Item[]} items
 * @param {string} order
 * @param {(item: Item, name: string) => string | number} valueOf
 */
export function ordered(items, order, valueOf) {
  const sign = order.startsWith("-") ? -1 : 1;
  const name = order.replace(/^-/, "");
  const compare = (/** @type {string | number} */ one, /** @type {string | number} */ other) =>
    typeof one === "string" ? one.localeCompare(String(other), "en", { numeric: true }) : one - Number(other);
  return items.toSorted((one, other) => sign * compare(valueOf(one, name), valueOf(other, name)));
}
