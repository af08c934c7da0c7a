/** Being away: until when, who decides meanwhile, and coming back. For oneself, and for others where an admin looks. */
import { askAct, field } from "../act.js";
import { get, post } from "../api.js";
import { announce, h } from "../dom.js";
import { isAdmin } from "../roles.js";
import { exact, now } from "../time.js";
import { bdi } from "../visible.js";

const path = (id, verb) => `/api/v1/people/${encodeURIComponent(id)}/${verb}`;
const DAY = 86_400_000;

/** Whether this person may say of that one that they are away. */
export const maySay = (me, id) => isAdmin(me) || (me.person.id === id && (me.person.roles ?? []).includes("reviewer"));

/** An absence in words, or null. */
export function awayLine(away) {
  if (!away) return null;
  const begun = Date.parse(away.since) <= now();
  return h(
    "span",
    {},
    begun ? "Away until " : `Away from ${exact(away.since)} until `,
    h("time", { datetime: away.until, text: exact(away.until) }),
    away.to ? ["; ", bdi(away.to), " decides meanwhile"] : "; nobody decides meanwhile",
  );
}

/** The button that is of use now; `done` gets the absence afterwards, or null. */
export function awayButton(id, away, done) {
  const act = away ? () => comeBack(id, done) : () => leave(id, done);
  return h("button", { class: "button", type: "button", text: away ? "Back…" : "Away…", on: { click: act } });
}

async function leave(id, done) {
  const until = field("Until", h("input", { class: "input", type: "datetime-local", value: local(now() + DAY) }), { needed: true });
  const since = field("From, if not from now on", h("input", { class: "input", type: "datetime-local" }));
  const list = h("datalist", { id: "delegates" });
  const typed = { class: "input", type: "email", maxlength: "254", autocomplete: "off", list: "delegates" };
  const to = field("Who decides meanwhile, by address", h("input", typed), { list });
  suggest(list, id);
  const made = await askAct("Away for a while?", {
    say: h(
      "p",
      {},
      "Whoever decides meanwhile gets what waits for ",
      bdi(id, "strong"),
      " at once, and their word counts in place of it. Never over calls of their own agents, and not where a rule forbids it.",
    ),
    fields: [until, since, to],
    button: "Set",
    send: () => post(path(id, "away"), { until: iso(until), since: since.value() ? iso(since) : null, to: to.value() || null }),
    focus: () => to.input,
  });
  if (!made) return;
  announce("Set.");
  done(made);
}

async function comeBack(id, done) {
  const back = await askAct("Back again?", {
    say: h("p", {}, "From now on ", bdi(id, "strong"), " decides alone. What was decided meanwhile stays decided."),
    button: "Back",
    send: async () => (await post(path(id, "back")), true),
  });
  if (!back) return;
  announce("Set.");
  done(null);
}

/** Reviewers to choose from; who may not see the list types the address. */
async function suggest(list, id) {
  try {
    const { people } = await get("/api/v1/people?limit=200");
    const able = people.filter((one) => one.id !== id && !one.disabled && one.roles.includes("reviewer"));
    list.append(...able.map((one) => h("option", { value: one.id })));
  } catch {
    return;
  }
}

const iso = (moment) => new Date(moment.value()).toISOString();

/** What a datetime-local field shows for a moment, in this browser's zone. */
function local(ms) {
  const at = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000);
  return at.toISOString().slice(0, 16);
}
