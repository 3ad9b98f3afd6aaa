// @ts-check
// The nodes as tiles, in the order of the configuration, so that each stays where one has learned to look for it.

import { changes } from "./changes.js";
import { Rows, byId, element, setAttribute, setText } from "./dom.js";
import { icon, setIcon } from "./icons.js";
import { Meter } from "./meter.js";
import { age, counted, joined, moment, number, visible, whole } from "./units.js";

// From this many tiles on they leave out what healthy nodes have nothing special to say of.
const MANY = 24;

/** @typedef {import("./types.js").Node} Node */

/**
 * How a node's state is said and shown.
 * @param {Node} node
 * @param {number} workers
 * @returns {{shape: string, tone: string, text: string}}
 */
function standing(node, workers) {
  if (node.state !== "up") return STATES[node.state] ?? { shape: "question", tone: "quiet", text: visible(node.state) };
  if (node.ejected_by_workers > 0) {
    const isByAll = node.ejected_by_workers >= workers;
    const by = isByAll ? "" : ` by ${node.ejected_by_workers} of ${counted(workers, "worker")}`;
    return { shape: "warning", tone: isByAll ? "bad" : "warn", text: `Up, ejected${by}` };
  }
  if (node.throttled_to !== null)
    return { shape: "warning", tone: "warn", text: `Up, held to ${number(node.throttled_to)}/s` };
  return { shape: "check", tone: "good", text: "Up" };
}

/** @type {Record<string, {shape: string, tone: string, text: string}>} */
const STATES = {
  down: { shape: "cross", tone: "bad", text: "Down" },
  unknown: { shape: "question", tone: "quiet", text: "Not probed yet" },
  draining: { shape: "pause", tone: "warn", text: "Draining" },
  drained: { shape: "pause", tone: "quiet", text: "Drained" },
};

/** One node; the view of `Rows`. */
class Tile {
  #icon = icon("dot");
  #name = element("h4");
  #place = element("p", { class: "aside" });
  #state = element("strong");
  #since = element("span", { class: "aside" });
  #inflight = new Meter();
  #requests = element("dd");
  #median = element("dd");
  #slowest = element("dd");
  #share = element("dd");
  #reason = element("p", { class: "reason" });
  #button = element("button", { type: "button", onclick: () => this.#change() });
  root = element(
    "article",
    { class: "tile" },
    element(
      "div",
      { class: "tile-head" },
      element("span", { class: "shape" }, this.#icon),
      element("div", {}, this.#name, this.#place),
      this.#button,
    ),
    element("p", { class: "state" }, this.#state, " ", this.#since),
    element("div", { class: "inflight" }, element("span", { class: "aside" }, "in flight"), this.#inflight.root),
    element(
      "dl",
      { class: "facts" },
      element("div", {}, element("dt", {}, "requests"), this.#requests),
      element(
        "div",
        { title: "Time to the first byte, median of ten seconds" },
        element("dt", {}, "first byte"),
        this.#median,
      ),
      element(
        "div",
        { title: "Time to the first byte, 99th percentile of ten seconds" },
        element("dt", {}, "p99"),
        this.#slowest,
      ),
      element(
        "div",
        { title: "Part of its weight that the node is given for now" },
        element("dt", {}, "share"),
        this.#share,
      ),
    ),
    this.#reason,
  );
  /** @type {Node | null} */
  #node = null;

  /** @param {{node: Node, workers: number}} item */
  update({ node, workers }) {
    this.#node = node;
    const { shape, tone, text } = standing(node, workers);
    setIcon(this.#icon, shape);
    setAttribute(this.root, "data-tone", tone);
    setAttribute(this.root, "aria-label", `${visible(node.name)}: ${text}`);
    setText(this.#name, visible(node.name));
    setText(
      this.#place,
      [node.zone && `zone ${visible(node.zone)}`, node.tier > 0 && `tier ${node.tier}`].filter(Boolean).join(", "),
    );
    setText(this.#state, text);
    setText(this.#since, `for ${age(node.state_seconds)}`);
    const limit = node.limit === null ? "" : ` of ${whole(node.limit)}`;
    this.#inflight.show(whole(node.inflight), limit, node.limit === null ? null : node.inflight / node.limit);
    setText(this.#requests, `${number(node.requests_per_second)} /s`);
    setText(this.#median, joined(moment(node.first_byte.p50)));
    setText(this.#slowest, joined(moment(node.first_byte.p99)));
    setText(this.#share, `${Math.round(node.share * 100)}%`);
    setText(this.#reason, visible(node.reason));
    setAttribute(this.#reason, "title", visible(`${node.reason}\nLast probe: ${node.last_probe}`));
    const isDrained = node.state === "drained";
    setText(this.#button, isDrained ? "Undrain…" : "Drain…");
    setAttribute(this.#button, "aria-label", `${isDrained ? "Undrain" : "Drain"} ${visible(node.name)}`);
    setAttribute(this.#button, "disabled", changes.areOff);
  }

  #change() {
    if (this.#node === null) return;
    if (this.#node.state === "drained") changes.undrain(this.#node.name);
    else changes.drain(this.#node.name);
  }
}

/** The nodes of one cluster. */
class Group {
  #title = element("h3");
  #tiles = element("div", { class: "tiles" });
  #rows = new Rows(
    this.#tiles,
    (/** @type {{node: Node, workers: number}} */ { node }) => node.name,
    () => new Tile(),
  );
  root = element("div", { class: "group" }, this.#title, this.#tiles);

  /** @param {{name: string, nodes: Node[], workers: number, isAlone: boolean, isDense: boolean}} item */
  update({ name, nodes, workers, isAlone, isDense }) {
    setText(this.#title, `Cluster ${visible(name)}`);
    setAttribute(this.#title, "hidden", isAlone);
    setAttribute(this.#tiles, "data-density", isDense ? "dense" : null);
    this.#rows.show(nodes.map((node) => ({ node, workers })));
  }
}

export class Nodes {
  #groups = new Rows(
    byId("node-groups", HTMLElement),
    (/** @type {{name: string, nodes: Node[], workers: number, isAlone: boolean, isDense: boolean}} */ { name }) =>
      name,
    () => new Group(),
  );

  /** @param {import("./types.js").Frame} frame */
  show({ nodes, edge }) {
    const clusters = Map.groupBy(nodes, (node) => node.cluster);
    this.#groups.show(
      [...clusters].map(([name, members]) => ({
        name,
        nodes: members,
        workers: edge.workers,
        isAlone: clusters.size === 1,
        isDense: nodes.length > MANY,
      })),
    );
    const counts = Map.groupBy(nodes, (node) => node.state);
    setText(
      byId("nodes-summary", HTMLElement),
      [...counts].map(([state, members]) => `${members.length} ${state}`).join(", "),
    );
    const empty = byId("nodes-empty", HTMLElement);
    setText(empty, "The configuration has no nodes.");
    empty.hidden = nodes.length > 0;
  }
}
