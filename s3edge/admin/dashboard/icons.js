// @ts-check
// Shapes that say a state without a colour; each stands beside the word for it.

const SVG = "http://www.w3.org/2000/svg";

/** @type {Record<string, string>} paths in a square of 16 */
const PATHS = {
  check: "M3 8.5l3.5 3.5L13 4.5",
  cross: "M4 4l8 8M12 4l-8 8",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  down: "M8 3v9m-4-4l4 4 4-4",
  up: "M8 13V4m-4 4l4-4 4 4",
  warning: "M8 2L14.5 13.5h-13zM8 6.5v3.2m0 1.8v.1",
  question: "M5.5 6a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1.9-1.1 1.8m0 2.6v.1",
  pin: "M8 9.5V14M5 3h6M6 3v4l-2 2.5h8L10 7V3",
  dot: "M8 6a2 2 0 1 0 .01 0z",
  more: "M6 4l4 4-4 4",
};

/**
 * @param {string} name
 * @returns {SVGSVGElement}
 */
export function icon(name) {
  const shape = document.createElementNS(SVG, "svg");
  shape.setAttribute("viewBox", "0 0 16 16");
  shape.setAttribute("class", "icon");
  shape.setAttribute("aria-hidden", "true");
  shape.append(document.createElementNS(SVG, "path"));
  setIcon(shape, name);
  return shape;
}

/**
 * @param {SVGSVGElement} shape
 * @param {string} name
 */
export function setIcon(shape, name) {
  const path = PATHS[name];
  const drawn = shape.firstElementChild;
  if (drawn !== null && drawn.getAttribute("d") !== path) drawn.setAttribute("d", path);
}
