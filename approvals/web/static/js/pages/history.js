/** The history: every request, newest first, searched and filtered by the server, page by page through its cursor. */
import { get } from "../api.js";
import { rowsAsCsv } from "../csv.js";
import { download, h, show } from "../dom.js";
import { activeFilters, filterForm, filtersOfUrl, requestsAddress, stateChoices } from "../filters.js";
import { icon } from "../icons.js";
import { bind } from "../keys.js";
import { editedMark } from "../request/changed.js";
import { setTitle } from "../shell.js";
import { table } from "../table.js";
import { ago } from "../time.js";
import { bdi, visible } from "../visible.js";
import { STATES, TONES, causeWords, decidingVote, doersNodes, factsLine } from "../words.js";

const PAGE = 50;

/** Draw the page. */
export async function page(main, { onChange }) {
  setTitle("History");
  const filters = filtersOfUrl();
  const body = h("div", { class: "history" }, h("p", { class: "muted", text: "Loading…" }));
  const form = filterForm(filters, {
    states: stateChoices([["", "Every state"]]),
    apply: (chosen) => window.location.assign(link(chosen)),
  });
  show(
    main,
    h(
      "div",
      { class: "page" },
      h(
        "header",
        { class: "page-head" },
        h("div", {}, h("h1", { text: "History" }), h("p", { text: "Every call that was held, newest first." })),
      ),
      form.element,
      body,
    ),
  );
  bind("/", "Search", form.focusSearch);
  const load = async () => {
    try {
      const answer = await get(requestsAddress(filters, { state: filters.state, limit: PAGE }));
      draw(body, filters, answer.requests, answer.next_cursor);
    } catch (error) {
      show(
        body,
        h("p", { class: "problem", role: "alert" }, "The history could not be loaded. ", visible(error.message)),
      );
    }
  };
  onChange(() => !filters.cursor && window.scrollY < 8 && !body.contains(document.activeElement) && load());
  await load();
}

function link(filters) {
  const query = new URLSearchParams(Object.entries(filters).filter(([, value]) => value));
  return query.size ? `/history?${query}` : "/history";
}

function draw(body, filters, requests, next) {
  if (!requests.length) {
    const filtered = activeFilters(filters).length > 0;
    show(
      body,
      h(
        "div",
        { class: "empty" },
        h("h2", { text: filtered ? "Nothing matches." : "Nothing has been held yet." }),
        filtered ? h("a", { href: "/history" }, "Show the whole history") : null,
        next ? h("a", { href: link({ ...filters, cursor: next }) }, "Look further back") : null,
      ),
    );
    return;
  }
  const stamp = new Date().toISOString().slice(0, 16).replaceAll(":", "");
  const save = (kind, type, text) => () => download(`placet-history-${stamp}.${kind}`, type, text());
  show(
    body,
    table("Requests", COLUMNS, requests, { className: "two-lines", rowProps: (request) => ({ data: { state: request.state } }) }),
    h(
      "div",
      { class: "table-foot" },
      h(
        "nav",
        { class: "pager", "aria-label": "Further pages" },
        filters.cursor ? h("a", { class: "button", href: link({ ...filters, cursor: "" }) }, "Newest") : null,
        next
          ? h("a", { class: "button", href: link({ ...filters, cursor: next }), rel: "next" }, "Older", icon("next"))
          : h("span", { class: "muted", text: "The end of the history." }),
      ),
      h(
        "div",
        { class: "pager" },
        h("span", { class: "muted", text: `These ${requests.length} as` }),
        h(
          "button",
          {
            class: "button",
            type: "button",
            on: { click: save("csv", "text/csv;charset=utf-8", () => rowsAsCsv(requests)) },
          },
          icon("download"),
          h("span", { text: "CSV" }),
        ),
        h(
          "button",
          {
            class: "button",
            type: "button",
            on: { click: save("json", "application/json", () => `${JSON.stringify({ requests }, null, 2)}\n`) },
          },
          icon("download"),
          h("span", { text: "JSON" }),
        ),
      ),
    ),
  );
}

function byWhom(request) {
  if (request.state === "pending") return h("span", { class: "muted", text: "waiting" });
  if (request.grant) return h("a", { class: "muted", href: `/grants?open=${encodeURIComponent(request.grant.id)}`, text: "a grant" });
  const who = doersNodes(request, (name) => bdi(name));
  if (request.state === "cancelled" && who) return h("span", {}, who, h("span", { class: "muted", text: ` · ${causeWords(request.cause)}` }));
  if (request.ground === "break_glass") return h("span", { class: "muted" }, "break-glass", who ? [" by ", who] : null);
  const vote = decidingVote(request);
  if (!vote)
    return h("span", { class: "muted" }, causeWords(request.cause) || "–");
  return h("span", {}, bdi(vote.name ?? vote.reviewer), h("span", { class: "muted", text: ` via ${vote.via}` }));
}

const COLUMNS = [
  { name: "Asked", className: "nowrap at", cell: (request) => ago(request.created_at) },
  {
    name: "State",
    className: "nowrap is",
    cell: (request) =>
      h("span", { class: `state ${TONES[request.state] ?? ""}`, text: STATES[request.state] ?? request.state }),
  },
  {
    name: "Call",
    className: "nowrap call",
    cell: (request) =>
      h("a", { class: "mono", href: `/requests/${encodeURIComponent(request.id)}` }, bdi(request.tool)),
  },
  {
    name: "Arguments",
    className: "clip",
    cell: (request) => h("span", { class: "muted" }, editedMark(request), bdi(factsLine(request.arguments))),
  },
  { name: "Server", className: "nowrap more", cell: (request) => bdi(request.server) },
  {
    name: "Agent",
    className: "more",
    cell: (request) =>
      h(
        "span",
        {},
        bdi(request.agent),
        request.owner ? h("span", { class: "muted" }, " for ", bdi(request.owner)) : null,
      ),
  },
  { name: "Decided by", className: "more", cell: byWhom },
];
