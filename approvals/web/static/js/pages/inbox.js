/**
 * The inbox: held calls beside the one being read; on a phone the list, with the request as a sheet over it.
 * New rows collect behind a button unless the list is at rest at its top, so nothing moves under the pointer.
 */
import { get } from "../api.js";
import { announce, h, settleDown, show } from "../dom.js";
import { filterForm, filtersOfUrl, activeFilters, queueAddress, requestsAddress, stateChoices } from "../filters.js";
import { isGroup, rowOf } from "../folding/group.js";
import { openFold } from "../folding/panel.js";
import { icon } from "../icons.js";
import { nothingWaiting } from "../inbox_empty.js";
import { rowList } from "../inbox_rows.js";
import { bind } from "../keys.js";
import { preference } from "../prefs.js";
import { openPanel } from "../request/panel.js";
import { isSteward } from "../roles.js";
import { frame, setTitle } from "../shell.js";
import { visible } from "../visible.js";
import { titleOf } from "../words.js";

const PAGE = 100;
const wide = window.matchMedia("(width >= 900px)");
const STATES_HERE = [
  ["pending", "Held now"],
  ["snoozed", "Snoozed by me"],
  ["all", "Everything"],
];

/** Draw the page. */
export async function page(main, { me, onChange }) {
  const box = { me, filters: filtersOfUrl(), panel: null, listed: [], wanted: PAGE, shown: new Set(), hovered: false };
  box.filters.state ||= "pending";
  box.rows = rowList((id) => open(box, id, { push: true, focus: !wide.matches }));
  build(box, main);
  bindKeys(box);
  const reload = settleDown(() => load(box), 150, 1000);
  onChange((ids) => {
    reload();
    if (box.panel && (!ids || ids.has(box.panel.id) || isGroup(box.panel.id))) box.panel.refresh();
  });
  window.addEventListener("popstate", () => open(box, openInUrl() ?? firstWhenWide(box), { push: false, focus: true }));
  await load(box, { first: true });
  const wanted = openInUrl() ?? firstWhenWide(box);
  if (wanted) open(box, wanted, { push: false, focus: false });
}

/** Beside a wide list something is always open: the first row, when the address names none. */
const firstWhenWide = (box) => (wide.matches ? (box.rows.ids()[0] ?? null) : null);

const openInUrl = () => {
  const query = new URLSearchParams(window.location.search);
  return query.get("open") ?? query.get("fold");
};

function build(box, main) {
  setTitle("Inbox");
  box.heading = h("h1", { class: "list-title", tabindex: "-1", text: "Inbox" });
  box.fresh = h("button", {
    class: "button fresh",
    type: "button",
    hidden: true,
    on: { click: () => apply(box, { all: true }) },
  });
  box.below = h("div", { class: "list-below" });
  box.form = filterForm(box.filters, {
    states: stateChoices(STATES_HERE),
    sorts: [
      ["", "Newest first"],
      ["ends", "Ends soonest first"],
    ],
    apply: (filters) => refilter(box, filters),
  });
  box.scroller = h("div", { class: "list-scroll" }, box.fresh, box.rows.element, box.below);
  box.scroller.addEventListener("pointerenter", () => (box.hovered = true));
  box.scroller.addEventListener("pointerleave", () => (box.hovered = false));
  box.list = h(
    "section",
    { class: "list", "aria-label": "Inbox" },
    h("div", { class: "list-head" }, box.heading, box.form.element),
    box.scroller,
  );
  box.place = h("div", { class: "detail-body" });
  const back = h(
    "button",
    { class: "button quiet sheet-back", type: "button", on: { click: () => window.history.back() } },
    icon("back"),
    h("span", { text: "Back to the list" }),
  );
  box.detail = h("section", { class: "detail", "aria-label": "Request" }, back, box.place);
  box.main = main;
  main.classList.add("inbox");
  show(main, box.list, box.detail);
  const density = () => (box.list.dataset.rows = preference("rows"));
  window.addEventListener("placet:rows", density);
  wide.addEventListener("change", () => sheet(box));
  density();
}

function refilter(box, filters) {
  const query = new URLSearchParams(
    Object.entries(filters).filter(([name, value]) => value && !(name === "state" && value === "pending")),
  );
  window.location.assign(query.size ? `/?${query}` : "/");
}

async function load(box, { all = false, first = false } = {}) {
  try {
    const { rows, more, waiting } = await firstRows(box);
    box.more = more;
    box.listed = rows;
    if (waiting !== null && box.filters.state === "pending" && activeFilters(box.filters).length === 1) frame.setCount(waiting);
    apply(box, { all: all || first });
  } catch (error) {
    if (!first) return;
    show(
      box.below,
      h("p", { class: "problem", role: "alert" }, "The list could not be loaded. ", visible(error.message)),
    );
  }
}

/** So many rows as are wanted, from the top. The server may give short pages, even empty ones, while more follow. */
async function firstRows(box) {
  const rows = new Map();
  let cursor = "";
  let waiting = null;
  do {
    const answer = await get(pageAddress({ ...box.filters, cursor }));
    // A group that got another call between two pages stands on both: the first counts.
    for (const row of answer.entries?.map(rowOf) ?? answer.requests) if (!rows.has(row.id)) rows.set(row.id, row);
    waiting ??= answer.waiting ?? null;
    cursor = answer.next_cursor ?? "";
  } while (cursor && rows.size < box.wanted);
  return { rows: [...rows.values()], more: Boolean(cursor), waiting };
}

/** What waits is a queue with groups; what I have put out of my sight waits, too, but not in my queue. */
function pageAddress(filters) {
  if (filters.state === "pending") return queueAddress(filters, { limit: PAGE, snoozed: "0" });
  if (filters.state === "snoozed") return queueAddress(filters, { limit: PAGE, snoozed: "1" });
  return requestsAddress(filters, { state: filters.state === "all" ? "" : filters.state, limit: PAGE });
}

/** Show what was loaded; without `all`, rows not seen before wait behind the button when the list is being read. */
function apply(box, { all }) {
  const atRest = all || (box.scroller.scrollTop < 8 && !box.hovered);
  const unseen = box.listed.filter((row) => !box.shown.has(row.id));
  const show = atRest ? box.listed : box.listed.filter((row) => box.shown.has(row.id));
  if (atRest) box.shown = new Set(box.listed.map((row) => row.id));
  box.rows.set(show);
  const count = atRest ? 0 : unseen.length;
  box.fresh.hidden = count === 0;
  box.fresh.textContent = `${count} new`;
  if (unseen.length && !all) announce(`${unseen.length} new`);
  below(box, show.length);
}

/** Go on with the list; the focus goes to the first row that came. */
async function showMore(box) {
  const last = box.rows.ids().at(-1);
  box.wanted += PAGE;
  await load(box, { all: true });
  const ids = box.rows.ids();
  box.rows.link(ids[ids.indexOf(last) + 1])?.focus();
}

async function below(box, count) {
  const filtered = activeFilters(box.filters).filter((name) => name !== "state").length > 0;
  if (count === 0 && (filtered || box.filters.state !== "pending")) {
    show(
      box.below,
      h(
        "div",
        { class: "empty" },
        h("h2", { text: "Nothing matches." }),
        h("a", { href: "/" }, "Show everything that is held"),
      ),
    );
  } else if (count === 0) {
    show(box.below, await nothingWaiting(box.me));
  } else {
    show(
      box.below,
      box.more
        ? h("button", { class: "button list-more", type: "button", text: "Show more", on: { click: () => showMore(box) } })
        : null,
    );
  }
  box.main.dataset.empty = String(count === 0 && !box.panel);
}

function open(box, id, { push, focus, trail = true }) {
  const previous = box.panel?.id ?? null;
  if (previous === id) return focusPanel(box, focus);
  box.panel?.close();
  box.panel = null;
  box.rows.select(id);
  const query = new URLSearchParams(window.location.search);
  for (const name of ["open", "fold"]) query.delete(name);
  if (id) query.set(isGroup(id) ? "fold" : "open", id);
  const path = query.size ? `/?${query}` : "/";
  // Going through the list by key leaves no trail on a wide page; what is opened on purpose does.
  if (push) window.history[trail || !wide.matches ? "pushState" : "replaceState"](null, "", path);
  if (isGroup(id)) {
    box.panel = openFold(box.place, id, {
      open: (one) => open(box, one, { push: true, focus: true }),
      decided: () => load(box),
    });
    box.place.scrollTop = 0;
    setTitle("Calls that are alike");
  } else if (id) {
    box.panel = openPanel(box.place, id, {
      me: box.me,
      loaded: (request) => {
        box.rows.put(request);
        setTitle(titleOf(request));
      },
      decided: (request) => afterDecision(box, request),
    });
    box.place.scrollTop = 0;
  } else {
    show(box.place);
    setTitle("Inbox");
  }
  box.main.dataset.empty = String(!id && box.rows.ids().length === 0);
  sheet(box);
  if (!id && previous) (box.rows.link(previous) ?? box.heading).focus();
  return focusPanel(box, focus);
}

function focusPanel(box, focus) {
  const { panel } = box;
  if (focus && panel) panel.ready.then(() => box.place.querySelector(".request-title")?.focus({ preventScroll: true }));
}

function sheet(box) {
  const over = box.panel !== null && !wide.matches;
  box.main.dataset.open = String(box.panel !== null);
  box.list.inert = over;
}

function afterDecision(box, request) {
  box.rows.put(request);
  if (request.state === "pending") return;
  if (request.decoy) {
    // Whoever answered a test of attention is told so, and not led on to the next request.
    box.place.querySelector(".request-title")?.focus({ preventScroll: true });
    return;
  }
  const choice = preference("after");
  if (choice === "back" && !wide.matches) window.history.back();
  if (choice === "stay" || !wide.matches) {
    box.place.querySelector(".request-title")?.focus({ preventScroll: true });
    return;
  }
  const ids = box.rows.ids();
  const next = ids[ids.indexOf(request.id) + 1] ?? ids[ids.indexOf(request.id) - 1];
  (box.rows.link(next) ?? box.heading).focus();
}

function step(box, by) {
  // A row can be known and not drawn: a decided one on its way out.
  const ids = box.rows.ids().filter((id) => box.rows.link(id));
  if (!ids.length) return;
  const focused = document.activeElement?.closest?.("a.row")?.dataset.id;
  const from = ids.indexOf(focused ?? box.panel?.id);
  const id = ids[Math.min(ids.length - 1, Math.max(0, from + by))];
  box.rows.link(id).focus();
  if (wide.matches) open(box, id, { push: true, focus: false, trail: false });
}

function bindKeys(box) {
  const opened = () => document.activeElement?.closest?.("a.row")?.dataset.id ?? box.rows.ids()[0];
  bind("j", "Next request", () => step(box, 1));
  bind("k", "Previous request", () => step(box, -1));
  bind("o", "Open the request", () => opened() && open(box, opened(), { push: true, focus: true }));
  bind("Enter", "Open the request", () => opened() && open(box, opened(), { push: true, focus: true }));
  bind("u", "Back to the list", () =>
    wide.matches ? (box.rows.link(box.panel?.id) ?? box.heading).focus() : box.panel && window.history.back(),
  );
  bind("a", "Approve (asks first; Enter confirms, but where the risk is high)", () => box.panel?.press("approve"));
  bind("d", "Deny (1 to 5 choose a reason)", () => box.panel?.press("deny"));
  bind("e", "Change the arguments", () => box.panel?.change());
  bind("A", "Approve all shown (in a group; asks before it sends)", () => box.panel?.markAll?.("approve"));
  bind("D", "Deny all shown (in a group; asks before it sends)", () => box.panel?.markAll?.("deny"));
  bind("t", "Approve and trust calls like this", () => box.panel?.press("trust"));
  bind("c", "Comment", () => box.panel?.act("Comment"));
  bind("s", "Snooze", () => box.panel?.act("Snooze"));
  bind("+", "Add 15 minutes", () => box.panel?.act("Add 15"));
  bind("v", "Arguments as tree or raw", () => box.panel?.flip());
  if (isSteward(box.me)) bind(".", "Pause the agent of the request", () => box.panel?.act("Pause the agent"));
  bind("h", "Names of hidden characters", () => document.documentElement.classList.toggle("hidden-names"));
  bind("]", "Next request", () => step(box, 1));
  bind("[", "Previous request", () => step(box, -1));
  bind("/", "Search", () => box.form.focusSearch());
}
