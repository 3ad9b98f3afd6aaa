// @ts-check
// The numbers of the whole edge: now, at their peak, and as charts over the last ten minutes.

import { Chart, canDraw } from "./charts.js";
import { byId, element, setAttribute, setText } from "./dom.js";
import { turnOf } from "./feed.js";
import { History, SECONDS } from "./history.js";
import { byteRate, clock, joined, load, moment, rate, visible } from "./units.js";

// Tenants that the chart of stalls has a line for, beside the one of all.
const WORST = 2;
// Seconds after which it is looked anew who they are: a line that changed its tenant each second could not be read.
const RANKED_FOR = 10;
// Seconds around the one that is pointed at: ten minutes have fewer pixels than it takes to hit one.
const NEAR = 3;
const LEGEND = "▼ a node was taken away   ▲ it came back";

/** @typedef {import("./history.js").Moment} Moment */
/** @typedef {import("./types.js").Totals} Totals */
/** @typedef {import("./units.js").Quantity} Quantity */
/** @typedef {{label: string, of: (moment: Moment) => number | null}} Line */

/**
 * What a card's numbers are: how one is written, and in which unit the axis counts, given the peak.
 * @typedef {{write: (value: number) => Quantity, axis: (peak: number) => [unit: string, size: number]}} Measure
 */

/** @type {Measure} */
const PER_SECOND = { write: rate, axis: () => ["per second", 1] };
/** @type {Measure} */
const STALL = { write: load, axis: () => ["seconds per second", 1] };
/** @type {Measure} */
const MOMENT = { write: moment, axis: () => ["ms", 1e-3] };
/** @type {Measure} */
const BYTES = {
  write: byteRate,
  axis: (peak) => {
    const power = peak < 2 ** 20 ? 10 : peak < 2 ** 30 ? 20 : 30;
    return [{ 10: "KiB/s", 20: "MiB/s", 30: "GiB/s" }[power] ?? "", 2 ** power];
  },
};

/** @type {(label: string, of: (totals: Totals) => number | null) => Line} */
const line = (label, of) => ({ label, of: ({ totals }) => (totals === null ? null : of(totals)) });
/** @type {(name: string) => Line} */
const stallOf = (name) => ({
  label: visible(name),
  of: ({ totals, stalls }) => (totals === null ? null : (stalls.get(name) ?? 0)),
});
/** @type {Line} */
const NOBODY = { label: "", of: () => null };

/** @typedef {{title: string, hint: string, measure: Measure, isLogarithmic?: boolean, lines: Line[]}} Card */

/** @type {Card[]} */
const CARDS = [
  {
    title: "Throughput",
    hint: "Bytes of bodies to and from clients",
    measure: BYTES,
    lines: [line("sent", (totals) => totals.sent_per_second), line("received", (totals) => totals.received_per_second)],
  },
  {
    title: "Requests",
    hint: "Requests that ended in each second",
    measure: PER_SECOND,
    lines: [line("requests", (totals) => totals.requests_per_second)],
  },
  {
    title: "First byte",
    hint: "Time until the first byte of an answer: median, and what one in a hundred waits for longer",
    measure: MOMENT,
    isLogarithmic: true,
    lines: [line("p50", (totals) => totals.first_byte.p50), line("p99", (totals) => totals.first_byte.p99)],
  },
  {
    title: "Stall",
    hint: "Seconds that requests waited for bytes, in each second: 2 s/s is two GPU loaders that stand still",
    measure: STALL,
    lines: [line("all", (totals) => totals.stalled), ...Array.from({ length: WORST }, () => NOBODY)],
  },
  {
    title: "Failed and shed",
    hint: "Failed: errors and cut bodies. Shed: told SlowDown, for lack of room",
    measure: PER_SECOND,
    lines: [line("failed", (totals) => totals.failed_per_second), line("shed", (totals) => totals.shed_per_second)],
  },
  {
    title: "Hidden from clients",
    hint: "What s3edge did about late and failing nodes: second attempts, other ones, bodies that went on elsewhere",
    measure: PER_SECOND,
    lines: [
      line("hedges", (totals) => totals.hedges_per_second),
      line("retries", (totals) => totals.retries_per_second),
      line("resumes", (totals) => totals.resumes_per_second),
    ],
  },
];
const STALLS = CARDS.findIndex(({ measure }) => measure === STALL);

/** One line's number: what it is, now or at the second that is pointed at, and its peak. */
class Figure {
  #label = element("dt");
  #value = element("span", { class: "value" });
  #unit = element("span", { class: "unit" });
  #peak = element("dd", { class: "peak" });
  root;

  /** @param {number} index */
  constructor(index) {
    this.root = element(
      "div",
      { class: "figure", "data-series": String(index + 1) },
      this.#label,
      element("dd", {}, this.#value, " ", this.#unit),
      this.#peak,
    );
  }

  /**
   * @param {string} label empty: there is no such line
   * @param {number | null} value
   * @param {number | null} peak
   * @param {(value: number) => Quantity} write
   */
  show(label, value, peak, write) {
    setAttribute(this.root, "hidden", label === "");
    const [amount, unit] = value === null ? ["–", ""] : write(value);
    setText(this.#label, label);
    setText(this.#value, amount);
    setText(this.#unit, unit);
    setText(this.#peak, peak === null ? "" : `peak ${joined(write(peak))}`);
  }
}

/** The numbers and the chart of one card. */
class CardView {
  #axis = element("span", { class: "aside" });
  #place = element("div", { class: "chart", role: "img", hidden: !canDraw });
  #figures;
  /** @type {Chart | null} */
  chart = null;
  #axisSize = 0;

  /**
   * @param {Card} card
   * @param {History} past
   * @param {(second: number | null) => void} onPoint
   */
  constructor(card, past, onPoint) {
    this.card = card;
    this.past = past;
    this.lines = [...card.lines];
    this.#figures = this.lines.map((_, index) => new Figure(index));
    const title = element("h3", { title: card.hint }, card.title);
    const root = element(
      "article",
      { class: "card" },
      element("div", { class: "card-head" }, title, this.#axis),
      element("dl", { class: "figures" }, ...this.#figures.map(({ root: figure }) => figure)),
      this.#place,
    );
    byId("cards", HTMLElement).append(root);
    if (canDraw) this.chart = new Chart(this.#place, this.lines.length, card.isLogarithmic ?? false, onPoint);
  }

  /** @param {Moment[] | null} added null: all moments are new */
  show(added) {
    const peaks = this.lines.map((each) => peakOf(this.past.moments, each));
    const [unit, size] = this.card.measure.axis(Math.max(0, ...peaks.map((peak) => peak ?? 0)));
    setText(this.#axis, unit);
    if (added === null || size !== this.#axisSize) {
      this.#axisSize = size;
      this.redraw();
    } else if (this.chart !== null) {
      for (const moment of added) this.chart.add(this.lines.map((each) => this.#point(each, moment)));
    }
    this.figures(this.past.moments.at(-1) ?? null, peaks);
  }

  redraw() {
    this.chart?.set(this.lines.map((each) => this.past.moments.map((moment) => this.#point(each, moment))));
  }

  /**
   * @param {Moment | null} moment
   * @param {(number | null)[]} peaks
   */
  figures(moment, peaks = this.lines.map((each) => peakOf(this.past.moments, each))) {
    const { write } = this.card.measure;
    this.#figures.forEach((figure, index) => {
      const { label, of } = this.lines[index];
      figure.show(label, moment === null ? null : of(moment), peaks[index], write);
    });
  }

  /** Say in words what the chart shows, for those who do not see it. */
  describe() {
    const { title, measure } = this.card;
    const said = this.lines
      .filter(({ label }) => label !== "")
      .map((each) => [each.label, peakOf(this.past.moments, each)])
      .map(([label, peak]) => `${label} at most ${peak === null ? "unknown" : joined(measure.write(Number(peak)))}`);
    setAttribute(
      this.#place,
      "aria-label",
      `Chart of ${title.toLowerCase()} in the last ten minutes: ${said.join(", ")}`,
    );
  }

  /**
   * @param {Line} each
   * @param {Moment} moment
   */
  #point(each, moment) {
    const value = each.of(moment);
    return { second: moment.second, value: value === null ? null : value / this.#axisSize };
  }
}

/**
 * @param {Moment[]} moments
 * @param {Line} each
 */
function peakOf(moments, each) {
  let peak = null;
  for (const moment of moments) {
    const value = each.of(moment);
    if (value !== null && (peak === null || value > peak)) peak = value;
  }
  return peak;
}

export class Overview {
  #past = new History();
  #cards = CARDS.map((card) => new CardView(card, this.#past, (second) => this.#point(second)));
  #legend = byId("legend", HTMLElement);
  /** @type {{second: number, shape: "down" | "up", text: string}[]} */
  #turns = [];
  /** @type {number | null} */
  #pointed = null;
  #frames = 0;

  constructor() {
    byId("no-charts", HTMLElement).hidden = canDraw;
    if (canDraw) setText(this.#legend, LEGEND);
    document.addEventListener("themechange", () => {
      for (const { chart } of this.#cards) chart?.recolour();
      this.#mark();
    });
  }

  /** @param {import("./types.js").Frame} frame */
  show(frame) {
    const added = this.#past.add(frame);
    const isRanked = this.#frames % RANKED_FOR === 0 && this.#rank();
    const isLong = this.#frames % SECONDS === SECONDS - 1;
    this.#cards.forEach((card, index) => {
      // A chart keeps all that it was ever given: give it anew, now and then, what is still kept here.
      card.show(isLong || (isRanked && index === STALLS) ? null : added);
      if (this.#pointed !== null) card.figures(this.#past.at(this.#pointed));
      if (this.#frames % RANKED_FOR === 0) card.describe();
    });
    if (this.#turns.length > 0) this.#mark();
    this.#frames += 1;
  }

  /** @param {import("./types.js").Decision} decision */
  add(decision) {
    const shape = turnOf(decision);
    if (shape === null) return;
    this.#turns.push({ second: Math.floor(Date.parse(decision.time) / 1000), shape, text: visible(decision.text) });
    if (this.#turns.length > SECONDS) this.#turns.shift();
  }

  /** Give the lines of the stalls to the tenants that stall most; whether that changed. */
  #rank() {
    const names = this.#past.worst(WORST);
    const lines = [
      CARDS[STALLS].lines[0],
      ...Array.from({ length: WORST }, (_, index) => (index < names.length ? stallOf(names[index]) : NOBODY)),
    ];
    const card = this.#cards[STALLS];
    if (lines.every(({ label }, index) => label === card.lines[index].label)) return false;
    card.lines = lines;
    return true;
  }

  /** Mark the turns of nodes in all charts, at most one of each kind per second. */
  #mark() {
    const first = this.#past.moments.find(({ totals }) => totals !== null)?.second ?? Infinity;
    const last = this.#past.moments.at(-1)?.second ?? -Infinity;
    const seen = new Set();
    const marks = this.#turns.filter(({ second, shape }) => {
      const name = `${second} ${shape}`;
      if (second < first || second > last || seen.has(name)) return false;
      seen.add(name);
      return true;
    });
    for (const { chart } of this.#cards) chart?.mark(marks);
  }

  /** @param {number | null} second */
  #point(second) {
    if (second === this.#pointed) return;
    this.#pointed = second;
    const moment = second === null ? (this.#past.moments.at(-1) ?? null) : this.#past.at(second);
    for (const card of this.#cards) {
      card.chart?.point(second);
      card.figures(moment);
    }
    const turns = this.#turns
      .filter((turn) => second !== null && Math.abs(turn.second - second) <= NEAR)
      .map(({ text }) => text);
    setText(
      this.#legend,
      second === null ? LEGEND : [`at ${clock(new Date(second * 1000))}`, ...turns.slice(0, 3)].join(", "),
    );
  }
}
