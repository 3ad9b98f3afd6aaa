// @ts-check
// What s3edge decided, newest first, in its own words.

import { Rows, byId, debounced, element, hasSelection, setAttribute, setText } from "./dom.js";
import { icon, setIcon } from "./icons.js";
import { clock, visible, whole } from "./units.js";

const KEPT = 500;
// Milliseconds within which decisions of one kind about one node are one line: a node's death makes hundreds.
const BURST = 3000;
// Milliseconds. A burst of decisions is one change of the page.
const GATHER = 200;
// Milliseconds between two sentences that a screen reader is given to say.
const QUIET = 5000;

/** @typedef {import("./types.js").Decision} Decision */
/** @typedef {{topic: string, label: string, shape: string, tone: string}} Kind */

/** @type {Record<string, Kind>} */
const KINDS = {
  NodeEjected: { topic: "node", label: "Ejected", shape: "down", tone: "bad" },
  NodeProbed: { topic: "node", label: "Tried", shape: "question", tone: "quiet" },
  NodeReturned: { topic: "node", label: "Returned", shape: "up", tone: "good" },
  NodeThrottled: { topic: "node", label: "Throttled", shape: "warning", tone: "warn" },
  NodeUnthrottled: { topic: "node", label: "Unthrottled", shape: "check", tone: "good" },
  NodeTurned: { topic: "node", label: "Turned", shape: "dot", tone: "accent" },
  SourceThrottled: { topic: "source", label: "Held", shape: "pin", tone: "warn" },
  SourceReleased: { topic: "source", label: "Released", shape: "check", tone: "good" },
  SourceObserved: { topic: "source", label: "Observed", shape: "warning", tone: "warn" },
  AttemptFailed: { topic: "request", label: "Failed", shape: "cross", tone: "warn" },
  Retried: { topic: "request", label: "Retried", shape: "more", tone: "accent" },
  Hedged: { topic: "request", label: "Hedged", shape: "more", tone: "accent" },
  HedgeWon: { topic: "request", label: "Hedge won", shape: "check", tone: "good" },
  BodyBroken: { topic: "request", label: "Broken", shape: "cross", tone: "warn" },
  BodyResumed: { topic: "request", label: "Resumed", shape: "more", tone: "good" },
  BodyCut: { topic: "request", label: "Cut", shape: "cross", tone: "bad" },
  RequestShed: { topic: "request", label: "Shed", shape: "cross", tone: "warn" },
  EventsLeftOut: { topic: "", label: "Left out", shape: "dot", tone: "quiet" },
};

/**
 * How a decision is shown. A turn of a node looks like the state that it turned to, which its text names.
 * @param {Decision} decision
 * @returns {Kind}
 */
function kindOf({ event, text, node }) {
  const kind = KINDS[event] ?? { topic: "", label: visible(event), shape: "dot", tone: "quiet" };
  if (event !== "NodeTurned") return kind;
  if (text.startsWith(`${node} is down:`)) return { ...kind, label: "Down", shape: "down", tone: "bad" };
  if (text.startsWith(`${node} is up:`)) return { ...kind, label: "Up", shape: "up", tone: "good" };
  return kind;
}

/**
 * Whether a decision took a node away (down) or gave it back (up); null: neither.
 * @param {Decision} decision
 */
export function turnOf(decision) {
  const { topic, shape } = kindOf(decision);
  return topic === "node" && (shape === "down" || shape === "up") ? shape : null;
}

/**
 * Decisions that are one line: `last` is the newest of `count`, `first` the sequence number of the oldest.
 * @typedef {{first: string, last: Decision, count: number}} Line
 */

/**
 * @param {Decision[]} decisions oldest first
 * @returns {Line[]} newest first
 */
function linesOf(decisions) {
  /** @type {Line[]} */
  const lines = [];
  for (const decision of decisions) {
    const before = lines.at(-1);
    const isMore =
      before !== undefined &&
      before.last.event === decision.event &&
      before.last.node === decision.node &&
      Date.parse(decision.time) - Date.parse(before.last.time) < BURST;
    if (isMore) {
      before.last = decision;
      before.count += 1;
    } else {
      lines.push({ first: `${decision.time} ${decision.sequence}`, last: decision, count: 1 });
    }
  }
  return lines.reverse();
}

/** One line; the view of `Rows`. */
class Entry {
  #time = element("time");
  #icon = icon("dot");
  #label = element("span");
  #count = element("span", { class: "count" });
  #text = element("p");
  #subject = element("p", { class: "subject" });
  root = element(
    "li",
    {},
    element(
      "div",
      { class: "entry-head" },
      element("span", { class: "badge" }, this.#icon, this.#label),
      this.#count,
      this.#time,
    ),
    this.#text,
    this.#subject,
  );

  /** @param {Line} line */
  update({ last, count }) {
    const { label, shape, tone } = kindOf(last);
    setIcon(this.#icon, shape);
    setAttribute(this.root, "data-tone", tone);
    setText(this.#label, label);
    setText(this.#count, count === 1 ? "" : `${count} times`);
    setText(this.#time, clock(new Date(last.time)));
    setAttribute(this.#time, "datetime", last.time);
    setText(this.#text, visible(last.text));
    const object =
      last.operation === undefined ? "" : `${last.operation} ${last.bucket ?? ""}${last.key ? `/${last.key}` : ""}`;
    setText(this.#subject, visible(object));
  }
}

export class Feed {
  #scroll = byId("feed-scroll", HTMLElement);
  #pause = byId("feed-pause", HTMLButtonElement);
  #topic = byId("feed-topic", HTMLSelectElement);
  #text = byId("feed-text", HTMLInputElement);
  #rows = new Rows(
    byId("feed-list", HTMLElement),
    (/** @type {Line} */ { first }) => first,
    () => new Entry(),
  );
  /** @type {Decision[]} */
  #kept = [];
  #missed = 0;
  #unseen = 0;
  #isPaused = false;
  #isHovered = false;
  #isLaid = false;
  #spoke = 0;
  /** Of the first frame, by the clock of s3edge: what was decided before is no news. */
  #opened = Infinity;

  constructor() {
    this.#pause.addEventListener("click", () => {
      this.#isPaused = !this.#isPaused;
      setAttribute(this.#pause, "aria-pressed", String(this.#isPaused));
      setText(this.#pause, this.#isPaused ? "Go on" : "Pause");
      this.#show();
    });
    for (const [event, isHovered] of /** @type {const} */ ([
      ["pointerenter", true],
      ["pointerleave", false],
    ])) {
      this.#scroll.addEventListener(event, () => {
        this.#isHovered = isHovered;
        this.#show();
      });
    }
    this.#scroll.addEventListener("focusout", () => setTimeout(() => this.#show()));
    this.#topic.addEventListener("change", () => this.#show(true));
    this.#text.addEventListener(
      "input",
      debounced(GATHER, () => this.#show(true)),
    );
  }

  /** @param {import("./types.js").Frame} frame */
  show({ time }) {
    this.#opened = Math.min(this.#opened, Date.parse(time));
  }

  /** @param {Decision} decision */
  add(decision) {
    this.#kept.push(decision);
    if (this.#kept.length > KEPT) this.#kept.shift();
    this.#unseen += 1;
    this.#announce(decision);
    if (this.#isLaid) return;
    this.#isLaid = true;
    setTimeout(() => {
      this.#isLaid = false;
      this.#show();
    }, GATHER);
  }

  /** @param {number} count decisions that this page was too slow for, or too late */
  miss(count) {
    this.#missed += count;
    this.#show();
  }

  get #isHeld() {
    return (
      this.#isPaused || this.#isHovered || this.#scroll.contains(document.activeElement) || hasSelection(this.#scroll)
    );
  }

  #show(isAsked = false) {
    if (!this.#isHeld || isAsked) {
      this.#rows.show(linesOf(this.#kept.filter((decision) => this.#wants(decision))));
      this.#unseen = 0;
      const empty = byId("feed-empty", HTMLElement);
      empty.hidden = this.#rows.views.size > 0;
      setText(empty, this.#kept.length === 0 ? "Nothing out of the ordinary so far." : "No decision fits the filter.");
    }
    const missed = this.#missed === 0 ? "" : `${whole(this.#missed)} missed`;
    const unseen = this.#isHeld ? (this.#unseen === 0 ? "paused" : `paused, ${this.#unseen} new`) : "";
    setText(byId("feed-summary", HTMLElement), [unseen, missed].filter(Boolean).join(", "));
  }

  /** @param {Decision} decision */
  #wants(decision) {
    const topic = this.#topic.value;
    if (topic === "warning" ? decision.level !== "warning" : topic !== "" && kindOf(decision).topic !== topic)
      return false;
    const text = this.#text.value.trim().toLowerCase();
    const { node, text: said, operation = "", bucket = "", key = "" } = decision;
    return text === "" || `${node} ${said} ${operation} ${bucket}/${key}`.toLowerCase().includes(text);
  }

  /** @param {Decision} decision */
  #announce(decision) {
    const now = Date.now();
    const { topic, tone } = kindOf(decision);
    const isWorthIt = (topic === "node" || topic === "source") && tone !== "quiet";
    if (!isWorthIt || Date.parse(decision.time) < this.#opened || now - this.#spoke < QUIET) return;
    this.#spoke = now;
    setText(byId("announcer", HTMLElement), visible(decision.text));
  }
}
