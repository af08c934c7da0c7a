/** Rules, tools and reviewers as tables with a small drawing beside the numbers that matter. */
import { h } from "../dom.js";
import { table } from "../table.js";
import { bdi } from "../visible.js";
import { beside, shape } from "./draw.js";

/** A share in words. */
export const share = (rate) => (rate === null || rate === undefined ? "–" : `${Math.round(rate * 100)} %`);

/** A length of time from seconds, short: "0.4 s", "48 s", "3 min", "2 h". */
export function brief(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 10) return `${Math.round(seconds * 10) / 10} s`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} days`;
}

const number = (value) => (value ? String(value) : h("span", { class: "muted", text: "0" }));

/** From half of them to nine of ten, on a scale of powers of ten that all rows share. */
function range({ p50, p90 }, longest) {
  if (p50 === null) return null;
  const x = (seconds) => (100 * Math.log10(1 + seconds)) / Math.log10(1 + longest);
  return beside(
    "range",
    shape("rect", { class: "rail", x: 0, y: 5.5, width: 100, height: 1 }),
    shape("rect", { class: "span", x: x(p50), y: 4, width: Math.max(1, x(p90) - x(p50)), height: 4 }),
    shape("rect", { class: "half", x: Math.max(0, x(p50) - 0.75), y: 1, width: 1.5, height: 10 }),
  );
}

/** A share as a bar, with marks where something changes. */
function bar(rate, marks = []) {
  return beside(
    "share",
    shape("rect", { class: "rail", x: 0, y: 2, width: 100, height: 8 }),
    shape("rect", { class: "fill", x: 0, y: 2, width: 100 * (rate ?? 0), height: 8 }),
    marks.map((at) => shape("rect", { class: "half", x: at - 0.5, y: 0, width: 1, height: 12 })),
  );
}

const timesCell = (longest) => (one) =>
  h("span", { class: "with-drawing" }, h("span", { class: "nowrap", text: `${brief(one.seconds.p50)} · ${brief(one.seconds.p90)}` }), range(one.seconds, longest));

const longestOf = (rows) => Math.max(60, ...rows.map((row) => row.seconds.p90 ?? 0));

const unexpected = (one) => {
  const answers = one.outcomes.as_expected + one.outcomes.unexpected;
  return answers ? `${one.outcomes.unexpected} of ${answers}` : h("span", { class: "muted", text: "–" });
};

function groupTable(caption, rows, first) {
  const longest = longestOf(rows);
  return table(
    caption,
    [
      { ...first, className: "call" },
      { name: "Server", className: "more", cell: (one) => bdi(one.server) },
      { name: "Asked", className: "num", cell: (one) => number(one.requests.asked) },
      { name: "Approved", className: "num", cell: (one) => share(one.requests.approval_rate) },
      { name: "Expired", className: "num", cell: (one) => share(one.requests.expiry_rate) },
      { name: "Decided within, half · nine of ten", className: "drawn", cell: timesCell(longest) },
      { name: "Too fast", className: "num", cell: (one) => share(one.pace.too_fast_rate) },
      { name: "Not as expected", className: "num", cell: unexpected },
    ],
    rows,
    { className: "numbers" },
  );
}

/** The tools. */
export const toolTable = (rows) => groupTable("Tools", rows, { name: "Tool", cell: (one) => bdi(one.tool, "mono") });

/** The rules; a name leads to the rule for who may read policies. */
export function ruleTable(rows, policies) {
  const cell = (one) => {
    if (!policies) return bdi(one.rule, "mono");
    const where = new URLSearchParams({ server: one.server, rule: one.rule });
    return h("a", { class: "mono", href: `/policies?${where}` }, bdi(one.rule));
  };
  return groupTable("Rules", rows, { name: "Rule", cell });
}

const tested = (one) => (one.decoys?.seen ?? 0) + (one.decoys?.missed ?? 0);

/** How many tests of attention somebody saw through. */
const tests = (one) => (tested(one) ? `${one.decoys.seen} of ${tested(one)}` : h("span", { class: "muted", text: "–" }));

const STEPS = ["Nothing more", "Confirms", "Types the tool's name"];

/** The reviewers, with the meter and where it rises. */
export function reviewerTable(rows, friction) {
  const longest = longestOf(rows);
  const marks = [friction.confirm_at, friction.type_at];
  const fast = (one) =>
    h(
      "span",
      { class: "with-drawing" },
      h("span", { class: "nowrap", text: `${one.pace.too_fast} of ${one.pace.decisions}` }),
      bar(one.pace.too_fast_rate, marks),
    );
  const step = (one) => h("span", { class: one.friction ? "held" : "muted", text: STEPS[one.friction] });
  return table(
    "Reviewers",
    [
      { name: "Reviewer", className: "call", cell: (one) => bdi(one.name) },
      { name: "Approved", className: "num", cell: (one) => number(one.approved) },
      { name: "Denied", className: "num", cell: (one) => number(one.denied) },
      { name: "Answered within, half · nine of ten", className: "drawn", cell: timesCell(longest) },
      { name: "Approved too fast", className: "drawn", cell: fast },
      ...(rows.some(tested) ? [{ name: "Tests seen through", className: "num", cell: tests }] : []),
      { name: "Most in an hour", className: "num", cell: (one) => number(one.busiest_hour) },
      ...(friction.mode === "raise" ? [{ name: "To approve, now", cell: step }] : []),
    ],
    rows,
    { className: "numbers" },
  );
}
