/** Stops: what is frozen, where break-glass is open and what ran by it, and what was before. */
import { Problem, address, get } from "../api.js";
import { h, settleDown, show } from "../dom.js";
import { isSteward } from "../roles.js";
import { setTitle } from "../shell.js";
import { freezeCard, glassCard } from "../stops/card.js";
import { askFreeze, askGlass } from "../stops/dialogs.js";
import { watchStops } from "../stops/state.js";
import { what, where, who } from "../stops/words.js";
import { table } from "../table.js";
import { ago, span } from "../time.js";
import { bdi } from "../visible.js";
import { STATES, TONES, factsLine } from "../words.js";

const GLASS = {
  never: "It is never opened here: the configuration does not allow it.",
  two_people: "When the people who approve are out of reach: two operators or admins together let calls run without approval, for 8 hours at most.",
  alert: "When the people who approve are out of reach: an operator or admin lets calls run without approval, for 8 hours at most, and every channel is told.",
};

const RAN = 10;

/** Draw the page. */
export function page(main, { me, onChange }) {
  setTitle("Stops");
  const body = h("div", { class: "page" }, h("p", { class: "muted", text: "Loading…" }));
  show(main, body);
  const ran = h("div", { class: "stops-part" });
  const look = () => showWhatRan(ran);
  onChange(settleDown(look, 500, 2000));
  look();
  let drawn = "";
  watchStops((state) => {
    const signature = JSON.stringify(state);
    if (signature === drawn) return;
    drawn = signature;
    show(body, head(me), frozen(state, me), glass(state, me), ran, before(state));
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

/** The newest calls that break-glass let run, where there are any. */
async function showWhatRan(place) {
  try {
    const { requests, next_cursor: more } = await get(address("/api/v1/requests", { ground: "break_glass", limit: RAN }));
    place.hidden = !requests.length;
    show(
      place,
      h("h2", { text: "Ran by break-glass" }),
      table("Ran by break-glass", CALLS, requests),
      more ? h("p", {}, h("a", { href: "/history?ground=break_glass", text: "All of them" })) : null,
    );
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    place.hidden = false;
    show(place, h("p", { class: "problem", role: "alert" }, "What ran by break-glass could not be loaded. ", bdi(error.message)));
  }
}

const CALLS = [
  { name: "Asked", cell: (request) => ago(request.created_at), className: "nowrap" },
  {
    name: "State",
    cell: (request) => h("span", { class: `state ${TONES[request.state] ?? ""}`, text: STATES[request.state] ?? request.state }),
  },
  {
    name: "Call",
    cell: (request) => h("a", { class: "mono", href: `/requests/${encodeURIComponent(request.id)}` }, bdi(request.tool)),
  },
  { name: "Arguments", cell: (request) => h("span", { class: "muted" }, bdi(factsLine(request.arguments))), className: "clip" },
  { name: "Server", cell: (request) => bdi(request.server) },
  { name: "Agent", cell: (request) => bdi(request.agent) },
];

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
