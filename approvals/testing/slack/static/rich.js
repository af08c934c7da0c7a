// rich_text blocks and markdown blocks.

import { h } from "./dom.js";
import { date, emoji, link, mention } from "./text.js";

/** A rich_text block. */
export function richText(block, names) {
  return h("div", { class: "rich" }, block.elements.map((part) => PARTS[part.type]?.(part, names)));
}

const many = (elements, names) => elements.map((element) => styled(element, INLINE[element.type]?.(element, names)));

const PARTS = {
  rich_text_section: (part, names) => h("p", {}, many(part.elements, names)),
  rich_text_preformatted: (part, names) => h("pre", {}, many(part.elements, names)),
  rich_text_quote: (part, names) => h("blockquote", {}, many(part.elements, names)),
  rich_text_list: (part, names) =>
    h(
      part.style === "ordered" ? "ol" : "ul",
      { class: `indent${Math.min(part.indent ?? 0, 4)}`, start: part.offset ? part.offset + 1 : null },
      part.elements.map((item) => h("li", {}, many(item.elements, names))),
    ),
};

const INLINE = {
  text: (element) => element.text,
  link: (element) => link(element.url, element.text),
  user: (element, names) => mention(`@${names.user(element.user_id) ?? element.user_id}`),
  channel: (element, names) => mention(`#${names.channel(element.channel_id) ?? element.channel_id}`),
  usergroup: (element, names) => mention(`@${names.group(element.usergroup_id) ?? element.usergroup_id}`),
  broadcast: (element) => mention(`@${element.range}`),
  emoji: (element) => emoji(element.name),
  color: (element) => element.value,
  date: (element) => h("time", { class: "date" }, date(element.timestamp, element.format) ?? element.fallback),
};

const STYLES = { bold: "b", italic: "i", strike: "s", code: "code", underline: "u" };

function styled(element, inner) {
  let node = inner ?? "";
  for (const [style, tag] of Object.entries(STYLES)) if (element.style?.[style]) node = h(tag, {}, node);
  return node;
}

/** A markdown block: the part of Markdown that agents and apps write. */
export function markdown(text) {
  const out = h("div", { class: "rich" });
  const lines = text.split("\n");
  let at = 0;
  while (at < lines.length) at = oneOf(lines, at, out);
  return out;
}

function oneOf(lines, at, out) {
  const line = lines[at];
  const fence = /^\s*(```|~~~)/.exec(line);
  if (fence) {
    let end = at + 1;
    while (end < lines.length && !lines[end].trim().startsWith(fence[1])) end += 1;
    out.append(h("pre", {}, lines.slice(at + 1, end).join("\n")));
    return end + 1;
  }
  const heading = /^(#{1,6})\s+(.*)$/.exec(line);
  if (heading) {
    out.append(h("p", { class: "heading" }, spans(heading[2])));
    return at + 1;
  }
  if (/^\s*(-{3,}|\*{3,})\s*$/.test(line)) {
    out.append(h("hr"));
    return at + 1;
  }
  for (const [shape, outer, tag] of [[/^\s*[-*+]\s+(.*)$/, "ul", "li"], [/^\s*\d+[.)]\s+(.*)$/, "ol", "li"], [/^>\s?(.*)$/, "blockquote", "div"]]) {
    if (!shape.test(line)) continue;
    let end = at;
    while (end < lines.length && shape.test(lines[end])) end += 1;
    out.append(h(outer, {}, lines.slice(at, end).map((each) => h(tag, {}, spans(shape.exec(each)[1])))));
    return end;
  }
  if (line.trim()) out.append(h("p", {}, spans(line)));
  return at + 1;
}

const SPAN = /`([^`]+)`|\*\*(\S(?:.*?\S)?)\*\*|~~(\S(?:.*?\S)?)~~|\[([^\]]+)\]\(([^)\s]+)\)|(?<!\w)[*_](\S(?:.*?\S)?)[*_](?!\w)/;

function spans(text) {
  const nodes = [];
  let rest = text;
  while (rest) {
    const found = SPAN.exec(rest);
    if (!found) return [...nodes, rest];
    const [whole, code, bold, strike, label, url, italic] = found;
    nodes.push(rest.slice(0, found.index));
    if (code !== undefined) nodes.push(h("code", {}, code));
    else if (bold !== undefined) nodes.push(h("b", {}, spans(bold)));
    else if (strike !== undefined) nodes.push(h("s", {}, spans(strike)));
    else if (label !== undefined) nodes.push(link(url, label));
    else nodes.push(h("i", {}, spans(italic)));
    rest = rest.slice(found.index + whole.length);
  }
  return nodes;
}
