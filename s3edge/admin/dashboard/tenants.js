// @ts-check
// Who uses the storage: each tenant's use against its limits, and who is held.

import { changes } from "./changes.js";
import { tell } from "./dialog.js";
import { Rows, byId, element, setAttribute, setText } from "./dom.js";
import { icon, setIcon } from "./icons.js";
import { Meter } from "./meter.js";
import { SortableHead, ordered } from "./table.js";
import { age, byteRate, counted, joined, load, number, rate, visible, whole } from "./units.js";

/** @typedef {import("./types.js").Tenant} Tenant */
/** @typedef {import("./types.js").Limits} Limits */
/** @typedef {import("./types.js").Guarded} Guarded */
/** @typedef {import("./types.js").Source} Source */

/** @type {import("./table.js").Column[]} */
const COLUMNS = [
  { title: "Tenant", sort: "name", class: "sticky" },
  {
    title: "Requests",
    width: 9.5,
    sort: "requests_per_second",
    isNumber: true,
    hint: "Requests per second, and the limit if one policy says it",
  },
  { title: "Sent", width: 12.5, sort: "sent_per_second", isNumber: true, hint: "Bytes to clients per second" },
  { title: "Received", width: 9.5, sort: "received_per_second", isNumber: true, hint: "Bytes from clients per second" },
  { title: "In flight", width: 8.5, sort: "inflight", isNumber: true },
  { title: "Waiting", width: 6, sort: "waiting", isNumber: true, hint: "Requests that wait for room under limits now" },
  {
    title: "Stall",
    width: 6,
    sort: "stalled",
    isNumber: true,
    hint: "Seconds per second that its requests waited for bytes: 2 s/s is two requests that stand still",
  },
  {
    title: "Shed",
    width: 5.5,
    sort: "shed_per_second",
    isNumber: true,
    hint: "Requests per second that were told SlowDown",
  },
  {
    title: "Failed",
    width: 5.5,
    sort: "failed_per_second",
    isNumber: true,
    hint: "Requests per second that failed or were cut",
  },
  { title: "Guard", width: 11 },
  { title: "", width: 12, class: "actions" },
];

/** @type {Record<string, {shape: string, tone: string}>} */
const GUARD = {
  normal: { shape: "check", tone: "quiet" },
  observed: { shape: "warning", tone: "warn" },
  throttled: { shape: "warning", tone: "bad" },
  pinned: { shape: "pin", tone: "warn" },
};

/**
 * A limit that exactly one policy says. Of several, which one holds is up to each request, and no bar can show that.
 * @param {Tenant} tenant
 * @param {(limits: Limits) => number | undefined} of
 */
function onlyLimit({ limits }, of) {
  const found = limits.map((entry) => of(entry.limits)).filter((limit) => limit !== undefined);
  return found.length === 1 ? found[0] : null;
}

/** @param {Guarded | null} guard */
const isHeld = (guard) => guard !== null && (guard.state === "throttled" || guard.state === "pinned");

/** What the guard does about a source: a shape and words. */
class GuardState {
  #icon = icon("check");
  #text = element("span");
  root = element("span", { class: "badge" }, this.#icon, this.#text);

  /**
   * @param {string} state
   * @param {number | null} held requests per second
   */
  show(state, held) {
    const { shape, tone } = GUARD[state] ?? { shape: "question", tone: "quiet" };
    setIcon(this.#icon, shape);
    setAttribute(this.root, "data-tone", tone);
    const to = held !== null ? ` to ${number(held)}/s` : state === "pinned" ? " to no limit" : "";
    setText(this.#text, visible(state) + to);
  }
}

/** One tenant; the view of `Rows`. */
class Row {
  #name = element("button", { type: "button", class: "link", onclick: () => this.#explain() });
  #requests = new Meter();
  #sent = new Meter();
  #received = new Meter();
  #inflight = new Meter();
  #waiting = element("td", { class: "number" });
  #stalled = element("td", { class: "number" });
  #shed = element("td", { class: "number" });
  #failed = element("td", { class: "number" });
  #guard = new GuardState();
  #pin = element(
    "button",
    { type: "button", onclick: () => this.#tenant && changes.pin("tenants", this.#tenant.name) },
    "Pin…",
  );
  #release = element(
    "button",
    { type: "button", onclick: () => this.#tenant && changes.release("tenants", this.#tenant.name) },
    "Release…",
  );
  root = element(
    "tr",
    {},
    element("th", { scope: "row", class: "sticky" }, this.#name),
    ...[this.#requests, this.#sent, this.#received, this.#inflight].map((meter) =>
      element("td", { class: "number" }, meter.root),
    ),
    this.#waiting,
    this.#stalled,
    this.#shed,
    this.#failed,
    element("td", {}, this.#guard.root),
    element("td", { class: "actions" }, this.#pin, this.#release),
  );
  /** @type {Tenant | null} */
  #tenant = null;

  /** @param {Tenant} tenant */
  update(tenant) {
    this.#tenant = tenant;
    setText(this.#name, visible(tenant.name));
    setAttribute(this.#name, "title", visible(tenant.name));
    const guard = tenant.guard;
    const held = guard !== null && isHeld(guard) ? guard : null;
    const requests = held?.requests_per_second ?? onlyLimit(tenant, (limits) => limits.requests?.all);
    const sent = held?.sent_per_second ?? onlyLimit(tenant, (limits) => limits.bandwidth?.sent);
    meter(this.#requests, tenant.requests_per_second, requests, (value) => joined(rate(value)));
    meter(this.#sent, tenant.sent_per_second, sent, (value) => joined(byteRate(value)));
    meter(
      this.#received,
      tenant.received_per_second,
      onlyLimit(tenant, (limits) => limits.bandwidth?.received),
      (value) => joined(byteRate(value)),
    );
    meter(
      this.#inflight,
      tenant.inflight,
      onlyLimit(tenant, (limits) => limits.concurrency),
      (value) => whole(value),
    );
    amount(this.#waiting, tenant.waiting, whole(tenant.waiting));
    amount(this.#stalled, tenant.stalled, joined(load(tenant.stalled)));
    amount(this.#shed, tenant.shed_per_second, joined(rate(tenant.shed_per_second)));
    amount(this.#failed, tenant.failed_per_second, joined(rate(tenant.failed_per_second)));
    this.#guard.show(guard?.state ?? "not watched", held?.requests_per_second ?? null);
    setAttribute(this.#guard.root, "title", guard === null ? "No guard watches this tenant" : visible(guard.reason));
    setAttribute(this.#pin, "disabled", changes.areOff);
    setAttribute(this.#release, "disabled", changes.areOff);
    setAttribute(this.#release, "hidden", guard === null || guard.state === "normal");
    setAttribute(this.#pin, "aria-label", `Pin tenant ${visible(tenant.name)}`);
    setAttribute(this.#release, "aria-label", `Release tenant ${visible(tenant.name)}`);
  }

  #explain() {
    if (this.#tenant === null) return;
    const { name, guard, limits } = this.#tenant;
    const said =
      guard === null
        ? "No guard watches it."
        : `Guard: ${guard.state} for ${age(guard.state_seconds)}. ${visible(guard.reason)}`;
    const lines = limits.map((entry) =>
      element("li", {}, element("strong", {}, visible(entry.policy)), `: ${limitsInWords(entry.limits)}`),
    );
    tell(`Tenant ${visible(name)}`, [
      element("p", {}, said),
      element("p", {}, limits.length === 0 ? "No policy limits it." : "Limits, by the policy that says them:"),
      element("ul", {}, ...lines),
    ]);
  }
}

/**
 * @param {Meter} shown
 * @param {number} use
 * @param {number | null} limit
 * @param {(value: number) => string} inWords
 */
function meter(shown, use, limit, inWords) {
  shown.show(inWords(use), limit === null ? "" : ` of ${inWords(limit)}`, limit === null ? null : use / limit);
}

/**
 * A count that is good news while it is nothing.
 * @param {HTMLElement} cell
 * @param {number} value
 * @param {string} text
 */
function amount(cell, value, text) {
  setText(cell, text);
  setAttribute(cell, "data-zero", value === 0);
}

/** @param {Limits} limits */
function limitsInWords(limits) {
  const words = [
    ...Object.entries(limits.requests ?? {}).map(
      ([kind, limit]) => `${kind === "all" ? "" : `${kind} `}requests ${joined(rate(limit))}`,
    ),
    ...Object.entries(limits.bandwidth ?? {}).map(([kind, limit]) => `${kind} ${joined(byteRate(limit))}`),
  ];
  if (limits.concurrency !== undefined) words.push(`${whole(limits.concurrency)} in flight`);
  if (limits.connections !== undefined) words.push(`${whole(limits.connections)} connections`);
  return words.join(", ") || "see /api/v1/tenants";
}

/** A client address that is held. */
class SourceRow {
  #name = element("strong");
  #guard = new GuardState();
  #button = element(
    "button",
    { type: "button", onclick: () => this.#source && changes.release("clients", this.#source.name) },
    "Release…",
  );
  root = element("li", {}, this.#name, this.#guard.root, this.#button);
  /** @type {Source | null} */
  #source = null;

  /** @param {Source} source */
  update(source) {
    this.#source = source;
    setText(this.#name, visible(source.name));
    this.#guard.show(source.state, source.rate);
    setAttribute(this.#button, "disabled", changes.areOff);
    setAttribute(this.#button, "aria-label", `Release client ${visible(source.name)}`);
  }
}

export class Tenants {
  #table = byId("tenant-table", HTMLTableElement);
  #head = new SortableHead(this.#table, COLUMNS, "name", () => this.#show());
  #rows = new Rows(
    this.#table.tBodies[0],
    (/** @type {Tenant} */ { name }) => name,
    () => new Row(),
  );
  #sources = new Rows(
    byId("sources", HTMLElement),
    (/** @type {Source} */ { name }) => name,
    () => new SourceRow(),
  );
  #pinClient = byId("pin-client", HTMLButtonElement);
  /** @type {Tenant[]} */
  #tenants = [];

  constructor() {
    this.#pinClient.addEventListener("click", () => changes.pin("clients", null));
  }

  /** @param {import("./types.js").Frame} frame */
  show({ tenants, tenants_total: total, sources }) {
    this.#tenants = tenants;
    this.#show();
    const isPart = tenants.length < total;
    setText(
      byId("tenants-summary", HTMLElement),
      isPart ? `the ${tenants.length} busiest of ${whole(total)}` : counted(total, "tenant"),
    );
    const empty = byId("tenants-empty", HTMLElement);
    setText(empty, "No tenant is configured, and none was seen.");
    empty.hidden = tenants.length > 0;
    this.#table.hidden = tenants.length === 0;
    this.#sources.show(sources);
    byId("sources-title", HTMLElement).hidden = sources.length === 0;
    this.#pinClient.disabled = changes.areOff;
  }

  #show() {
    this.#rows.show(ordered(this.#tenants, this.#head.order, (tenant, name) => /** @type {any} */ (tenant)[name]));
  }
}
