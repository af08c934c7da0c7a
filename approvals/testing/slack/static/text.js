// Text objects: plain text, mrkdwn with its <…> references, dates and emoji. Builds nodes, never markup.

import { h } from "./dom.js";

const EMOJI = {
  white_check_mark: "✅", heavy_check_mark: "✔️", x: "❌", no_entry: "⛔", no_entry_sign: "🚫", warning: "⚠️",
  hourglass: "⌛", hourglass_flowing_sand: "⏳", alarm_clock: "⏰", lock: "🔒", unlock: "🔓", eyes: "👀", tada: "🎉",
  rotating_light: "🚨", robot_face: "🤖", moneybag: "💰", mag: "🔍", memo: "📝", link: "🔗", wave: "👋",
  "+1": "👍", "-1": "👎", bell: "🔔", stopwatch: "⏱️", pencil2: "✏️", question: "❓", exclamation: "❗",
};
const SAFE_LINK = /^(https?:\/\/|mailto:)/i;
const TOKEN = new RegExp(
  [
    "```([\\s\\S]+?)```", "`([^`\\n]+)`", "<([^<>\\n]+)>", ":([a-z0-9_+-]+):",
    "(?<![\\w*])\\*(?=\\S)([^*\\n]*?\\S)\\*(?![\\w*])",
    "(?<![\\w_])_(?=\\S)([^_\\n]*?\\S)_(?![\\w_])",
    "(?<![\\w~])~(?=\\S)([^~\\n]*?\\S)~(?![\\w~])",
  ].join("|"),
);

/** The character for a shortcode, or the shortcode itself. */
export const emoji = (name) => EMOJI[name] ?? `:${name}:`;

/** A text object, whichever it is. */
export function textObject(object, names) {
  if (!object) return [];
  if (object.type === "mrkdwn") return mrkdwn(object.text, names);
  return plain(object.text, object.emoji !== false);
}

/** Plain text; shortcodes become emoji only where the object allows it. */
export function plain(text, withEmoji) {
  const shown = unescape(text);
  return [withEmoji ? shown.replace(/:([a-z0-9_+-]+):/g, (_, name) => emoji(name)) : shown];
}

function unescape(text) {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

/** mrkdwn: quotes by line, everything else inline. */
export function mrkdwn(text, names) {
  const nodes = [];
  let run = [];
  let quote = [];
  const flush = () => {
    if (quote.length) nodes.push(h("blockquote", {}, inline(quote.join("\n"), names)));
    if (run.length) nodes.push(...inline(run.join("\n"), names));
    [run, quote] = [[], []];
  };
  if (!/^(&gt;|>)/m.test(text)) return inline(text, names);
  for (const line of text.split("\n")) {
    const quoted = /^(?:&gt;|>) ?(.*)$/.exec(line);
    if (quoted ? run.length : quote.length) flush();
    if (quoted) quote.push(quoted[1]);
    else run.push(line);
  }
  flush();
  return nodes;
}

function inline(text, names) {
  const nodes = [];
  let rest = text;
  while (rest) {
    const found = TOKEN.exec(rest);
    if (!found) {
      nodes.push(unescape(rest));
      break;
    }
    if (found.index) nodes.push(unescape(rest.slice(0, found.index)));
    nodes.push(token(found, names));
    rest = rest.slice(found.index + found[0].length);
  }
  return nodes;
}

function token([, pre, code, reference, shortcode, bold, italic, strike], names) {
  if (pre !== undefined) return h("pre", {}, unescape(pre.replace(/^\n|\n$/g, "")));
  if (code !== undefined) return h("code", {}, unescape(code));
  if (reference !== undefined) return referenced(reference, names);
  if (shortcode !== undefined) return emoji(shortcode);
  if (bold !== undefined) return h("b", {}, inline(bold, names));
  if (italic !== undefined) return h("i", {}, inline(italic, names));
  return h("s", {}, inline(strike, names));
}

function referenced(reference, names) {
  const [target, label] = split(reference);
  if (target.startsWith("@")) return mention(`@${names.user(target.slice(1)) ?? label ?? target.slice(1)}`);
  if (target.startsWith("#")) return mention(`#${names.channel(target.slice(1)) ?? label ?? target.slice(1)}`);
  if (target.startsWith("!subteam^")) return mention(`@${names.group(target.slice(9)) ?? label ?? "group"}`);
  if (target.startsWith("!date^")) return dated(target, label);
  if (target.startsWith("!")) return mention(`@${label ?? target.slice(1)}`);
  return link(unescape(target), label === undefined ? undefined : unescape(label));
}

function split(reference) {
  const bar = reference.indexOf("|");
  return bar < 0 ? [reference, undefined] : [reference.slice(0, bar), reference.slice(bar + 1)];
}

/** Somebody, a channel or a group, by name. */
export const mention = (text) => h("span", { class: "mention" }, text);

/** A link that opens elsewhere; other schemes than http(s) and mailto stay text. */
export function link(url, label) {
  if (!SAFE_LINK.test(url)) return label ?? url;
  return h("a", { href: url, target: "_blank", rel: "noopener noreferrer nofollow" }, label ?? url);
}

function dated(target, fallback) {
  const [, seconds, format, url] = target.split("^");
  const shown = date(Number(seconds), format ?? "{date} {time}") ?? fallback ?? "";
  const exact = Number.isFinite(Number(seconds)) ? new Date(Number(seconds) * 1000).toString() : "";
  const node = h("time", { title: exact, class: "date" }, shown);
  return url && SAFE_LINK.test(url) ? h("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, node) : node;
}

const SHAPES = {
  date: { year: "numeric", month: "long", day: "numeric" },
  date_short: { year: "numeric", month: "short", day: "numeric" },
  date_long: { weekday: "long", year: "numeric", month: "long", day: "numeric" },
  time: { hour: "numeric", minute: "2-digit" },
  time_secs: { hour: "numeric", minute: "2-digit", second: "2-digit" },
};

/** A moment in the words of a date format, or null when it is none. */
export function date(seconds, format, now = Date.now()) {
  if (!Number.isFinite(seconds)) return null;
  const when = new Date(seconds * 1000);
  return format.replace(/\{(\w+)\}/g, (whole, name) => {
    if (name === "date_num") return when.toLocaleDateString("sv-SE");
    if (name === "ago") return ago(when, now);
    if (name.endsWith("_pretty")) return pretty(when, now) ?? when.toLocaleString("en", SHAPES[name.slice(0, -7)]);
    return SHAPES[name] ? when.toLocaleString("en", SHAPES[name]) : whole;
  });
}

function pretty(when, now) {
  const day = (moment) => new Date(moment).setHours(0, 0, 0, 0);
  const days = Math.round((day(when) - day(now)) / 86_400_000);
  return { 0: "today", 1: "tomorrow", "-1": "yesterday" }[days];
}

function ago(when, now) {
  const seconds = Math.round((now - when) / 1000);
  const [size, word] = [[86_400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]].find(
    ([unit]) => Math.abs(seconds) >= unit) ?? [1, "second"];
  const count = Math.round(Math.abs(seconds) / size);
  const text = `${count} ${word}${count === 1 ? "" : "s"}`;
  return seconds >= 0 ? `${text} ago` : `in ${text}`;
}
