// @ts-check
// Numbers, times and foreign text as people read them.

const KIB = 1024;
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const NONE = "–";
// Made once: `toLocaleString` makes one each time, which takes a hundred times as long.
const GROUPED = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** @typedef {[value: string, unit: string]} Quantity a number and its unit, apart so that they can look different */

/** @type {(quantity: Quantity) => string} */
export const joined = ([value, unit]) => (unit === "" ? value : `${value} ${unit}`);

/** @type {(value: number) => string} */
export const whole = (value) => GROUPED.format(value);

/**
 * Whole from ten on, with one digit below.
 * @type {(value: number) => string}
 */
export function number(value) {
  if (value === 0) return "0";
  if (value < 0.05) return "<0.1";
  return value >= 9.95 ? whole(value) : value.toFixed(1).replace(/\.0$/, "");
}

/** @type {(value: number) => Quantity} */
export function bytes(value) {
  let power = 0;
  while (value >= KIB && power < UNITS.length - 1) {
    value /= KIB;
    power += 1;
  }
  return [power === 0 ? Math.round(value).toString() : number(value), UNITS[power]];
}

/** @type {(value: number) => Quantity} */
export function byteRate(value) {
  const [amount, unit] = bytes(value);
  return [amount, `${unit}/s`];
}

/** @type {(value: number) => Quantity} */
export const rate = (value) => [number(value), "/s"];

/**
 * A short time, such as that to the first byte.
 * @type {(seconds: number | null) => Quantity}
 */
export function moment(seconds) {
  if (seconds === null) return [NONE, ""];
  if (seconds >= 0.9995) return [seconds.toFixed(seconds < 9.95 ? 2 : 1), "s"];
  const milliseconds = seconds * 1000;
  return [milliseconds >= 9.95 ? Math.round(milliseconds).toString() : milliseconds.toFixed(1), "ms"];
}

/**
 * Seconds that were spent per second: how many requests spent their time so, in the mean.
 * @type {(value: number) => Quantity}
 */
export const load = (value) => [
  value === 0 ? "0" : value < 0.005 ? "<0.01" : value.toFixed(value < 9.995 ? 2 : 1),
  "s/s",
];

/**
 * How long something lasts already, in two units at most.
 * @type {(seconds: number) => string}
 */
export function age(seconds) {
  if (seconds < 9.95) return `${Math.max(0, seconds).toFixed(1)} s`;
  const rounded = Math.round(seconds);
  if (rounded < 60) return `${rounded} s`;
  if (rounded < 3600) return `${Math.floor(rounded / 60)} min ${rounded % 60} s`;
  if (rounded < 86400) return `${Math.floor(rounded / 3600)} h ${Math.floor((rounded % 3600) / 60)} min`;
  return `${Math.floor(rounded / 86400)} d ${Math.floor((rounded % 86400) / 3600)} h`;
}

/**
 * The local time of an instant, to the second.
 * @type {(instant: Date) => string}
 */
export const clock = (instant) => (Number.isNaN(instant.getTime()) ? NONE : instant.toLocaleTimeString("en-GB"));

/** @type {(count: number, one: string, many?: string) => string} */
export const counted = (count, one, many = `${one}s`) => `${whole(count)} ${count === 1 ? one : many}`;

/**
 * Text of unknown origin with its invisible characters spelled out: a key may hold some that turn the writing direction
 * of what follows, or that look like nothing.
 * @type {(text: string) => string}
 */
export const visible = (text) =>
  text.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu, (found) => `\\u{${found.codePointAt(0)?.toString(16)}}`);
