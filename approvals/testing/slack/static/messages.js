// The messages of one channel, newest at the bottom; replies stand under what they answer.

import { blocks } from "./blocks.js";
import { avatar, h, settle } from "./dom.js";
import { mrkdwn } from "./text.js";
import { act } from "./wire.js";

const kept = new Map();

/** Bring a list to what the state says, making only what changed anew. */
export function showMessages(list, state, channel, names) {
  const all = [...state.messages, ...state.ephemerals].filter((message) => message.channel === channel.id);
  all.sort((one, other) => one.ts.localeCompare(other.ts, "en", { numeric: true }));
  const tops = all.filter((message) => !message.thread_ts || message.thread_ts === message.ts);
  const replies = (ts) => all.filter((message) => message.thread_ts === ts && message.ts !== ts);
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  const nodes = [];
  let day = "";
  for (const message of tops) {
    const date = new Date(Number(message.ts) * 1000).toLocaleDateString("en", { weekday: "long", month: "long", day: "numeric" });
    if (date !== day) nodes.push(once(`day ${date}`, date, () => h("li", { class: "day" }, h("span", {}, date))));
    day = date;
    const answers = replies(message.ts);
    const signature = JSON.stringify([message, answers, state.me]);
    nodes.push(once(message.ts, signature, () => row(message, answers, names)));
  }
  if (!nodes.length) nodes.push(h("li", { class: "nothing" }, "Nothing has been said here yet."));
  settle(list, nodes);
  if (atEnd) list.scrollTop = list.scrollHeight;
}

function once(key, signature, make) {
  const before = kept.get(key);
  if (before?.signature === signature) return before.node;
  const node = make();
  kept.set(key, { signature, node });
  return node;
}

function row(message, answers, names) {
  const author = names.author(message.user);
  const when = new Date(Number(message.ts) * 1000);
  const head = h("p", { class: "author" },
    h("b", {}, author.name),
    author.is_bot ? h("span", { class: "tag" }, "app") : null,
    h("time", { class: "muted", title: when.toString() }, when.toLocaleTimeString("en", { hour: "numeric", minute: "2-digit" })));
  return h("li", { class: `message ${message.ephemeral ? "whisper" : ""}`, "data-ts": message.ts },
    avatar(author.name, author.is_bot),
    h("div", { class: "said" }, message.ephemeral ? whisperNote(message) : null, head, content(message, names), thread(answers, names)));
}

function content(message, names) {
  const press = (block_id, action_id, choice) =>
    act("press", { channel: message.channel, ts: message.ts, block_id, action_id, choice });
  const place = { id: message.ts, names, state: message.state, press };
  const shown = message.blocks.length ? blocks(message.blocks, place) : [h("div", { class: "mrkdwn" }, mrkdwn(message.text, names))];
  const edited = message.edited ? h("p", { class: "muted edited" }, "(edited)") : null;
  return [shown, message.files?.map(file), edited];
}

const file = (item) => h("details", { class: "file" }, h("summary", {}, item.name), h("pre", {}, item.text));

function whisperNote(message) {
  const dismiss = () => act("dismiss", { ts: message.ts });
  return h("p", { class: "only" }, "Only visible to you · ", h("button", { type: "button", class: "plain", onclick: dismiss }, "Dismiss"));
}

function thread(answers, names) {
  if (!answers.length) return null;
  const count = `${answers.length} ${answers.length === 1 ? "reply" : "replies"}`;
  return h("ol", { class: "thread", "aria-label": count }, answers.map((answer) => row(answer, [], names)));
}
