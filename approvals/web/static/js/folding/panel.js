/**
 * A group of calls that are alike: what they have in common once, a row for each, a verdict per row. Rows that join
 * later wait behind a button, unmarked, and no button decides a row that was not on the screen.
 */
import { Problem, get } from "../api.js";
import { announce, h, show } from "../dom.js";
import { icon, semaphore } from "../icons.js";
import { watchStops } from "../stops/state.js";
import { visible, bdi } from "../visible.js";
import { callsWords, countsWords } from "./group.js";
import { foldRow, valueView } from "./row.js";
import { sendMarked } from "./send.js";

/** Open the group in `place`. Hooks: `open(id)` shows one request, `decided()` after this page's own decisions. */
export function openFold(place, id, { open, decided = () => {} }) {
  const panel = { place, id, open, decided, rows: new Map(), group: null, fresh: [], alive: true, sending: false };
  show(place, h("p", { class: "muted loading", text: "Loading the calls…" }));
  panel.refresh = () => refresh(panel);
  const unwatch = watchStops(() => panel.group && panel.refresh());
  panel.close = () => {
    panel.alive = false;
    unwatch();
  };
  // What one open request can do and a group cannot.
  for (const act of ["flip", "act", "change"]) panel[act] = () => {};
  panel.press = (answer) => pressRow(panel, answer);
  panel.markAll = (answer) => markAll(panel, answer);
  panel.ready = refresh(panel);
  return panel;
}

async function refresh(panel) {
  try {
    const group = await get(`/api/v1/folds/${encodeURIComponent(panel.id)}`);
    if (panel.alive) await accept(panel, group);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (!panel.alive) return;
    if (panel.group && error.status === 404) await accept(panel, { ...panel.group, rows: [], more: 0 });
    else if (!panel.group) absent(panel, error);
  }
}

function absent(panel, error) {
  const gone = error.status === 404;
  show(
    panel.place,
    h(
      "div",
      { class: "empty panel-empty", role: "status" },
      h("h1", { text: gone ? "None of these calls waits any more" : "The calls could not be loaded" }),
      h("p", { text: gone ? "They were decided, or their time ran out. History has each of them." : error.message }),
      h("a", { class: "button", href: "/history", text: "Open History" }),
    ),
  );
}

async function accept(panel, group) {
  const first = !panel.group;
  // A column more or less makes other cells of every row: then they are all drawn anew, with the marks they had.
  const same = !first && JSON.stringify(panel.group.columns) === JSON.stringify(group.columns);
  const now = new Map(group.rows.map((row) => [row.id, row]));
  if (!first && group.rows.length === 0) group = { ...panel.group, rows: [], more: 0 };
  panel.group = group;
  if (first) draw(panel);
  if (!first && !same && group.rows.length) rebuild(panel, now);
  for (const [id, row] of panel.rows) if (now.has(id) && same) row.update(now.get(id));
  panel.fresh = group.rows.filter((row) => !panel.rows.has(row.id));
  if (first) takeFresh(panel);
  await findEnded(panel, now);
  fillIn(panel);
}

function rebuild(panel, now) {
  show(panel.head, headOf(panel.group));
  for (const [id, old] of panel.rows) {
    const made = addRow(panel, now.get(id) ?? { ...old.data, cells: panel.group.columns.map(() => null) });
    made.reason.value = old.reason.value;
    if (old.result) made.answered(old.result);
    if (old.ended) made.over(old.ended);
    if (old.verdict && old.data.binding === made.data.binding) made.mark(old.verdict);
    old.element.replaceWith(made.element);
  }
}

/** What is not in the group any more ended elsewhere, or by this page: its record says how. */
async function findEnded(panel, now) {
  for (const [id, row] of panel.rows) {
    if (now.has(id) || row.ended || row.looked) continue;
    row.looked = true;
    const request = await get(`/api/v1/requests/${encodeURIComponent(id)}`).catch(() => null);
    if (!panel.alive) return;
    if (request && request.state === "pending") row.looked = false;
    else row.over(request);
  }
}

function takeFresh(panel) {
  for (const data of panel.fresh) panel.body.append(addRow(panel, data).element);
  panel.fresh = [];
}

function addRow(panel, data) {
  const { columns, left_out: leftOut } = panel.group;
  const row = foldRow(data, columns, { server: panel.group.server, leftOut, changed: () => fillIn(panel), open: panel.open });
  panel.rows.set(data.id, row);
  return row;
}

function draw(panel) {
  const { group } = panel;
  panel.joined = h("button", {
    class: "button fold-joined",
    type: "button",
    hidden: true,
    on: { click: () => (takeFresh(panel), fillIn(panel)) },
  });
  panel.note = h("div", { class: "fold-notes" });
  panel.head = h("tr", { role: "row" });
  panel.body = h("tbody", { role: "rowgroup" });
  panel.common = h("section", { class: "fold-common", "aria-label": "In common" });
  panel.send = h("button", { class: "button primary", type: "button", on: { click: () => send(panel) } });
  panel.count = h("p", { class: "fold-count" });
  const all = (words, answer) =>
    h("button", { class: "button", type: "button", text: words, on: { click: () => panel.markAll(answer) } });
  panel.bar = h(
    "section",
    { class: "fold-bar", "aria-label": "Your decisions" },
    h("div", { class: "fold-all" }, all("Deny all shown", "deny"), all("Approve all shown", "approve"), all("Clear", null)),
    panel.count,
    panel.send,
  );
  show(panel.head, headOf(group));
  show(
    panel.place,
    h(
      "article",
      { class: "request fold", "aria-label": "Calls that are alike", data: { state: "pending" } },
      h("div", { class: "request-main" }, headline(group), panel.note, panel.common, tableView(panel)),
      h("div", { class: "slot slot-decision" }, panel.bar),
    ),
  );
}

function tableView(panel) {
  const caption = `Calls of ${panel.group.tool}`;
  return h(
    "div",
    {},
    panel.joined,
    h(
      "div",
      { class: "scroll", role: "region", "aria-label": caption, tabindex: "0" },
      h(
        "table",
        { class: "ledger fold-table", role: "table" },
        h("caption", { class: "sr", text: caption }),
        h("thead", { role: "rowgroup" }, panel.head),
        panel.body,
      ),
    ),
  );
}

function headOf(group) {
  const names = [...group.columns.map((path) => path.slice(1)), "Agent", "Asked", "", "Verdict"];
  return names.map((name) => h("th", { role: "columnheader", scope: "col" }, name ? bdi(name) : h("span", { class: "sr", text: "Open" })));
}

function headline(group) {
  return h(
    "header",
    { class: "request-head" },
    h(
      "p",
      { class: "request-kind" },
      semaphore(group.severity),
      h("span", { class: "risk", text: `${group.risk} risk, ${group.severity} severity` }),
      h("span", { class: "state held", text: "Held" }),
    ),
    h(
      "h1",
      { tabindex: "-1", class: "request-title" },
      bdi(group.tool, "mono-title"),
      h("span", { class: "muted" }, " on ", bdi(group.server)),
    ),
    h(
      "p",
      { class: "request-sentence" },
      "Calls that one rule holds for the same people. Rule ",
      bdi(group.rule, "mono"),
      group.rule_reason ? [": ", bdi(group.rule_reason)] : null,
    ),
  );
}

function commonView({ common, columns }) {
  if (!common.length) return null;
  const facts = common.flatMap(({ path, value }) => [
    h("dt", { class: "mono" }, bdi(path.slice(1))),
    h("dd", { class: "fold-cell" }, bdi(typeof value === "string" ? value : JSON.stringify(value, null, 2), "mono", { breaks: true })),
  ]);
  return [
    h("h2", { text: columns.length ? "The same in all of them" : "All of them are the same call" }),
    h("dl", { class: "fold-facts" }, facts),
  ];
}

function notes(panel) {
  const { group } = panel;
  return [
    group.redacted ? "Values that you may not read are masked; they may differ." : "",
    group.left_out ? `${group.left_out} more places differ than fit into the table: open a call to approve it.` : "",
    group.more ? `${group.more} more like these wait. They come up as these are decided.` : "",
  ]
    .filter(Boolean)
    .map((text) => h("p", { class: "muted", text }));
}

function fillIn(panel) {
  const rows = [...panel.rows.values()];
  const marked = rows.filter((row) => row.verdict);
  const approve = marked.filter((row) => row.verdict === "approve").length;
  const open = rows.filter((row) => !row.result && !row.ended).length;
  show(panel.note, notes(panel));
  show(panel.common, commonView(panel.group));
  panel.joined.hidden = panel.fresh.length === 0;
  const words = `${callsWords(panel.fresh.length)} more like these: show`;
  if (panel.fresh.length && panel.joined.textContent !== words) announce(words);
  panel.joined.textContent = words;
  panel.count.textContent = `${callsWords(open)} waiting here, ${marked.length} marked`;
  show(panel.send, icon("yes"), h("span", { text: sendWords(approve, marked.length - approve) }));
  panel.send.disabled = panel.sending || marked.length === 0 || !navigator.onLine;
}

function sendWords(approve, deny) {
  return approve + deny ? `${countsWords(approve, deny)}…` : "Mark rows to decide them";
}

function markAll(panel, answer) {
  const refused = [...panel.rows.values()].filter((row) => !row.result && !row.ended && !row.mark(answer) && answer);
  if (refused.length) announce(`${callsWords(refused.length)} cannot be marked: ${refused[0].closed(answer)}`);
}

/** The key of a verdict: marks the row of the focus and goes on to the next. */
function pressRow(panel, answer) {
  const rows = [...panel.rows.values()].filter((row) => !row.result && !row.ended);
  const focused = document.activeElement?.closest?.(".fold-table tr")?.dataset.id;
  const row = rows.find((one) => one.id === focused) ?? rows.find((one) => !one.verdict);
  if (!row) return;
  if (!row.mark(row.verdict === answer ? null : answer)) announce(row.closed(answer));
  const next = rows[rows.indexOf(row) + 1] ?? row;
  next[answer].focus();
}

async function send(panel) {
  const rows = [...panel.rows.values()].filter((row) => row.verdict);
  if (!rows.length || panel.sending) return;
  panel.sending = true;
  fillIn(panel);
  try {
    const results = await sendMarked(panel.group, rows);
    if (!results || !panel.alive) return;
    // The table may have been drawn anew meanwhile: the answer belongs to the row that stands there now.
    results.forEach((result, at) => panel.rows.get(rows[at].id).answered(result));
    const done = results.filter((result) => result.status === 200).length;
    announce(`${done} recorded, ${results.length - done} not.`);
    panel.decided();
  } finally {
    panel.sending = false;
    if (panel.alive) await refresh(panel);
    if (panel.alive && panel.group) fillIn(panel);
  }
}
