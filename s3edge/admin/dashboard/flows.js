// @ts-check
// The flows that run now. There may be ten thousand: s3edge sorts and filters them, and sends the first hundred.

import { Rows, byId, debounced, element, hasSelection, setAttribute, setText } from "./dom.js";
import { Meter } from "./meter.js";
import { SortableHead } from "./table.js";
import { age, byteRate, bytes, joined, visible, whole } from "./units.js";

const SHOWN = 100;
// Milliseconds after the last key before s3edge is asked with another filter.
const TYPING = 250;

/** @typedef {import("./types.js").Flow} Flow */

/** @type {import("./table.js").Column[]} */
const COLUMNS = [
  { title: "Key", sort: "key", class: "sticky" },
  { title: "Operation", width: 8.5, sort: "operation" },
  { title: "Tenant", width: 7.5, sort: "tenant" },
  { title: "Client", width: 8.5, sort: "client" },
  { title: "Node", width: 9, sort: "node" },
  { title: "State", width: 7.5, sort: "state" },
  { title: "Sent", width: 9.5, sort: "sent", isNumber: true, hint: "Bytes to the client, of what is expected" },
  {
    title: "Received",
    width: 9.5,
    sort: "received",
    isNumber: true,
    hint: "Bytes from the client, of what is expected",
  },
  { title: "Rate", width: 7, sort: "rate", isNumber: true },
  { title: "Age", width: 7, sort: "age", isNumber: true },
  {
    title: "Resumes",
    width: 6.5,
    sort: "resumes",
    isNumber: true,
    hint: "How often its body went on from another node",
  },
];

/** One flow; the view of `Rows`. */
class Row {
  #key = element("th", { scope: "row", class: "sticky" });
  #operation = element("td");
  #tenant = element("td");
  #client = element("td");
  #node = element("td");
  #state = element("span", { class: "badge" });
  #sent = new Meter(false);
  #received = new Meter(false);
  #rate = element("td", { class: "number" });
  #age = element("td", { class: "number" });
  #resumes = element("td", { class: "number" });
  root = element(
    "tr",
    {},
    this.#key,
    this.#operation,
    this.#tenant,
    this.#client,
    this.#node,
    element("td", {}, this.#state),
    element("td", { class: "number" }, this.#sent.root),
    element("td", { class: "number" }, this.#received.root),
    this.#rate,
    this.#age,
    this.#resumes,
  );

  /** @param {Flow} flow */
  update(flow) {
    name(this.#key, flow.key === "" ? flow.bucket || "(no object)" : `${flow.bucket}/${flow.key}`);
    name(this.#operation, flow.operation);
    name(this.#tenant, flow.tenant);
    name(this.#client, flow.client);
    name(this.#node, flow.node ?? "–");
    setText(this.#state, visible(flow.state));
    setAttribute(
      this.#state,
      "data-tone",
      flow.state === "waiting" ? "warn" : flow.state === "asking" ? "quiet" : "accent",
    );
    moved(this.#sent, flow.sent, flow.state === "receiving" ? null : flow.size);
    moved(this.#received, flow.received, flow.state === "receiving" ? flow.size : null);
    setText(this.#rate, flow.rate === 0 ? "–" : joined(byteRate(flow.rate)));
    setText(this.#age, age(flow.age));
    setText(this.#resumes, whole(flow.resumes));
    setAttribute(this.#resumes, "data-zero", flow.resumes === 0);
  }
}

/**
 * A name that the cell may have no room for.
 * @param {HTMLElement} cell
 * @param {string} text
 */
function name(cell, text) {
  setText(cell, visible(text));
  setAttribute(cell, "title", visible(text));
}

/**
 * @param {Meter} meter
 * @param {number} done
 * @param {number | null} size
 */
function moved(meter, done, size) {
  if (done === 0 && size === null) meter.show("–");
  else
    meter.show(
      joined(bytes(done)),
      size === null ? "" : ` of ${joined(bytes(size))}`,
      size === null || size === 0 ? null : done / size,
    );
}

export class Flows {
  #table = byId("flow-table", HTMLTableElement);
  #filter = byId("flows-filter", HTMLInputElement);
  #rows = new Rows(
    this.#table.tBodies[0],
    (/** @type {Flow} */ { id }) => id,
    () => new Row(),
  );

  /** @param {() => void} onQuery called when s3edge is to be asked for others */
  constructor(onQuery) {
    this.head = new SortableHead(this.#table, COLUMNS, "-age", onQuery);
    this.#filter.addEventListener("input", debounced(TYPING, onQuery));
  }

  /** What s3edge is asked for. */
  get query() {
    return new URLSearchParams({
      flows_sort: this.head.order,
      flows_filter: this.#filter.value.trim(),
      flows_limit: String(SHOWN),
    });
  }

  /** @param {import("./types.js").Frame} frame */
  show({ flows: { total, matching, flows } }) {
    const summary = byId("flows-summary", HTMLElement);
    if (hasSelection(this.#table)) {
      setText(summary, "held while text is selected");
      return;
    }
    this.#rows.show(flows);
    setText(summary, inWords(flows.length, matching, total));
    const empty = byId("flows-empty", HTMLElement);
    empty.hidden = flows.length > 0;
    setText(empty, total === 0 ? "No request is under way." : "No flow that runs now matches the filter.");
    this.#table.hidden = flows.length === 0;
  }
}

/**
 * @param {number} shown
 * @param {number} matching
 * @param {number} total
 */
function inWords(shown, matching, total) {
  const all = whole(total);
  if (matching === total) return shown === total ? `${all} running` : `${shown} of ${all} running`;
  const some = whole(matching);
  return shown === matching ? `${some} match, of ${all} running` : `${shown} of ${some} that match, of ${all} running`;
}
