/** One stop as everybody sees it: what, until when, why, by whom, and the button that ends it for those who may. */
import { h } from "../dom.js";
import { semaphore } from "../icons.js";
import { isSteward } from "../roles.js";
import { ago, countdown, exact, span } from "../time.js";
import { bdi } from "../visible.js";
import { closeGlass, confirmGlass, endFreeze } from "./dialogs.js";
import { what, where, who } from "./words.js";

/** A freeze. */
export function freezeCard(one, me) {
  return card("on", "critical", {
    title: [what(one), " is frozen"],
    time: one.until,
    why: one.reason,
    by: ["Frozen by ", who(one.by, one.name)],
    more: [", ", ago(one.at), ". It ends ", exact(one.until), "."],
    buttons: isSteward(me) ? [["End the freeze…", () => endFreeze(one)]] : [],
  });
}

/** An opening of break-glass, open or asked for. */
export function glassCard(one, me) {
  return one.open ? openCard(one, me) : waitingCard(one, me);
}

function openCard(one, me) {
  const second = one.confirmed_by ? [", confirmed by ", who(one.confirmed_by, one.confirmed_by)] : null;
  return card("on open", "low", {
    title: ["Break-glass is open ", where(one), ": calls run without approval"],
    time: one.until,
    why: one.reason,
    by: ["Opened by ", who(one.by, one.name), second],
    more: [", ", ago(one.opened_at), ". It ends ", exact(one.until), "."],
    buttons: isSteward(me) ? [["Close it…", () => closeGlass(one)]] : [],
  });
}

function waitingCard(one, me) {
  const buttons = [];
  if (one.may_confirm) buttons.push(["Confirm…", () => confirmGlass(one)]);
  if (isSteward(me)) buttons.push([one.by === me.person.id ? "Take it back…" : "Refuse it…", () => closeGlass(one)]);
  const needs = one.may_confirm ? "It opens when you confirm it." : "It opens when another operator or admin confirms it.";
  return card("asked", "medium", {
    title: [who(one.by, one.name), " asks for break-glass ", where(one), `, for ${span(one.seconds * 1000)}`],
    time: one.confirm_until,
    why: one.reason,
    by: ["Asked ", ago(one.at), "."],
    more: [" ", needs],
    buttons,
  });
}

function card(kind, arm, { title, time, why, by, more, buttons }) {
  const name = window.location.pathname === "/stops" ? h("strong", {}, title) : h("a", { href: "/stops" }, title);
  return h(
    "li",
    { class: `stop ${kind}` },
    semaphore(arm),
    h(
      "div",
      { class: "stop-words" },
      h("p", { class: "stop-title" }, name, " ", countdown(time, "stop-left")),
      h("p", {}, "“", bdi(why), "” ", by, h("span", { class: "stop-more" }, more)),
    ),
    buttons.length
      ? h(
          "div",
          { class: "stop-ends" },
          buttons.map(([words, run]) => h("button", { class: "button", type: "button", text: words, on: { click: run } })),
        )
      : null,
  );
}
