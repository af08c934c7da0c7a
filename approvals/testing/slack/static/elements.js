// What a person can use: buttons, menus, choices and fields. `place.press` sends a click to the app.

import { h } from "./dom.js";
import { confirmed } from "./dialog.js";
import { textObject } from "./text.js";

/** One element of a block. `field` says that it is part of a form and is read when that is sent. */
export function element(block, item, place, field = false) {
  const make = MAKERS[item.type];
  if (!make) return h("span", { class: "muted" }, `(${item.type})`);
  return make(block, item, place, field);
}

async function send(block, item, place, choice, source) {
  if (item.confirm && !(await confirmed(item.confirm, place.names))) return;
  if (source) source.setAttribute("aria-busy", "true");
  try {
    await place.press(block.block_id, item.action_id, choice);
  } finally {
    source?.removeAttribute("aria-busy");
  }
}

const current = (block, item, place) => place.state?.[block.block_id]?.[item.action_id];

function button(block, item, place) {
  const onclick = (event) => {
    if (item.url) window.open(item.url, "_blank", "noopener,noreferrer");
    return send(block, item, place, undefined, event.currentTarget);
  };
  const label = item.accessibility_label ?? null;
  const shown = textObject(item.text, place.names);
  const sign = item.url ? h("span", { class: "out", "aria-hidden": "true" }, " ↗") : null;
  return h("button", { type: "button", class: `button ${item.style ?? ""}`, "aria-label": label, onclick }, shown, sign);
}

function overflow(block, item, place) {
  const list = h("div", { class: "menu", role: "menu" });
  const box = h("details", { class: "overflow" }, h("summary", { "aria-label": "More actions" }, "⋯"), list);
  for (const option of item.options) {
    const onclick = () => {
      box.open = false;
      if (option.url) window.open(option.url, "_blank", "noopener,noreferrer");
      return send(block, item, place, option.value, box);
    };
    const about = option.description ? h("small", {}, textObject(option.description, place.names)) : null;
    list.append(h("button", { type: "button", role: "menuitem", onclick }, textObject(option.text, place.names), about));
  }
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape") box.open = false;
  });
  return box;
}

function select(block, item, place, field) {
  const chosen = current(block, item, place)?.selected_option?.value ?? item.initial_option?.value ?? "";
  const hint = item.placeholder?.text ?? "Choose…";
  const onchange = (event) => field || send(block, item, place, event.currentTarget.value || null, event.currentTarget);
  const groups = item.option_groups ?? [{ options: item.options ?? [] }];
  const options = groups.map((group) => {
    const inside = group.options.map((option) =>
      h("option", { value: option.value, selected: option.value === chosen }, option.text.text));
    return group.label ? h("optgroup", { label: group.label.text }, inside) : inside;
  });
  return h("select", { "data-action": item.action_id, "aria-label": hint, onchange }, h("option", { value: "" }, hint), options);
}

function choices(kind) {
  return (block, item, place, field) => {
    const now = current(block, item, place);
    const before = kind === "radio"
      ? [now ? now.selected_option?.value : item.initial_option?.value]
      : (now?.selected_options ?? item.initial_options ?? []).map((option) => option.value);
    const box = h("div", { class: "choices", role: kind === "radio" ? "radiogroup" : "group", "data-action": item.action_id });
    const onchange = () => field || send(block, item, place, readChoices(box, kind), box);
    for (const option of item.options) {
      const about = option.description ? h("small", {}, textObject(option.description, place.names)) : null;
      const input = h("input", { type: kind, name: `${block.block_id}/${item.action_id}`, value: option.value, onchange });
      input.checked = before.includes(option.value);
      box.append(h("label", {}, input, h("span", {}, textObject(option.text, place.names), about)));
    }
    return box;
  };
}

function readChoices(box, kind) {
  const values = [...box.querySelectorAll("input:checked")].map((input) => input.value);
  return kind === "radio" ? values[0] ?? null : values;
}

function field(type) {
  return (block, item, place) => {
    const value = current(block, item, place)?.value ?? item.initial_value ?? "";
    const most = item.max_length ?? 3000;
    const props = { "data-action": item.action_id, placeholder: item.placeholder?.text, maxlength: most, value };
    if (item.multiline) return h("textarea", { ...props, rows: 4 });
    return h("input", { ...props, type });
  };
}

function picker(type, name) {
  return (block, item, place, isField) => {
    const value = current(block, item, place)?.[name] ?? item[name.replace("selected", "initial")] ?? "";
    const onchange = (event) => isField || send(block, item, place, event.currentTarget.value || null);
    return h("input", { type, value, "data-action": item.action_id, onchange });
  };
}

const person = (block, item, place, isField) => {
  const options = place.names.people().map((user) => ({ value: user.id, text: { text: user.name } }));
  return select(block, { ...item, options, initial_option: { value: item.initial_user } }, place, isField);
};

const image = (_block, item) => h("span", { class: "picture", role: "img" }, item.alt_text);

const MAKERS = {
  button, overflow, image, static_select: select, users_select: person,
  radio_buttons: choices("radio"), checkboxes: choices("checkbox"),
  multi_static_select: choices("checkbox"),
  plain_text_input: field("text"), number_input: field("number"), email_text_input: field("email"),
  url_text_input: field("url"), datepicker: picker("date", "selected_date"), timepicker: picker("time", "selected_time"),
};

/** What was typed or chosen in the element of an input block. */
export function read(node) {
  const box = node.querySelector("[data-action]");
  if (!box) return null;
  if (!box.classList.contains("choices")) return box.value;
  return readChoices(box, box.querySelector("input")?.type);
}
