/** What each hour of a week will bring: a week as seven rows of hours, here, where the reader is; and as a table. */
import { h } from "../dom.js";
import { table } from "../table.js";
import { drawing, fitted, shape } from "./draw.js";

const HOURS = 24;
const DAYS = 7;
const ROW = 22;
const LEFT = 44;
const TOP = 18;
const LEVELS = 5;

const dayFormat = new Intl.DateTimeFormat(undefined, { weekday: "short" });
const MONDAY = Date.UTC(2026, 10, 23);

/** The 168 hours as seven days of this reader's zone, Monday first; whole hours only. */
function local(load) {
  const shift = -Math.round(new Date().getTimezoneOffset() / 60);
  const at = (place) => load[(((place - shift) % load.length) + load.length) % load.length];
  return Array.from({ length: DAYS }, (_, day) => Array.from({ length: HOURS }, (_, hour) => at(day * HOURS + hour)));
}

const dayName = (day) => dayFormat.format(new Date(MONDAY + day * 86_400_000 + 43_200_000));
const hourName = (hour) => `${String(hour).padStart(2, "0")}:00`;
const amount = (value) => (value >= 10 ? String(Math.round(value)) : String(Math.round(value * 10) / 10));

/** Draw the week to come. */
export function loadChart({ load, scope }) {
  const days = local(load);
  const most = Math.max(...load);
  const busy = days.flatMap((hours, day) => hours.map((value, hour) => ({ value, day, hour }))).sort((a, b) => b.value - a.value)[0];
  const words = most
    ? `Busiest: ${dayName(busy.day)} ${hourName(busy.hour)}, about ${amount(busy.value)} requests.`
    : `In no full hour of the last 8 weeks was anything asked${scope === "all" ? "" : " that you decided"}, so nothing is expected yet.`;
  const columns = [
    { name: "Hour", className: "nowrap", cell: (hour) => hourName(hour) },
    ...days.map((hours, day) => ({ name: dayName(day), className: "num", cell: (hour) => amount(hours[hour]) })),
  ];
  return h(
    "figure",
    { class: "insight" },
    h(
      "figcaption",
      {},
      h("h2", { text: "The week to come" }),
      h("p", { class: "muted", text: `${words} By the same hours of the last 8 weeks, in your time.` }),
    ),
    fitted(h("div", { class: "chart" }), (width) => draw(width, days, most, words)),
    h("details", {}, h("summary", { text: "The numbers" }), table("Requests expected by hour", columns, [...Array(HOURS).keys()])),
  );
}

function draw(width, days, most, label) {
  const step = (width - LEFT) / HOURS;
  const shapes = [];
  for (let hour = 0; hour < HOURS; hour += width < 560 ? 6 : 3)
    shapes.push(shape("text", { class: "mark", x: LEFT + hour * step, y: TOP - 6, text: hourName(hour) }));
  days.forEach((hours, day) => {
    const y = TOP + day * ROW;
    shapes.push(shape("text", { class: "mark", x: 0, y: y + ROW - 7, text: dayName(day) }));
    hours.forEach((value, hour) => {
      const level = most ? Math.ceil((value / most) * LEVELS) : 0;
      const place = { x: LEFT + hour * step + 1, y: y + 1, width: Math.max(1, step - 2), height: ROW - 2 };
      const title = shape("title", { text: `${dayName(day)} ${hourName(hour)}: about ${amount(value)}` });
      shapes.push(shape("rect", { class: `hour level-${level}`, ...place }, title));
    });
  });
  return drawing(width, TOP + DAYS * ROW, label, shapes);
}
