/**
 * The keyboard map: one place that listens, one list that `?` shows. Single keys never act in inputs, in dialogs,
 * with a modifier, or when the person has turned them off (WCAG 2.1.4).
 */
import { dialogOpen, openDialog } from "./dialog.js";
import { h } from "./dom.js";
import { preference, prefer } from "./prefs.js";

const bound = new Map();
let prefix = "";
let prefixTimer = 0;

/** Bind a key ("a", "g p", "?"); binding it again replaces it. Without `run` the key is free again. */
export function bind(key, does, run) {
  if (run) bound.set(key, { does, run });
  else bound.delete(key);
}

/** Start listening. */
export function startKeys() {
  document.addEventListener("keydown", onKey);
  bind("?", "Show this list", showKeys);
}

function typing(target) {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

function onKey(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (typing(event.target) || dialogOpen()) return;
  const single = event.key.length === 1;
  if (single && preference("keys") === "off") return;
  const key = prefix ? `${prefix} ${event.key}` : event.key;
  clearPrefix();
  if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
  const entry = bound.get(key);
  if (entry) {
    event.preventDefault();
    entry.run();
  } else if (event.key === "g") {
    prefix = "g";
    prefixTimer = window.setTimeout(clearPrefix, 1500);
  }
}

function clearPrefix() {
  prefix = "";
  window.clearTimeout(prefixTimer);
}

/** The list of what is bound now, and the switch that turns single keys off. */
export function showKeys() {
  return openDialog("Keys on this page", (close) => {
    const rows = [...bound].flatMap(([key, { does }]) => [
      h(
        "dt",
        {},
        key.split(" ").map((part) => h("kbd", { text: part })),
      ),
      h("dd", { text: does }),
    ]);
    const box = h("input", { type: "checkbox", on: { change: () => prefer("keys", box.checked ? "on" : "off") } });
    box.checked = preference("keys") === "on";
    return [
      h("dl", { class: "keys" }, rows, h("dt", {}, h("kbd", { text: "Esc" })), h("dd", { text: "Close what is open" })),
      h("label", { class: "choice" }, box, "Single keys do something on this device"),
      h("button", { class: "button", type: "button", text: "Close", on: { click: () => close() } }),
    ];
  });
}
