/** The one table: a real <table> in a box that scrolls by itself, stacked into cards on a phone by its style. */
import { h } from "./dom.js";

/** `columns`: [{ name, cell(row) -> node|text, className? }]; `link(row)` may give an address for the first cell. */
export function table(caption, columns, rows, { rowProps = () => ({}) } = {}) {
  const head = h("tr", {}, columns.map((column) => h("th", { scope: "col", class: column.className ?? "", text: column.name })));
  const body = rows.map((row) =>
    h("tr", rowProps(row), columns.map((column) => h("td", { class: column.className ?? "", data: { name: column.name } }, column.cell(row)))),
  );
  return h(
    "div",
    { class: "scroll", role: "region", "aria-label": caption, tabindex: "0" },
    h("table", { class: "ledger" }, h("caption", { class: "sr", text: caption }), h("thead", {}, head), h("tbody", {}, body)),
  );
}
