/** The read view of a policy: numbered lines with the pointers of what begins in them, and a search through both. */
import { copy, h, show } from "../dom.js";
import { icon } from "../icons.js";
import { visible } from "../visible.js";
import { linesOf, parts } from "./lines.js";

const FIRST_LINES = 1500;

/** A view of a text. `outline`: [{ line, pointer }]. The result has `element`, `go(line)` and `focusSearch()`. */
export function codeView(text, outline, { label }) {
  const lines = linesOf(text);
  const pointers = new Map(outline.map((place) => [place.line, place.pointer]));
  const view = { lines, pointers, here: 0, shown: 0, label };
  view.list = h("ol", { class: "code", tabindex: "0", "aria-label": label, on: { click: (event) => onClick(view, event) } });
  view.where = h("p", { class: "code-where" });
  view.more = h("div", {});
  drawLines(view, FIRST_LINES);
  const search = searchBar(view);
  const element = h("div", { class: "code-view" }, h("div", { class: "code-tools" }, search.element, view.where), view.list, view.more);
  place(view, 0);
  return { element, go: (line) => go(view, line), focusSearch: search.focus };
}

/** One line of a policy; where it wraps, it goes on under its own beginning. `before`: what only a reader of the screen hears. */
export function lineView(line, before = null) {
  const found = parts(line);
  const nodes = found.map(({ kind, text }) =>
    kind === "space" ? text : kind === "text" ? visible(text) : h("span", { class: kind }, visible(text)),
  );
  const element = h("code", {}, before, nodes);
  element.style.setProperty("--indent", `${found[0]?.kind === "space" ? found[0].text.length : 0}ch`);
  return element;
}

function drawLines(view, most) {
  const from = view.shown;
  const until = Math.min(view.lines.length, most);
  for (let index = from; index < until; index += 1) {
    const pointer = view.pointers.get(index + 1);
    view.list.append(
      h(
        "li",
        { data: { line: String(index + 1) } },
        lineView(view.lines[index]),
        pointer ? h("span", { class: "pointer" }, visible(pointer)) : null,
      ),
    );
  }
  view.shown = until;
  const left = view.lines.length - until;
  const all = () => drawLines(view, view.lines.length);
  show(
    view.more,
    left > 0
      ? h("button", { class: "button unfold", type: "button", text: `Show the other ${left.toLocaleString()} lines`, on: { click: all } })
      : null,
  );
}

function onClick(view, event) {
  const line = event.target.closest("li")?.dataset.line;
  if (line && !String(window.getSelection())) place(view, Number(line));
}

/** Mark a line and say what begins there. */
function place(view, line) {
  view.list.querySelector("li.here")?.classList.remove("here");
  view.here = line;
  const pointer = nearestPointer(view, line);
  view.list.querySelector(`li[data-line="${line}"]`)?.classList.add("here");
  if (!line) {
    show(view.where, h("span", { class: "muted", text: `${view.lines.length.toLocaleString()} lines` }));
    return;
  }
  const button = h("button", { class: "button quiet", type: "button" }, icon("copy"), h("span", { text: "Copy pointer" }));
  button.addEventListener("click", async () => {
    button.lastChild.textContent = (await copy(pointer)) ? "Copied" : "Could not copy";
  });
  show(view.where, h("span", { class: "muted", text: `Line ${line}` }), pointer ? [h("code", {}, visible(pointer)), button] : null);
}

function nearestPointer(view, line) {
  for (let at = line; at > 0; at -= 1) if (view.pointers.has(at)) return view.pointers.get(at);
  return "";
}

function go(view, line) {
  if (line > view.shown) drawLines(view, view.lines.length);
  place(view, line);
  view.list.querySelector(`li[data-line="${line}"]`)?.scrollIntoView({ block: "center" });
}

function searchBar(view) {
  const found = { lines: [], at: -1, words: "" };
  const count = h("span", { class: "muted code-count", role: "status" });
  const input = h("input", {
    class: "input",
    type: "search",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: "Text or pointer",
    "aria-keyshortcuts": "/",
  });
  const look = () => {
    const words = input.value.trim().toLowerCase();
    if (words === found.words) return;
    Object.assign(found, { words, at: -1, lines: words ? matching(view, words) : [] });
    for (const item of view.list.querySelectorAll("li.found")) item.classList.remove("found");
    if (found.lines.some((line) => line > view.shown)) drawLines(view, view.lines.length);
    for (const line of found.lines) view.list.querySelector(`li[data-line="${line}"]`)?.classList.add("found");
    count.textContent = !words ? "" : found.lines.length ? countWords(found.lines.length) : "Nothing found";
  };
  const step = (by) => {
    look();
    if (!found.lines.length) return;
    found.at = (found.at + by + found.lines.length) % found.lines.length;
    go(view, found.lines[found.at]);
    count.textContent = `${found.at + 1} of ${countWords(found.lines.length)}`;
  };
  input.addEventListener("input", look);
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    step(event.shiftKey ? -1 : 1);
  });
  const element = h(
    "div",
    { class: "code-search", role: "search" },
    h("label", { class: "field" }, h("span", { class: "sr", text: `Find in ${view.label}` }), input),
    count,
  );
  return { element, focus: () => input.focus() };
}

const countWords = (count) => (count === 1 ? "1 line" : `${count.toLocaleString()} lines`);

function matching(view, words) {
  return view.lines.flatMap((line, index) => {
    const pointer = view.pointers.get(index + 1) ?? "";
    return line.toLowerCase().includes(words) || pointer.toLowerCase().includes(words) ? [index + 1] : [];
  });
}
