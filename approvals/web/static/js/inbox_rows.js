/**
 * The rows of the inbox, kept by id. Rows are changed in place and only moved when they must be, so the focus and
 * what is under the pointer stay; a row that is no longer held slides out, unless it is the one being read.
 */
import { h, show } from "./dom.js";
import { callsWords, isGroup } from "./folding/group.js";
import { semaphore } from "./icons.js";
import { editedMark } from "./request/changed.js";
import { ago, bar, countdown } from "./time.js";
import { bdi } from "./visible.js";
import { STATES, TONES, decidingVote, factsLine, quorumShort } from "./words.js";

/** Make the list. `open(id, event)` is called for a click on a row. */
export function rowList(open) {
  const element = h("ol", { class: "rows", "aria-label": "Requests" });
  const nodes = new Map();
  const rows = { element, nodes, selected: null };
  element.addEventListener("click", (event) => {
    const link = event.target.closest("a.row");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    open(link.dataset.id);
  });
  rows.ids = () => [...element.querySelectorAll("a.row")].map((link) => link.dataset.id);
  rows.link = (id) => nodes.get(id)?.item.firstChild ?? null;
  rows.set = (requests) => set(rows, requests);
  rows.put = (request) => nodes.has(request.id) && paint(nodes.get(request.id), request);
  rows.select = (id) => select(rows, id);
  return rows;
}

function set(rows, requests) {
  const wanted = new Set(requests.map((request) => request.id));
  for (const [id, node] of rows.nodes) {
    // A request that is being read keeps its row, which says what became of it; a group that is over has none to keep.
    if (!wanted.has(id) && (id !== rows.selected || isGroup(id))) leave(rows, id, node);
  }
  let before = rows.element.firstElementChild;
  for (const request of requests) {
    const node = rows.nodes.get(request.id) ?? add(rows, request);
    paint(node, request);
    while (before && (before.classList.contains("leaving") || (!wanted.has(before.dataset.id) && before !== node.item)))
      before = before.nextElementSibling;
    if (before === node.item) before = before.nextElementSibling;
    else rows.element.insertBefore(node.item, before);
  }
  select(rows, rows.selected);
}

function add(rows, request) {
  const item = h(
    "li",
    { data: { id: request.id } },
    h("a", { class: "row", href: addressOf(request), data: { id: request.id } }),
  );
  const node = { item, text: "" };
  rows.nodes.set(request.id, node);
  return node;
}

/** A request has a page; a group opens beside the list. */
function addressOf({ id, group }) {
  return group ? `/?fold=${encodeURIComponent(id)}` : `/requests/${encodeURIComponent(id)}`;
}

function leave(rows, id, node) {
  rows.nodes.delete(id);
  if (node.item.contains(document.activeElement)) (node.item.nextElementSibling ?? node.item.previousElementSibling)?.firstChild.focus();
  node.item.classList.add("leaving");
  window.setTimeout(() => node.item.remove(), 130);
}

function select(rows, id) {
  const previous = rows.selected;
  rows.selected = id;
  for (const [key, node] of rows.nodes) {
    if (key === id) node.item.firstChild.setAttribute("aria-current", "true");
    else node.item.firstChild.removeAttribute("aria-current");
  }
  const old = rows.nodes.get(previous);
  if (old && previous !== id && old.gone) leave(rows, previous, old);
}

function paint(node, request) {
  if (request.group) return paintGroup(node, request);
  const text = JSON.stringify([request.revision, request.state, request.needs, request.waiting]);
  if (node.text === text) return;
  node.text = text;
  const held = request.state === "pending";
  node.gone = !held && node.item.dataset.held === "true";
  if (held) node.item.dataset.held = "true";
  const link = node.item.firstChild;
  link.dataset.state = request.state;
  show(
    link,
    held ? bar(request) : null,
    h(
      "span",
      { class: "row-risk" },
      semaphore(request.severity),
      h("span", { class: "row-risk-word", text: request.risk }),
    ),
    h(
      "span",
      { class: "row-tool" },
      bdi(request.tool, "mono"),
      h("span", { class: "muted" }, " on ", bdi(request.server)),
    ),
    held ? countdown(request.expires_at, "row-left held") : stateWords(request),
    h("span", { class: "row-facts" }, editedMark(request), bdi(factsLine(request.arguments))),
    h("span", { class: "row-who" }, bdi(request.agent), request.owner ? [" for ", bdi(request.owner)] : null),
    h(
      "span",
      { class: "row-quorum" },
      ago(request.created_at),
      held
        ? [
            " · ",
            h("span", { title: "approvals given / needed", text: quorumShort(request.needs) }),
            h("span", { class: "sr", text: " approvals" }),
          ]
        : null,
    ),
  );
}

function paintGroup(node, group) {
  const text = JSON.stringify([group.count, group.alike, group.mine, group.agents, group.agents_count, group.expires_at]);
  if (node.text === text) return;
  node.text = text;
  node.item.dataset.held = "true";
  const link = node.item.firstChild;
  link.dataset.state = "pending";
  const others = group.agents_count - 1;
  show(
    link,
    bar(group),
    h(
      "span",
      { class: "row-risk" },
      semaphore(group.severity),
      h("span", { class: "row-risk-word", text: group.risk }),
    ),
    h("span", { class: "row-tool" }, bdi(group.tool, "mono"), h("span", { class: "muted" }, " on ", bdi(group.server))),
    countdown(group.expires_at, "row-left held"),
    h(
      "span",
      { class: "row-facts" },
      h("span", { class: "row-count", text: countOf(group) }),
      group.count === group.alike ? " that are alike, as one table" : ` of ${group.alike} that are alike`,
    ),
    h("span", { class: "row-who" }, bdi(group.agents[0]), others ? ` and ${others} more ${others === 1 ? "agent" : "agents"}` : null),
    h("span", { class: "row-quorum" }, "first ends · ", h("span", { text: `${group.mine} for you` })),
  );
}

const countOf = ({ count, alike }) => (count === alike ? callsWords(count) : String(count));

function stateWords(request) {
  const vote = decidingVote(request);
  return h(
    "span",
    { class: `row-left ${TONES[request.state] ?? ""}` },
    STATES[request.state] ?? request.state,
    vote ? h("span", { class: "sr" }, " by ", bdi(vote.reviewer)) : null,
  );
}
