/**
 * Arguments (and results) as the hero of the page: line-numbered tree, raw JSON, and a table for lists of objects.
 * Nothing is left out without a button that says how much; until that has been pressed `unread()` is true and
 * approving stays closed (security.md A8).
 */
import { linesOf, listsOf } from "./json_lines.js";
import { copy, h, show } from "./dom.js";
import { icon } from "./icons.js";
import { bdi, oddities, visible } from "./visible.js";

const FIRST_LINES = 400;
const LONG_TEXT = 4000;

/** An arguments view. `onRead` is called when nothing is left unopened any more. */
export function argumentsView(value, { label = "Arguments", before = null, onRead = () => {} } = {}) {
  const body = h("div", { class: "args-body" });
  const lists = listsOf(value);
  const state = { value, before, body, lists, label, folded: 0, onRead };
  const modes = [["tree", "Tree"], ["raw", "Raw"], ...(lists.length ? [["table", "Table"]] : [])];
  const buttons = modes.map(([mode, word]) =>
    h("button", { class: "button", type: "button", text: word, data: { mode }, on: { click: () => choose(mode) } }),
  );
  const choose = (mode) => {
    state.mode = mode;
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
    show(body, render(state));
  };
  const copyButton = h("button", { class: "button quiet", type: "button" }, icon("copy"), h("span", { text: "Copy" }));
  copyButton.addEventListener("click", async () => {
    const done = await copy(JSON.stringify(value, null, 2));
    copyButton.lastChild.textContent = done ? "Copied" : "Could not copy";
  });
  const head = h(
    "div",
    { class: "args-head" },
    h("h2", { text: label }),
    sizeWords(value),
    h(
      "div",
      { class: "args-tools" },
      h("div", { class: "group", role: "group", "aria-label": `${label} shown as` }, buttons),
      copyButton,
    ),
  );
  const element = h("section", { class: "args", "aria-label": label }, head, warning(value), body);
  choose("tree");
  return {
    element,
    unread: () => state.folded > 0,
    flip: () => choose(state.mode === "tree" ? "raw" : "tree"),
  };
}

function sizeWords(value) {
  const lines = linesOf(value).length;
  const characters = JSON.stringify(value ?? null).length;
  return h("span", {
    class: "label",
    text: `${lines.toLocaleString()} ${lines === 1 ? "line" : "lines"}, ${characters.toLocaleString()} characters`,
  });
}

function warning(value) {
  let hidden = 0;
  let strange = 0;
  const where = [];
  for (const line of linesOf(value)) {
    const found = oddities(`${line.key ?? ""}${typeof line.value === "string" ? line.value : ""}`);
    if (found.hidden + found.strange === 0) continue;
    hidden += found.hidden;
    strange += found.strange;
    where.push(line.pointer || "/");
  }
  if (!where.length) return null;
  const parts = [];
  if (hidden) parts.push(`${hidden} hidden ${hidden === 1 ? "character" : "characters"}`);
  if (strange) parts.push(`${strange} look-alike ${strange === 1 ? "letter" : "letters"} of another script`);
  const shown = where.slice(0, 3).flatMap((pointer, index) => [index ? ", " : " in ", h("code", {}, visible(pointer))]);
  const rest = where.length > 3 ? ` and ${where.length - 3} more places` : "";
  return h(
    "p",
    { class: "args-warning" },
    icon("warning"),
    h("span", {}, h("strong", { text: parts.join(" and ") }), shown, rest, ". Written out below."),
  );
}

function render(state) {
  state.folded = 0;
  if (state.mode === "table") return state.lists.map(listTable);
  const lines = state.mode === "raw" ? rawLines(state.value) : treeLines(state);
  const list = h(
    "ol",
    { class: `lines ${state.mode}`, tabindex: "0", "aria-label": `${state.label}, line by line` },
    lines.slice(0, FIRST_LINES),
  );
  if (lines.length <= FIRST_LINES) return list;
  const rest = lines.slice(FIRST_LINES);
  return [list, unfold(state, `Show the other ${rest.length.toLocaleString()} lines`, () => list.append(...rest))];
}

/** A button that stands for what is not shown yet. */
function unfold(state, words, open) {
  state.folded += 1;
  const button = h("button", { class: "button unfold", type: "button", text: words });
  button.addEventListener("click", () => {
    button.remove();
    open();
    state.folded -= 1;
    if (state.folded === 0) state.onRead();
  });
  return button;
}

function rawLines(value) {
  return JSON.stringify(value ?? null, null, 2)
    .split("\n")
    .map((line) => {
      const indent = line.length - line.trimStart().length;
      return h("li", { data: { depth: String(Math.min(12, indent / 2)) } }, h("code", {}, visible(line.trimStart())));
    });
}

function treeLines(state) {
  const before = state.before
    ? new Map(linesOf(state.before).map((line) => [line.pointer, JSON.stringify(line.value)]))
    : null;
  const items = [];
  for (const line of linesOf(state.value)) {
    const changed =
      before &&
      line.kind !== "object" &&
      line.kind !== "array" &&
      before.get(line.pointer) !== JSON.stringify(line.value);
    const item = h("li", { class: changed ? "changed" : "", data: { depth: String(Math.min(12, line.depth)) } });
    const code = h("code", {});
    if (line.key !== null)
      code.append(
        h("span", { class: line.index ? "key index" : "key" }, visible(line.key)),
        h("span", { class: "colon", text: ": " }),
      );
    code.append(valueNode(state, line));
    if (changed) code.append(h("span", { class: "note", text: ` changed by a reviewer` }));
    item.append(code);
    items.push(item);
  }
  return items;
}

function valueNode(state, line) {
  if (line.kind === "object" || line.kind === "array") {
    const word = line.kind === "array" ? (line.size === 1 ? "item" : "items") : line.size === 1 ? "key" : "keys";
    const [open, shut] = line.kind === "array" ? ["[", "]"] : ["{", "}"];
    return h("span", {
      class: "note",
      text: line.size ? `${open} ${line.size} ${word} ${shut}` : `${open}${shut} empty`,
    });
  }
  if (line.kind !== "string") return h("span", { class: `val ${line.kind}`, text: JSON.stringify(line.value) });
  const quote = () => h("span", { class: "quote", text: '"' });
  const characters = line.value;
  const text = h(
    "span",
    { class: "val string", dir: "ltr" },
    visible(characters.slice(0, LONG_TEXT), { breaks: true }),
  );
  if (characters.length <= LONG_TEXT) return h("span", {}, quote(), text, quote());
  const rest = characters.slice(LONG_TEXT);
  const button = unfold(state, `Show the other ${rest.length.toLocaleString()} characters`, () => {
    for (const node of visible(rest, { breaks: true })) text.append(node);
  });
  return h("span", {}, quote(), text, button, quote());
}

function listTable({ pointer, columns, rows }) {
  const head = h(
    "tr",
    {},
    h("th", { scope: "col", text: "#" }),
    columns.map((column) => h("th", { scope: "col" }, bdi(column))),
  );
  const body = rows.map((row, index) =>
    h(
      "tr",
      {},
      h("th", { scope: "row", text: String(index) }),
      columns.map((column) => h("td", { class: "mono" }, cell(row, column))),
    ),
  );
  const caption = h("caption", {}, h("code", {}, visible(pointer || "/")), ` ${rows.length} items`);
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": `List at ${pointer || "/"}` },
    h("table", { class: "sheet" }, caption, h("thead", {}, head), h("tbody", {}, body)),
  );
}

function cell(row, column) {
  if (!Object.hasOwn(row, column)) return h("span", { class: "note", text: "absent" });
  const value = row[column];
  return typeof value === "string" ? h("bdi", {}, visible(value)) : h("span", {}, visible(JSON.stringify(value)));
}
