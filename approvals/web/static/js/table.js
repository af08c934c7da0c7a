/** The one table: a real <table> in a box that scrolls by itself, stacked into cards on a phone by its style; the roles are written out because that style would take them away. */
import { h } from "./dom.js";

/** `columns`: [{ name, cell(row) -> node|text, className? }]; `className` "two-lines" makes each row two lines on a phone. */
export function table(caption, columns, rows, { rowProps = () => ({}), className = "" } = {}) {
  const head = h(
    "tr",
    { role: "row" },
    columns.map((column) =>
      h("th", { role: "columnheader", scope: "col", class: column.className ?? "", text: column.name }),
    ),
  );
  const body = rows.map((row) =>
    h(
      "tr",
      { role: "row", ...rowProps(row) },
      columns.map((column) =>
        h("td", { role: "cell", class: column.className ?? "", data: { name: column.name } }, column.cell(row)),
      ),
    ),
  );
  return h(
    "div",
    { class: "scroll", role: "region", "aria-label": caption, tabindex: "0" },
    h(
      "table",
      { class: `ledger ${className}`, role: "table" },
      h("caption", { class: "sr", text: caption }),
      h("thead", { role: "rowgroup" }, head),
      h("tbody", { role: "rowgroup" }, body),
    ),
  );
}
