/**
 * One request of a group as a row: what differs in it, who asks, the time left, and its verdict. A row is marked only by
 * a press on it or on "all shown"; it keeps the binding it was shown with, and that is what is sent.
 */
import { h, show } from "../dom.js";
import { whyStopped } from "../request/stopped.js";
import { ago, countdown, now } from "../time.js";
import { bdi, brief } from "../visible.js";
import { STATES, causeWords, decidingVote, quorumShort, voterWords } from "../words.js";

const SHOWN = 240;
const SHORT = 28;

/** Make the row. Hooks: `changed()` after a mark, `open(id)`. */
export function foldRow(data, columns, { server, leftOut, changed, open }) {
  const row = { id: data.id, data, columns, server, leftOut, changed, open, verdict: null, result: null, ended: null };
  row.element = h("tr", { role: "row", data: { id: data.id } });
  row.reason = h("input", { class: "input", maxlength: "500", placeholder: "Reason", "aria-label": "Reason" });
  row.deny = verdictButton(row, "deny", "Deny");
  row.approve = verdictButton(row, "approve", "Approve");
  row.said = h("span", { class: "fold-said", role: "status" });
  row.cells = h("div", { class: "fold-verdict" }, h("span", { class: "group" }, row.deny, row.approve), row.reason, row.said);
  row.mark = (verdict) => mark(row, verdict);
  row.update = (newer) => update(row, newer);
  row.closed = (answer) => closed(row, answer);
  row.answered = (result) => answered(row, result);
  row.stopped = () => whyStopped({ ...row.data, server });
  row.take = (older) => take(row, older);
  draw(row);
  return row;
}

function verdictButton(row, answer, words) {
  return h("button", {
    class: `button ${answer === "deny" ? "no" : "yes"}`,
    type: "button",
    "aria-pressed": "false",
    text: words,
    on: { click: () => row.mark(row.verdict === answer ? null : answer) },
  });
}

/** Why this row cannot get this answer here, or "". */
function closed(row, answer) {
  const { data } = row;
  if (row.result || row.ended) return "It is not waiting for you any more.";
  if (Date.parse(data.expires_at) <= now()) return "Its time is up.";
  if (!data.may_decide) return data.why_not ? `You may not decide this: ${data.why_not}.` : "You may not decide this.";
  const stopped = answer === "approve" && whyStopped({ ...data, server: row.server, state: "pending" });
  if (stopped) return stopped;
  if (answer === "approve" && !whole(row)) return "Not all of this call fits here: open it, read it, and approve it there.";
  return "";
}

const whole = (row) => row.leftOut === 0 && row.data.cells.every((cell) => cell === null || textOf(cell.value).length <= SHOWN);

function mark(row, verdict) {
  if (verdict && row.closed(verdict)) return false;
  row.verdict = verdict;
  paint(row);
  row.changed();
  return true;
}

/** Take what the server says now. Arguments that changed take the mark away: nobody has judged these. */
function update(row, newer) {
  const changed = row.data.binding !== newer.binding;
  row.data = newer;
  row.ended = newer.state === "pending" ? null : newer;
  if (changed || row.ended) row.verdict = null;
  if (changed && !row.ended) row.said.textContent = "The arguments changed since they were shown. Look again.";
  if (row.result || row.ended) say(row);
  draw(row);
}

/** What an earlier drawing of the same row knows: its mark, what was typed, what became of it. */
function take(row, older) {
  row.reason.value = older.reason.value;
  row.result = older.result;
  row.ended = older.ended;
  row.verdict = older.verdict;
  show(row.said, ...older.said.childNodes);
}

function answered(row, result) {
  row.result = result;
  row.verdict = null;
  say(row);
  paint(row);
}

/** What came of this page's decision, and how the request stands now: the newer of what is known. */
function say(row) {
  const { result } = row;
  const now = result?.request && result.request.revision > row.data.revision ? result.request : row.data;
  if (!result) show(row.said, endWords(now));
  else if (result.status === 200) show(row.said, "Recorded: ", endWords(now));
  else show(row.said, h("strong", { text: "Not recorded. " }), result.detail ?? result.code, row.ended ? [" ", endWords(now), "."] : null);
}

/** What became of a request, naming who and why. */
function endWords(request) {
  if (request.state === "pending") return `your vote; ${quorumShort(request.needs)} approvals so far`;
  const by = { denied: " by ", approved: " by ", expired: "", cancelled: "" }[request.state] ?? ", approved by ";
  const vote = by ? decidingVote(request) : null;
  const why = causeWords(request.cause);
  return [STATES[request.state] ?? request.state, vote ? [by, bdi(voterWords(vote))] : null, why ? `: ${why}` : null];
}

function draw(row) {
  const { data } = row;
  const link = h("a", { href: `/requests/${encodeURIComponent(data.id)}`, text: "Open" });
  link.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    row.open(data.id);
  });
  const cell = (name, className, ...content) =>
    h("td", { role: "cell", class: className, data: { name } }, h("div", {}, content));
  show(
    row.element,
    row.columns.map((path, at) => cell(path.slice(1), lengthClass(data.cells[at]), valueView(data.cells[at]))),
    cell("Agent", "", bdi(data.agent), data.owner ? h("span", { class: "sub" }, "for ", bdi(data.owner)) : null, extras(data)),
    cell("Asked", "fold-when", ago(data.created_at), row.ended ? null : h("span", { class: "sub" }, countdown(data.expires_at, "held"))),
    cell("", "", link),
    cell("Verdict", "", row.cells),
  );
  paint(row);
}

function extras(data) {
  return [
    data.justification ? h("span", { class: "sub fold-says" }, "says, unverified: ", bdi(data.justification)) : null,
    (data.over ?? []).map((words) => h("span", { class: "sub" }, "goes over ", bdi(words))),
    data.needs.some((need) => need.count > 1 || need.have) ? h("span", { class: "sub", text: `${quorumShort(data.needs)} approvals` }) : null,
  ];
}

function paint(row) {
  for (const [button, answer] of [
    [row.deny, "deny"],
    [row.approve, "approve"],
  ]) {
    const why = row.closed(answer);
    button.setAttribute("aria-pressed", String(row.verdict === answer));
    button.disabled = Boolean(why);
    button.title = why;
  }
  row.reason.hidden = row.verdict !== "deny";
  row.element.dataset.verdict = row.verdict ?? "";
  row.element.dataset.over = String(Boolean(row.result || row.ended));
  row.cells.firstChild.hidden = Boolean(row.result || row.ended);
}

/** A value as it is read: a text bare, unless it could be taken for something else. */
export function textOf(value) {
  if (typeof value !== "string") return JSON.stringify(value);
  return value === "" || value !== value.trim() || /^(true|false|null|[-\d"{[–])/.test(value) ? JSON.stringify(value) : value;
}

const lengthClass = (cell) => `fold-cell ${cell && textOf(cell.value).length > SHORT ? "long" : "short"}`;

/** A value, or a dash for a member that is not there. */
export function valueView(cell) {
  if (!cell) return h("span", { class: "muted" }, "–", h("span", { class: "sr", text: " (absent)" }));
  const text = textOf(cell.value);
  return bdi(text.length > SHOWN ? brief(text, SHOWN) : text, "mono");
}
