// Blocks of a message, a modal or Home. `place` knows names, the state of choices, and how to press.

import { h } from "./dom.js";
import { element } from "./elements.js";
import { markdown, richText } from "./rich.js";
import { textObject } from "./text.js";

/** All blocks, in order. */
export function blocks(list, place) {
  return list.map((block) => {
    const make = BLOCKS[block.type];
    return make ? make(block, place) : h("p", { class: "muted" }, `(a ${block.type} block)`);
  });
}

function section(block, place) {
  const fields = block.fields?.map((field) => h("div", { class: "mrkdwn" }, textObject(field, place.names)));
  return h("div", { class: "section" },
    h("div", { class: "grow" },
      block.text ? h("div", { class: "mrkdwn" }, textObject(block.text, place.names)) : null,
      fields ? h("div", { class: "fields" }, fields) : null),
    block.accessory ? h("div", { class: "accessory" }, element(block, block.accessory, place)) : null);
}

function context(block, place) {
  return h("div", { class: "context" }, block.elements.map((item) =>
    item.type === "image" ? element(block, item, place) : h("span", { class: "mrkdwn" }, textObject(item, place.names))));
}

function input(block, place) {
  const id = `${place.id}-${block.block_id}`;
  const error = place.errors?.[block.block_id];
  const node = element(block, block.element, place, !block.dispatch_action);
  const label = textObject(block.label, place.names);
  if (node.matches("input, textarea, select")) node.id = id;
  else node.setAttribute("aria-labelledby", `${id}-label`);
  if (error) node.setAttribute("aria-invalid", "true");
  node.setAttribute("aria-describedby", `${id}-note`);
  return h("div", { class: `input ${error ? "wrong" : ""}`, "data-block": block.block_id },
    h("label", { for: id, id: `${id}-label` }, label, block.optional ? h("span", { class: "muted" }, " (optional)") : null),
    node,
    h("p", { class: error ? "error" : "hint", id: `${id}-note` }, error ?? textObject(block.hint, place.names)));
}

function table(block, place) {
  const cell = (item) => item.type === "rich_text" ? richText(item, place.names) : String(item.text ?? item.value ?? "");
  const [head, ...rest] = block.rows;
  return h("div", { class: "scroll" }, h("table", {},
    h("thead", {}, h("tr", {}, head.map((item) => h("th", { scope: "col" }, cell(item))))),
    h("tbody", {}, rest.map((row) => h("tr", {}, row.map((item) => h("td", {}, cell(item))))))));
}

function card(block, place) {
  const line = (name) => block[name] ? h("div", { class: `card-${name} mrkdwn` }, textObject(block[name], place.names)) : null;
  return h("div", { class: "card" }, line("title"), line("subtitle"), line("body"), line("subtext"),
    block.actions ? h("div", { class: "actions" }, block.actions.map((item) => element(block, item, place))) : null);
}

const BLOCKS = {
  section, context, input, table, card,
  header: (block, place) => h("h3", { class: "header" }, textObject(block.text, place.names)),
  divider: () => h("hr"),
  actions: (block, place) => h("div", { class: "actions" }, block.elements.map((item) => element(block, item, place))),
  image: (block, place) => h("figure", {}, element(block, { type: "image", alt_text: block.alt_text }, place),
    block.title ? h("figcaption", {}, textObject(block.title, place.names)) : null),
  rich_text: (block, place) => richText(block, place.names),
  markdown: (block) => markdown(block.text),
  carousel: (block, place) => h("div", { class: "carousel" }, block.elements.map((item) => card({ block_id: block.block_id, ...item }, place))),
  alert: (block, place) => h("div", { class: `alert ${block.level ?? "default"}`, role: "note" }, textObject(block.text, place.names)),
};
