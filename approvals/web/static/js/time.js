/**
 * Time as the server sees it. The page's clock is never trusted: the offset is measured against the server,
 * countdowns are drawn from that. Relative in text, exact with zone on hover and in the record.
 */
import { h } from "./dom.js";

let offset = 0;

/** Learn the server's clock from an answer that took `took` ms. */
export function learnClock(serverTime, took = 0) {
  const server = Date.parse(serverTime);
  if (Number.isFinite(server)) offset = server + took / 2 - Date.now();
}

/** How far this device's clock is off, in seconds (positive: it runs behind). */
export function skewSeconds() {
  return Math.round(offset / 1000);
}

/** The server's now, in milliseconds. */
export function now() {
  return Date.now() + offset;
}

const exactFormat = new Intl.DateTimeFormat(undefined, {
  year: "numeric",
  month: "short",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
  timeZoneName: "short",
});
const clockFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

/** Date, time to the second, and zone. */
export function exact(iso) {
  const at = new Date(iso);
  return Number.isNaN(at.getTime()) ? "unknown time" : exactFormat.format(at);
}

/** Hours and minutes here. */
export function clock(iso) {
  return clockFormat.format(new Date(iso));
}

const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

/** A length of time in words: "48 s", "14 min", "3 h 20 min", "2 days". */
export function span(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return plural(Math.round(hours / 24), "day");
}

/** "just now", "12 min ago", "in 3 min". */
export function relative(iso) {
  const ms = now() - Date.parse(iso);
  if (Number.isNaN(ms)) return "unknown";
  if (Math.abs(ms) < 5000) return "just now";
  return ms > 0 ? `${span(ms)} ago` : `in ${span(-ms)}`;
}

/** Time left: minutes and seconds in the last two minutes. */
export function left(iso) {
  const ms = Date.parse(iso) - now();
  if (ms <= 0) return "time is up";
  const seconds = Math.ceil(ms / 1000);
  if (seconds >= 120) return `${span(ms)} left`;
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")} left`;
}

/** A <time> that stays true: relative text, exact on hover. */
export function ago(iso, className = "") {
  if (!iso) return h("span", { class: className, text: "–" });
  return h("time", { class: className, datetime: iso, title: exact(iso), data: { tick: "ago" } }, relative(iso));
}

/** When an agent last called: to the hour for most, whom the server tells no more. */
export function lastUsed(iso) {
  return iso?.endsWith(":00:00.000Z") ? h("time", { datetime: iso, text: `after ${exact(iso)}` }) : ago(iso);
}

/** A <time> that counts down. */
export function countdown(iso, className = "") {
  return h("time", { class: className, datetime: iso, title: `ends ${exact(iso)}`, data: { tick: "left" } }, left(iso));
}

/** The bar that is the countdown: full when the request was made, gone when its time is up; the last tenth is hatched. */
export function bar(request) {
  const inner = h("i");
  const element = h(
    "span",
    { class: "bar", "aria-hidden": "true", data: { from: request.created_at, until: request.expires_at } },
    inner,
  );
  paintBar(element);
  return element;
}

function paintBar(element) {
  const from = Date.parse(element.dataset.from);
  const until = Date.parse(element.dataset.until);
  const share = until > from ? Math.min(1, Math.max(0, (until - now()) / (until - from))) : 0;
  element.firstChild.style.setProperty("--left", share.toFixed(4));
  element.classList.toggle("last", share < 0.1);
}

const WORDS = { ago: relative, left };

function tick() {
  for (const element of document.querySelectorAll("[data-tick]")) {
    const text = WORDS[element.dataset.tick](element.getAttribute("datetime"));
    if (element.textContent !== text) element.textContent = text;
  }
  for (const element of document.querySelectorAll(".bar[data-until]")) paintBar(element);
}

/** Start the one clock of the page. */
export function startClock() {
  window.setInterval(tick, 1000);
  document.addEventListener("visibilitychange", () => document.hidden || tick());
}
