/** Two texts compared: lines that go and lines that come, told by sign, word and the colour of a side. */
import { h } from "../dom.js";
import { lineView } from "./code.js";
import { compare, withContext } from "./lines.js";

const SIGNS = { gone: ["−", "removed"], new: ["+", "added"], same: [" ", ""] };

/** A view of what differs. `names`: what the two sides are called. */
export function diffView(before, after, names) {
  const rows = compare(before, after);
  const [gone, fresh] = ["gone", "new"].map((kind) => rows.filter((row) => row.kind === kind).length);
  if (!gone && !fresh) return h("p", { class: "muted", text: "The two are the same, line by line." });
  const label = `From ${names[0]} to ${names[1]}`;
  return h(
    "figure",
    { class: "diff" },
    h(
      "figcaption",
      {},
      h("span", { text: label }),
      h("span", { class: "muted", text: `${count(gone, "line")} removed, ${count(fresh, "line")} added` }),
    ),
    h(
      "div",
      { class: "scroll", role: "region", tabindex: "0", "aria-label": label },
      h("ol", { class: "diff-lines" }, withContext(rows).map(rowView)),
    ),
  );
}

const count = (number, word) => `${number.toLocaleString()} ${word}${number === 1 ? "" : "s"}`;

function rowView(row) {
  if (row.kind === "gap") return h("li", { class: "gap", text: `${count(row.count, "line")} unchanged` });
  const [sign, word] = SIGNS[row.kind];
  return h(
    "li",
    { class: row.kind },
    h("span", { class: "at", "aria-hidden": "true", text: row.before ?? "" }),
    h("span", { class: "at", "aria-hidden": "true", text: row.after ?? "" }),
    h("span", { class: "sign", "aria-hidden": "true", text: sign }),
    lineView(row.line, word ? h("span", { class: "sr", text: `${word}: ` }) : null),
  );
}
