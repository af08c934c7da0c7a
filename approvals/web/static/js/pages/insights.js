/** How people decide: how fast, how often, whether they can have read it, and whether what ran was as expected. */
import { address, get } from "../api.js";
import { h, show } from "../dom.js";
import { icon } from "../icons.js";
import { brief, reviewerTable, ruleTable, share, toolTable } from "../insights/groups.js";
import { historyChart } from "../insights/history.js";
import { loadChart } from "../insights/load.js";
import { setTitle } from "../shell.js";
import { now } from "../time.js";
import { bdi, visible } from "../visible.js";

const PERIODS = [
  ["1", "24 hours"],
  ["7", "7 days"],
  ["30", "30 days"],
  ["90", "90 days"],
];
const USUAL = "30";

/** Draw the page. */
export async function page(main, { me }) {
  setTitle("Insights");
  const asked = new URLSearchParams(window.location.search);
  const days = PERIODS.some(([value]) => value === asked.get("days")) ? asked.get("days") : USUAL;
  const server = asked.get("server") ?? "";
  const scope = h("p", { text: "How people decide." });
  const body = h("div", { class: "insights" }, h("p", { class: "muted", text: "Counting…" }));
  const head = h("header", { class: "page-head" }, h("div", {}, h("h1", { text: "Insights" }), scope), choices(days, server));
  show(main, h("div", { class: "page" }, head, body));
  const from = new Date(now() - Number(days) * 86_400_000).toISOString();
  try {
    const found = await get(address("/api/v1/insights", { from, server }));
    show(scope, found.scope === "all" ? "How people decide, all of them." : "How you decide. Operators, admins and auditors see everybody's.");
    draw(body, found, me);
  } catch (error) {
    show(body, h("p", { class: "problem", role: "alert" }, "The numbers could not be counted. ", visible(error.message)));
  }
}

function choices(days, server) {
  const link = ([value, words]) => {
    const query = new URLSearchParams({ days: value, ...(server ? { server } : {}) });
    return h("a", { class: "button", href: `/insights?${query}`, "aria-current": value === days ? "true" : null, text: words });
  };
  const only = server
    ? h("a", { class: "button", href: `/insights?days=${days}` }, icon("no"), h("span", {}, "Only server ", bdi(server)))
    : null;
  return h("nav", { class: "pager periods", "aria-label": "Time" }, only, PERIODS.map(link));
}

function draw(body, found, me) {
  if (!found.requests.asked && !found.requests.not_asked && !found.pace.decisions) {
    show(body, h("div", { class: "empty" }, h("h2", { text: nothing(found) })), loadChart(found));
    return;
  }
  const { reviewers } = found;
  show(
    body,
    figures(found),
    signs(found),
    historyChart(found),
    section("Reviewers", `Approvals given in less time than the card can be read, of all decisions. The marks are where approving takes a confirmation (${found.friction.confirm_at} %) and the typed name (${found.friction.type_at} %), by the last ${found.friction.last} decisions.`, reviewers.length ? reviewerTable(reviewers, found.friction) : null),
    section("Rules", "What each rule asked for.", found.rules.length ? ruleTable(found.rules, me.features?.policies) : null),
    section("Tools", "The same by tool.", found.tools.length ? toolTable(found.tools) : null),
    loadChart(found),
  );
}

/** Who sees their own numbers alone is told of these, and not of what everybody did. */
const nothing = ({ scope }) => (scope === "all" ? "Nothing was asked in this time." : "You decided nothing in this time.");

function section(title, words, content) {
  return h("section", { class: "insight" }, h("h2", { text: title }), h("p", { class: "muted", text: content ? words : "Nothing in this time." }), content);
}

function figures({ requests, seconds, pace, outcomes, waiting, oldest_wait_seconds: oldest }) {
  const answers = outcomes.as_expected + outcomes.unexpected;
  const rows = [
    ["Asked", String(requests.asked), requests.not_asked ? `and ${requests.not_asked} not asked` : `${requests.cancelled} cancelled`],
    ["Decided within", brief(seconds.p50), `nine of ten: ${brief(seconds.p90)}`],
    ["Approved", share(requests.approval_rate), `${requests.approved} of ${requests.approved + requests.denied}`],
    ["Expired", share(requests.expiry_rate), `${requests.timed_out} unanswered, ${requests.undelivered} undelivered`],
    ["Too fast to be read", share(pace.too_fast_rate), `${pace.too_fast} of ${pace.decisions} decisions`],
    ["Not as expected", share(outcomes.unexpected_rate), `${outcomes.unexpected} of ${answers} answers`],
    ["Waiting now", String(waiting), waiting ? `the oldest for ${brief(oldest)}` : "nothing"],
  ];
  return h(
    "dl",
    { class: "figures" },
    rows.map(([name, value, more]) =>
      h("div", {}, h("dt", { text: name }), h("dd", {}, h("strong", { text: value }), h("span", { class: "muted", text: more }))),
    ),
  );
}

/** The signs, each with what it is about. */
function signs({ findings }) {
  if (!findings.length) return null;
  const about = (one) => (one.reviewer ? bdi(one.name) : [bdi(one.rule, "mono"), " on ", bdi(one.server)]);
  return h(
    "section",
    { class: "insight signs" },
    h("h2", { text: "Signs" }),
    h("ul", {}, findings.map((one) => h("li", {}, icon("warning"), h("p", {}, h("strong", {}, about(one)), ": ", one.text)))),
  );
}
