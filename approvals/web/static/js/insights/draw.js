/** Shapes of SVG, made like the elements of `dom.js`: attributes and text, never markup, never a style. */

const SVG = "http://www.w3.org/2000/svg";

/** One shape. `text` becomes a text node. */
export function shape(tag, { text = null, ...attributes } = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes))
    if (value !== null && value !== undefined) element.setAttribute(name, String(value));
  if (text !== null) element.append(document.createTextNode(text));
  element.append(...children.flat(Infinity).filter(Boolean));
  return element;
}

/** A drawing that says in words what it shows; what is inside it is not read out, the table behind it is. */
export const drawing = (width, height, label, ...children) =>
  shape("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label, class: "drawing" }, children);

/** A small drawing beside the number that it shows. */
export const beside = (className, ...children) =>
  shape("svg", { viewBox: "0 0 100 12", preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false", class: `beside ${className}` }, children);

/** Draw anew whenever the place gets another width. */
export function fitted(place, draw) {
  let drawn = 0;
  const observer = new ResizeObserver(() => {
    const width = Math.floor(place.clientWidth);
    if (!width || width === drawn) return;
    drawn = width;
    place.replaceChildren(draw(width));
  });
  observer.observe(place);
  return place;
}

/** The next round number. */
export function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 1.2, 1.6, 2, 3, 4, 5, 6, 8, 10].map((step) => step * power).find((step) => step >= value);
}
