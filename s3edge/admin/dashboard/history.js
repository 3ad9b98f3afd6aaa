// @ts-check
// The last ten minutes, second by second, as this page saw them.

export const SECONDS = 600;
// Seconds without a frame that are still drawn through: frames come each second, but not to the millisecond.
const TOLERATED = 2;

/** @typedef {import("./types.js").Frame} Frame */
/** @typedef {import("./types.js").Totals} Totals */

/**
 * What one second was like; `totals` is null for a second of which this page was told nothing.
 * @typedef {{second: number, totals: Totals | null, stalls: Map<string, number>}} Moment
 */

/** @type {Map<string, number>} */
const NO_STALLS = new Map();

export class History {
  /** @type {Moment[]} always `SECONDS` of them once there is one */
  moments = [];

  /**
   * Take in a frame.
   * @param {Frame} frame
   * @returns {Moment[] | null} the moments that are new; null: all are
   */
  add(frame) {
    const told = Math.floor(Date.parse(frame.time) / 1000);
    const last = this.moments.at(-1)?.second ?? -Infinity;
    // A clock that was set back, or a page that slept for longer than all that is kept: begin anew.
    const isNew = told - last > SECONDS || told < last - TOLERATED;
    if (isNew) this.moments = Array.from({ length: SECONDS }, (_, index) => silent(told - SECONDS + index));
    // A second frame of one second, such as the first one of another connection, takes the place of the one before.
    const second = isNew ? told : Math.max(told, last);
    if (second === last) this.moments.pop();
    const added = [];
    if (!isNew && second - last > TOLERATED) {
      for (let missing = last + 1; missing < second; missing += 1) added.push(silent(missing));
    }
    const stalls = new Map(
      frame.tenants.filter(({ stalled }) => stalled > 0).map(({ name, stalled }) => [name, stalled]),
    );
    added.push({ second, totals: frame.totals, stalls });
    this.moments.push(...added);
    this.moments.splice(0, this.moments.length - SECONDS);
    return isNew ? null : added;
  }

  /** @param {number} second */
  at(second) {
    return this.moments.find((moment) => moment.second === second) ?? null;
  }

  /**
   * The tenants that stalled most, the worst first.
   * @param {number} count
   */
  worst(count) {
    /** @type {Map<string, number>} */
    const sums = new Map();
    for (const { stalls } of this.moments) {
      for (const [name, stalled] of stalls) sums.set(name, (sums.get(name) ?? 0) + stalled);
    }
    return [...sums]
      .sort(([, one], [, other]) => other - one)
      .slice(0, count)
      .map(([name]) => name);
  }
}

/**
 * @param {number} second
 * @returns {Moment}
 */
const silent = (second) => ({ second, totals: null, stalls: NO_STALLS });
