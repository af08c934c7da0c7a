/**
 * A group of calls that are alike: what they have in common once, a row for each, a verdict per row. Rows that join
 * later wait behind a button, unmarked, and no button decides a row that was not on the screen.
 */
import { Problem, address, get } from "../api.js";
import { announce, h, show } from "../dom.js";
import { icon, semaphore } from "../icons.js";
import { watchStops } from "../stops/state.js";
import { bdi } from "../visible.js";
import { callsWords, countsWords } from "./group.js";
import { foldRow, valueView } from "./row.js";
import { sendMarked } from "./send.js";

/** So many rows the server keeps in the table, be they ended or not. */
const SHOWN_MOST = 200;

/** Open the group in `place`. Hooks: `open(id)` shows one request, `decided()` after this page's own decisions. */
export function openFold(place, id, { open, decided = () => {} }) {
  const panel = { place, id, open, decided, rows: new Map(), group: null, fresh: [], left: 0, alive: true, sending: false };
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

/** One look at a time, so that an older answer never follows a newer one; who asks meanwhile gets another look. */
async function refresh(panel) {
  panel.again = true;
  if (panel.looking) return panel.looking;
  panel.looking = (async () => {
    while (panel.again && panel.alive) {
      panel.again = false;
      await look(panel);
    }
  })();
  try {
    return await panel.looking;
  } finally {
    panel.looking = null;
  }
}

/** The rows on the screen are named: those that ended stay in the table, and say what became of them. */
async function look(panel) {
  const shown = [...panel.rows.keys()].slice(-SHOWN_MOST).join(",");
  try {
    const group = await get(address(`/api/v1/folds/${encodeURIComponent(panel.id)}`, { shown }));
    if (panel.alive) accept(panel, group);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (panel.alive && (!panel.group || error.status === 404)) absent(panel, error);
  }
}

function absent(panel, error) {
  const gone = error.status === 404;
  panel.group = null;
  panel.rows.clear();
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

function accept(panel, group) {
  const first = !panel.group;
  // A column more or less makes other cells of every row: then they are all drawn anew, with the marks they had.
  const same = !first && JSON.stringify(panel.group.columns) === JSON.stringify(group.columns);
  const now = new Map(group.rows.map((row) => [row.id, row]));
  panel.group = group;
  if (first) draw(panel);
  for (const [id, row] of panel.rows) {
    if (!now.has(id)) leave(panel, row);
    else if (same) row.update(now.get(id));
    else rebuild(panel, row, now.get(id));
  }
  if (!first && !same) show(panel.head, headOf(group));
  panel.fresh = group.rows.filter((row) => row.state === "pending" && !panel.rows.has(row.id));
  if (first) takeFresh(panel);
  fillIn(panel);
}

function rebuild(panel, old, data) {
  const made = addRow(panel, old.data);
  made.take(old);
  made.update(data);
  old.element.replaceWith(made.element);
}

/** What is not in the table any more is not like the others: what stands over them would not be true of it. */
function leave(panel, row) {
  panel.rows.delete(row.id);
  row.element.remove();
  panel.left += 1;
}

function takeFresh(panel) {
  const over = [...panel.rows.values()].filter((row) => row.ended);
  while (over.length && panel.rows.size + panel.fresh.length > SHOWN_MOST) leave(panel, over.shift());
  panel.left = 0;
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
  panel.yes = all("Approve all shown", "approve");
  panel.all = h("div", { class: "fold-all" }, all("Deny all shown", "deny"), panel.yes, all("Clear", null));
  panel.bar = h(
    "section",
    { class: "fold-bar", "aria-label": "Your decisions" },
    panel.all,
    panel.count,
    panel.send,
  );
  panel.state = h("span", { class: "state" });
  panel.article = h(
    "article",
    { class: "request fold", "aria-label": "Calls that are alike" },
    h("div", { class: "request-main" }, headline(panel), panel.note, panel.common, tableView(panel)),
    h("div", { class: "slot slot-decision" }, panel.bar),
  );
  show(panel.head, headOf(group));
  show(panel.place, panel.article);
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

function headline({ group, state }) {
  return h(
    "header",
    { class: "request-head" },
    h(
      "p",
      { class: "request-kind" },
      semaphore(group.severity),
      h("span", { class: "risk", text: `${group.risk} risk, ${group.severity} severity` }),
      state,
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

function notes(panel, open) {
  const { group } = panel;
  const stops = new Set(open.map((row) => row.stopped()).filter(Boolean));
  return [
    ...[...stops].map((text) => h("p", { class: "problem stopped", role: "status", text })),
    ...[
      group.redacted ? "Values that you may not read are masked; they may differ." : "",
      group.left_out ? `${group.left_out} more places differ than fit into the table: open a call to approve it.` : "",
      group.more ? `${group.more} more like these wait. They come up as these are decided.` : "",
      panel.left ? `${callsWords(panel.left)} left this table: not alike any more, or not yours to see. The list and History have each.` : "",
    ]
      .filter(Boolean)
      .map((text) => h("p", { class: "muted", text })),
  ];
}

function fillIn(panel) {
  const rows = [...panel.rows.values()];
  const marked = rows.filter((row) => row.verdict);
  const approve = marked.filter((row) => row.verdict === "approve").length;
  const open = rows.filter((row) => !row.result && !row.ended);
  const held = rows.some((row) => !row.ended);
  show(panel.note, notes(panel, open));
  show(panel.common, commonView(panel.group));
  panel.state.textContent = held ? "Held" : "None waits any more";
  panel.state.classList.toggle("held", held);
  panel.article.dataset.state = held ? "pending" : "ended";
  panel.joined.hidden = panel.fresh.length === 0;
  const words = `${callsWords(panel.fresh.length)} more like these: show`;
  if (panel.fresh.length && panel.joined.textContent !== words) announce(words);
  panel.joined.textContent = words;
  panel.count.textContent = open.length ? `${callsWords(open.length)} waiting here, ${marked.length} marked` : "None of these waits for you.";
  panel.all.hidden = panel.send.hidden = open.length === 0;
  panel.yes.disabled = open.every((row) => row.closed("approve"));
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
    results.forEach((result, at) => panel.rows.get(rows[at].id)?.answered(result));
    const done = results.filter((result) => result.status === 200).length;
    announce(`${done} recorded, ${results.length - done} not.`);
    panel.decided();
  } finally {
    panel.sending = false;
    if (panel.alive) await refresh(panel);
    if (panel.alive && panel.group) fillIn(panel);
  }
}
