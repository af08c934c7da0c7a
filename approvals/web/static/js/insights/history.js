/** What became of what was asked, bar by bar; and the same as a table. */
import { h } from "../dom.js";
import { table } from "../table.js";
import { drawing, fitted, roundUp, shape } from "./draw.js";

const HEIGHT = 184;
const TOP = 8;
const FOOT = 22;
const LEFT = 36;

/** From the bottom up; a pattern besides the colour tells them apart. */
export const PARTS = [
  ["approved", "Approved"],
  ["denied", "Denied"],
  ["expired", "Expired"],
  ["cancelled", "Cancelled"],
  ["waiting", "Waiting"],
];

const dayFormat = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const hourFormat = new Intl.DateTimeFormat(undefined, { weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

/** Draw the history. */
export function historyChart({ history, bar_seconds: seconds }) {
  const name = (bar) => (seconds < 86_400 ? hourFormat : dayFormat).format(new Date(bar.at));
  const most = Math.max(...history.map((bar) => bar.requests.asked), 0);
  const total = history.reduce((sum, bar) => sum + bar.requests.asked, 0);
  const label = `${total} requests in ${history.length} bars, at most ${most} in one. The table below has the numbers.`;
  const place = fitted(h("div", { class: "chart" }), (width) => draw(width, history, name, roundUp(most), label));
  const rows = history.filter((bar) => bar.requests.asked).reverse();
  const columns = [
    { name: "From", className: "nowrap", cell: name },
    { name: "Asked", className: "num", cell: (bar) => String(bar.requests.asked) },
    ...PARTS.map(([part, word]) => ({ name: word, className: "num", cell: (bar) => String(bar.requests[part]) })),
  ];
  return h(
    "figure",
    { class: "insight" },
    h("figcaption", {}, h("h2", { text: "What became of what was asked" }), legend()),
    place,
    h("details", {}, h("summary", { text: "The numbers" }), table("Requests by time", columns, rows)),
  );
}

function legend() {
  const key = ([part, word]) =>
    h("li", {}, shape("svg", { viewBox: "0 0 12 12", class: "key", "aria-hidden": "true" }, shape("rect", { class: `part ${part}`, width: 12, height: 12 })), h("span", { text: word }));
  return h("ul", { class: "legend" }, PARTS.map(key));
}

/** The hatching of what nobody decided; the legend finds it by its name, too. */
function patterns() {
  return shape(
    "defs",
    {},
    shape(
      "pattern",
      { id: "hatched", width: 4, height: 4, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      shape("rect", { class: "hatch", width: 2, height: 4 }),
    ),
  );
}

function draw(width, history, name, most, label) {
  const step = (width - LEFT) / history.length;
  const high = HEIGHT - TOP - FOOT;
  const y = (count) => TOP + high - (high * count) / most;
  const shapes = [patterns()];
  for (const count of [0, most / 2, most]) {
    if (!Number.isInteger(count)) continue;
    shapes.push(
      shape("line", { class: "rule", x1: LEFT, x2: width, y1: y(count), y2: y(count) }),
      shape("text", { class: "mark end", x: LEFT - 8, y: y(count) + 4, text: String(count) }),
    );
  }
  history.forEach((bar, index) => {
    let below = 0;
    for (const [part] of PARTS) {
      const count = bar.requests[part];
      if (!count) continue;
      const x = LEFT + index * step + Math.min(step * 0.12, 3);
      const wide = Math.max(1, step - Math.min(step * 0.24, 6));
      shapes.push(shape("rect", { class: `part ${part}`, x, width: wide, y: y(below + count), height: y(below) - y(below + count) }));
      below += count;
    }
  });
  const every = Math.ceil(history.length / Math.max(2, Math.floor((width - LEFT) / 92)));
  for (let index = 0; index < history.length; index += every) {
    const x = LEFT + index * step;
    if (x < width - 48) shapes.push(shape("text", { class: "mark", x, y: HEIGHT - 6, text: name(history[index]) }));
  }
  return drawing(width, HEIGHT, label, shapes);
}
