/**
 * The editor of a policy: a plain textarea with line numbers beside it. Tab and Shift+Tab indent, Enter keeps the
 * indentation, and Esc hands Tab back to the keyboard, so that nobody is caught in it (WCAG 2.1.2).
 */
import { h, show } from "../dom.js";
import { linesOf } from "./lines.js";

const STEP = "  ";
const HINT =
  "Tab indents, Shift+Tab takes back. To leave the editor with the keyboard, press Esc, then Tab. Ctrl+S reviews and saves.";

/** An editor. `changed(text)` is called after each change, `save()` on Ctrl+S. */
export function editorView(text, { label, changed, save, hint: words = HINT }) {
  const numbers = h("div", { class: "editor-numbers", "aria-hidden": "true" });
  const hint = h("p", {
    class: "muted editor-hint",
    id: "editor-hint",
    text: words,
  });
  const area = h("textarea", {
    class: "editor-text",
    wrap: "off",
    spellcheck: "false",
    autocomplete: "off",
    autocapitalize: "off",
    "aria-label": label,
    "aria-describedby": "editor-hint",
  });
  area.value = text;
  const editor = { area, numbers, wrong: new Set(), count: 0, released: false };
  area.addEventListener("input", () => {
    drawNumbers(editor);
    changed(area.value);
  });
  area.addEventListener("scroll", () => (numbers.scrollTop = area.scrollTop));
  area.addEventListener("keydown", (event) => onKey(editor, event, save));
  area.addEventListener("blur", () => (editor.released = false));
  drawNumbers(editor);
  return {
    element: h("div", { class: "editor" }, h("div", { class: "editor-box" }, numbers, area), hint),
    text: () => area.value,
    replace: (words) => {
      area.value = words;
      drawNumbers(editor);
      changed(words);
    },
    mark: (lines) => {
      editor.wrong = new Set(lines);
      editor.count = 0;
      drawNumbers(editor);
    },
    go: (line, column = 1) => go(area, line, column),
    focus: () => area.focus(),
  };
}

function drawNumbers(editor) {
  const count = linesOf(`${editor.area.value}\n`).length;
  if (count === editor.count) return;
  editor.count = count;
  show(
    editor.numbers,
    Array.from({ length: count }, (_, index) =>
      h("span", { class: editor.wrong.has(index + 1) ? "wrong" : "", text: String(index + 1) }),
    ),
  );
  editor.numbers.scrollTop = editor.area.scrollTop;
}

function onKey(editor, event, save) {
  const { area } = editor;
  if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "s") {
    event.preventDefault();
    save();
  } else if (event.key === "Escape") {
    editor.released = true;
  } else if (event.key === "Tab" && !event.ctrlKey && !event.altKey && !event.metaKey) {
    if (editor.released) return;
    event.preventDefault();
    indent(area, event.shiftKey);
  } else if (event.key === "Enter" && !event.isComposing && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    insert(area, `\n${indentationOf(area)}`);
  }
  if (!["Escape", "Tab", "Shift"].includes(event.key)) editor.released = false;
}

/** Typed text, so that undo knows of it. */
function insert(area, text) {
  area.focus();
  if (!document.execCommand("insertText", false, text)) {
    area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

const startOfLine = (area, at) => area.value.lastIndexOf("\n", at - 1) + 1;

function indentationOf(area) {
  const start = startOfLine(area, area.selectionStart);
  return /^ */.exec(area.value.slice(start, area.selectionStart))[0];
}

/** Move the lines of the selection by a step; without a selection, insert one. */
function indent(area, back) {
  const { selectionStart: from, selectionEnd: to, value } = area;
  if (from === to && !back) {
    insert(area, STEP);
    return;
  }
  const start = startOfLine(area, from);
  const block = value.slice(start, to);
  const moved = back ? block.replace(/^ {1,2}/gm, "") : block.replace(/^(?=.)/gm, STEP);
  if (moved === block) return;
  area.setSelectionRange(start, to);
  insert(area, moved);
  if (from === to) {
    const caret = Math.max(start, from + moved.length - block.length);
    area.setSelectionRange(caret, caret);
  } else {
    area.setSelectionRange(start, start + moved.length);
  }
}

function go(area, line, column) {
  const lines = area.value.split("\n");
  const start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  const from = start + Math.min(column - 1, (lines[line - 1] ?? "").length);
  area.focus();
  area.setSelectionRange(from, start + (lines[line - 1] ?? "").length);
  const height = Number.parseFloat(getComputedStyle(area).lineHeight);
  area.scrollTop = Math.max(0, (line - 1) * height - area.clientHeight / 3);
}
