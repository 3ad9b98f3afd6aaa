// @ts-check
// Charts by TradingView's Lightweight Charts, whose script makes the one global that this page uses. Without it, there
// are no charts, and the numbers beside them say it all.

import { whole } from "./units.js";

/** @type {any} https://tradingview.github.io/lightweight-charts/docs/api */
const library = /** @type {any} */ (globalThis).LightweightCharts;

export const canDraw = library !== undefined;

// Room for labels such as 1,000, the same in all charts, so that their times stand one below the other.
const AXIS_WIDTH = 46;
// So that a line that is all zero lies at the bottom, and is not taken for a range around zero.
const LEAST_RANGE = 1;
// Seconds that a chart may show: a page that was just opened has little to say about ten minutes.
const STEPS = [60, 120, 300];
/** @type {Intl.DateTimeFormatOptions} */
const TO_MINUTES = { hour: "2-digit", minute: "2-digit" };
/** @type {Intl.DateTimeFormatOptions} */
const TO_SECONDS = { ...TO_MINUTES, second: "2-digit" };
const SOLID = 0;
const DASHED = 2;
const DOTTED = 1;

/** How the lines of a chart differ: by colour, and by their stroke for those who do not see it. */
const STROKES = [
  { color: "--series-1", lineStyle: SOLID, lineWidth: 2 },
  { color: "--series-2", lineStyle: DASHED, lineWidth: 2 },
  { color: "--series-3", lineStyle: DOTTED, lineWidth: 2 },
];

/** @typedef {{second: number, value: number | null}} Point */
/** @typedef {{second: number, shape: "down" | "up"}} Mark */

/**
 * A colour of the style sheet as the canvas takes it, in the theme of now.
 * @param {string} name
 */
function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/** Lines over the same seconds. */
export class Chart {
  #chart;
  /** @type {any[]} */
  #lines;
  #marks;
  #isLogarithmic;
  #shown = 0;
  #count = 0;
  #seen = 0;
  #last = 0;

  /**
   * @param {HTMLElement} place
   * @param {number} count of lines, three at most
   * @param {boolean} isLogarithmic
   * @param {(second: number | null) => void} onPoint the second that is pointed at, null for none
   */
  constructor(place, count, isLogarithmic, onPoint) {
    this.#isLogarithmic = isLogarithmic;
    this.#chart = library.createChart(place, {
      autoSize: true,
      handleScroll: false,
      handleScale: false,
      layout: {
        attributionLogo: false,
        background: { color: "transparent" },
        fontSize: 11,
        fontFamily: getComputedStyle(place).fontFamily,
      },
      leftPriceScale: {
        visible: true,
        borderVisible: false,
        minimumWidth: AXIS_WIDTH,
        scaleMargins: { top: 0.07, bottom: 0.08 },
        entireTextOnly: true,
      },
      rightPriceScale: { visible: false },
      grid: { vertLines: { visible: false } },
      timeScale: {
        borderVisible: false,
        timeVisible: true,
        allowBoldLabels: false,
        minBarSpacing: 0.05,
        tickMarkFormatter: (/** @type {number} */ second) =>
          new Date(second * 1000).toLocaleTimeString("en-GB", second % 60 === 0 ? TO_MINUTES : TO_SECONDS),
      },
      crosshair: { horzLine: { visible: false, labelVisible: false }, vertLine: { labelVisible: false } },
    });
    this.#lines = STROKES.slice(0, count).map(({ lineStyle, lineWidth }) =>
      this.#chart.addSeries(library.LineSeries, {
        lineStyle,
        lineWidth,
        priceScaleId: "left",
        lastValueVisible: false,
        priceLineVisible: false,
        crosshairMarkerRadius: 3,
        priceFormat: { type: "custom", minMove: 0.01, formatter: isLogarithmic ? powerLabel : label },
        autoscaleInfoProvider: isLogarithmic ? wholeDecades : fromZero,
      }),
    );
    this.#marks = library.createSeriesMarkers(this.#lines[0], [], { autoScale: false });
    this.#chart.subscribeCrosshairMove((/** @type {any} */ { time, sourceEvent }) => {
      // Only a pointer: other charts follow by `point`, and must not lead in turn.
      if (sourceEvent !== undefined || time === undefined) onPoint(time ?? null);
    });
    this.#chart.timeScale().subscribeSizeChange(() => this.#slide());
    this.recolour();
  }

  /** Take the colours of the theme of now. */
  recolour() {
    const line = colour("--grid");
    this.#chart.applyOptions({
      layout: { textColor: colour("--muted") },
      grid: { horzLines: { color: line } },
      crosshair: { vertLine: { color: colour("--muted") } },
    });
    this.#lines.forEach((series, index) => series.applyOptions({ color: colour(STROKES[index].color) }));
  }

  /**
   * Show these points, for each line as many.
   * @param {Point[][]} lines
   */
  set(lines) {
    lines.forEach((points, index) => this.#lines[index].setData(points.map((point) => this.#datum(point))));
    this.#shown = this.#count = lines[0].length;
    const first = lines[0].findIndex((_, index) => lines.some((points) => points[index].value !== null));
    this.#seen = first < 0 ? 0 : this.#count - first;
    this.#last = lines[0].at(-1)?.second ?? 0;
    this.#slide();
  }

  /**
   * Add the newest point of each line, or show another one in its place.
   * @param {Point[]} points
   */
  add(points) {
    points.forEach((point, index) => this.#lines[index].update(this.#datum(point)));
    if (points[0].second !== this.#last) {
      this.#count += 1;
      this.#seen += 1;
    }
    this.#last = points[0].second;
    this.#slide();
  }

  /**
   * Show all that was seen, up to the newest and up to as many seconds as were set, in few steps, so that little has to
   * be drawn anew. What is before stays with the library, out of sight.
   */
  #slide() {
    if (this.#shown === 0) return;
    const seconds = Math.min(STEPS.find((step) => step >= this.#seen) ?? this.#shown, this.#shown);
    this.#chart.timeScale().setVisibleLogicalRange({ from: this.#count - seconds, to: this.#count - 1 });
  }

  /** @param {Mark[]} marks */
  mark(marks) {
    const [down, up] = [colour("--bad"), colour("--good")];
    this.#marks.setMarkers(
      marks.map(({ second, shape }) =>
        shape === "down"
          ? { time: second, position: "aboveBar", shape: "arrowDown", color: down, size: 0.8 }
          : { time: second, position: "belowBar", shape: "arrowUp", color: up, size: 0.8 },
      ),
    );
  }

  /**
   * Point at a second, as the pointer does in another chart.
   * @param {number | null} second
   */
  point(second) {
    if (second === null) this.#chart.clearCrosshairPosition();
    else this.#chart.setCrosshairPosition(0, second, this.#lines[0]);
  }

  /**
   * A point as the library takes it. Its own logarithmic scale labels few values and odd ones; powers it labels well.
   * @param {Point} point
   */
  #datum({ second, value }) {
    if (value === null || (this.#isLogarithmic && value <= 0)) return { time: second };
    return { time: second, value: this.#isLogarithmic ? Math.log10(value) : value };
  }
}

/** @param {number} value */
const label = (value) => (value >= 100 ? whole(value) : String(Number(value.toPrecision(3))));
/** @param {number} power */
const powerLabel = (power) => label(Number((10 ** power).toPrecision(2)));

/** @param {() => any} original */
function fromZero(original) {
  const found = original();
  if (found?.priceRange) found.priceRange = { minValue: 0, maxValue: Math.max(found.priceRange.maxValue, LEAST_RANGE) };
  return found;
}

/** @param {() => any} original */
function wholeDecades(original) {
  const found = original();
  if (found?.priceRange) {
    const { minValue, maxValue } = found.priceRange;
    found.priceRange = {
      minValue: Math.floor(minValue),
      maxValue: Math.max(Math.ceil(maxValue), Math.floor(minValue) + 1),
    };
  }
  return found;
}
