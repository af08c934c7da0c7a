// The modal on top of a person's stack.

import { blocks } from "./blocks.js";
import { h } from "./dom.js";
import { read } from "./elements.js";
import { textObject } from "./text.js";
import { act } from "./wire.js";

const dialog = document.getElementById("modal");
let shown = "";
let view = null;

dialog.addEventListener("cancel", (event) => {
  event.preventDefault();
  leave();
});

const leave = () => view && act("close", { view_id: view.id });

/** Show the view, keep it when nothing changed, or take the dialog away. */
export function showModal(next, depth, names) {
  if (!next) {
    [view, shown] = [null, ""];
    if (dialog.open) dialog.close();
    return;
  }
  const signature = JSON.stringify([next.id, next.hash, next.errors]);
  if (signature === shown) return;
  const typed = view?.id === next.id ? typedValues() : {};
  const focused = view?.id === next.id ? document.activeElement?.id : null;
  [view, shown] = [next, signature];
  dialog.replaceChildren(...parts(next, depth, names));
  retype(typed);
  const opening = !dialog.open;
  if (opening) dialog.showModal();
  const wrong = dialog.querySelector("[aria-invalid]");
  const first = opening ? dialog.querySelector("[data-block] :is(input, textarea, select)") : null;
  (wrong ?? (focused ? document.getElementById(focused) : first))?.focus();
}

function parts(next, depth, names) {
  const press = (block_id, action_id, choice) => act("press", { view_id: next.id, block_id, action_id, choice });
  const place = { id: next.id, names, state: next.state.values, errors: next.errors, press };
  const title = h("h2", {}, textObject(next.title, names));
  const level = depth > 1 ? h("span", { class: "muted" }, ` ${depth} of 3`) : null;
  const shut = h("button", { type: "button", class: "quiet", onclick: leave, "aria-label": "Close" }, "✕");
  const form = h("form", { class: "body", id: "modal-form", novalidate: true, onsubmit: send }, blocks(next.blocks, place));
  const buttons = [h("button", { type: "button", class: "button", onclick: leave }, next.close ? textObject(next.close, names) : "Close")];
  if (next.submit) {
    buttons.push(h("button", { type: "submit", form: "modal-form", class: "button primary" }, textObject(next.submit, names)));
  }
  return [h("header", {}, title, level, shut), form, h("footer", {}, buttons)];
}

async function send(event) {
  event.preventDefault();
  const button = dialog.querySelector("footer [type=submit]");
  button?.setAttribute("aria-busy", "true");
  try {
    await act("submit", { view_id: view.id, values: typedValues() });
  } finally {
    button?.removeAttribute("aria-busy");
  }
}

function typedValues() {
  const values = {};
  for (const node of dialog.querySelectorAll("[data-block]")) values[node.dataset.block] = read(node);
  return values;
}

function retype(values) {
  for (const node of dialog.querySelectorAll("[data-block]")) {
    const value = values[node.dataset.block];
    const box = node.querySelector("[data-action]");
    if (!box || value === undefined || value === null) continue;
    if (!box.classList.contains("choices")) box.value = value;
    for (const input of box.querySelectorAll("input")) input.checked = [value].flat().includes(input.value);
  }
}
