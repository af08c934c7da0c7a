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
  row.over = (request) => over(row, request);
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
  if (changed) {
    row.verdict = null;
    row.said.textContent = "The arguments changed since they were shown. Look again.";
  }
  draw(row);
  return changed;
}

function answered(row, result) {
  row.result = result;
  row.verdict = null;
  const { request } = result;
  if (result.status === 200) show(row.said, endWords(request, "Recorded: "));
  else show(row.said, h("strong", { text: "Not recorded. " }), result.detail ?? result.code);
  paint(row);
}

function over(row, request) {
  row.ended = request;
  row.verdict = null;
  if (!row.result) show(row.said, endWords(request, ""));
  paint(row);
}

/** What became of a request, naming who and why. */
function endWords(request, before) {
  if (!request) return `${before}no longer waiting`;
  if (request.state === "pending") return `${before}your vote; ${quorumShort(request.needs)} approvals so far`;
  const vote = decidingVote(request);
  const why = causeWords(request.cause);
  return [before, STATES[request.state] ?? request.state, vote ? [" by ", bdi(voterWords(vote))] : null, why ? `: ${why}` : null];
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
    cell("Asked", "fold-when", ago(data.created_at), h("span", { class: "sub" }, countdown(data.expires_at, "held"))),
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
