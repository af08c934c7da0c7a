/** Stops: what is frozen, where break-glass is open, and what was before. */
import { h, show } from "../dom.js";
import { isSteward } from "../roles.js";
import { setTitle } from "../shell.js";
import { freezeCard, glassCard } from "../stops/card.js";
import { askFreeze, askGlass } from "../stops/dialogs.js";
import { watchStops } from "../stops/state.js";
import { what, where, who } from "../stops/words.js";
import { table } from "../table.js";
import { ago, span } from "../time.js";
import { bdi } from "../visible.js";

const GLASS = {
  never: "It is never opened here: the configuration does not allow it.",
  two_people: "When the people who approve are out of reach: two operators or admins together let calls run without approval, for 8 hours at most.",
  alert: "When the people who approve are out of reach: an operator or admin lets calls run without approval, for 8 hours at most, and every channel is told.",
};

/** Draw the page. */
export function page(main, { me }) {
  setTitle("Stops");
  const body = h("div", { class: "page" }, h("p", { class: "muted", text: "Loading…" }));
  show(main, body);
  let drawn = "";
  watchStops((state) => {
    const signature = JSON.stringify(state);
    if (signature === drawn) return;
    drawn = signature;
    show(body, head(me), frozen(state, me), glass(state, me), before(state));
  });
}

function head(me) {
  const button = h("button", { class: "button primary", type: "button", text: "Freeze…", on: { click: () => askFreeze() } });
  return h(
    "header",
    { class: "page-head" },
    h(
      "div",
      {},
      h("h1", { text: "Stops" }),
      h("p", {
        text: "A freeze stops calls at once: of every agent, of one, or to one server. A stop comes before every policy, and nothing is lost by one that was a false alarm.",
      }),
    ),
    isSteward(me) ? button : null,
  );
}

function frozen({ freezes }, me) {
  return section(
    "Frozen now",
    freezes.length
      ? h("ul", { class: "stops boxed" }, freezes.map((one) => freezeCard(one, me)))
      : h("p", { class: "none", text: "Nothing is frozen. Agents call as their policies say." }),
  );
}

function glass({ openings, mode }, me) {
  const words = mode === "alert" ? "Open break-glass…" : "Ask for break-glass…";
  const button = h("button", { class: "button", type: "button", text: words, on: { click: () => askGlass(mode) } });
  return section(
    "Break-glass",
    h("p", { class: "muted", text: GLASS[mode] }),
    openings.length ? h("ul", { class: "stops boxed" }, openings.map((one) => glassCard(one, me))) : null,
    mode !== "never" && isSteward(me) ? h("p", {}, button) : null,
  );
}

function before({ recent, past }) {
  const rows = [...recent, ...past.map((one) => ({ ...one, glass: true }))]
    .filter((one) => one.ended_at)
    .sort((one, other) => Date.parse(other.at) - Date.parse(one.at));
  return section(
    "Before",
    rows.length ? table("Stops before", COLUMNS, rows) : h("p", { class: "none", text: "There was no stop yet." }),
  );
}

const COLUMNS = [
  { name: "What", cell: (one) => h("span", {}, one.glass ? ["Break-glass ", where(one)] : what(one)) },
  { name: "Why", cell: (one) => bdi(one.reason), className: "wide" },
  { name: "By", cell: by },
  { name: "Began", cell: (one) => ago(one.opened_at ?? one.at), className: "nowrap" },
  { name: "Lasted", cell: lasted, className: "nowrap" },
  { name: "Ended by", cell: (one) => h("span", {}, one.ended_by === "placet" ? "its time" : who(one.ended_by, one.ended_by)) },
];

function by(one) {
  const second = one.confirmed_by ? [" and ", who(one.confirmed_by, one.confirmed_by)] : null;
  return h("span", {}, who(one.by, one.name), second);
}

function lasted(one) {
  if (one.glass && !one.opened_at) return "not opened";
  return span(Date.parse(one.ended_at) - Date.parse(one.opened_at ?? one.at));
}

function section(title, ...content) {
  return h("section", { class: "stops-part", "aria-label": title }, h("h2", { text: title }), content);
}
