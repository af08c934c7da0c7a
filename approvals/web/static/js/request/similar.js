/** What was decided before about calls like one: counts, how often with the same values, and those most like it. */
import { get } from "../api.js";
import { h } from "../dom.js";
import { ago } from "../time.js";
import { bdi } from "../visible.js";
import { STATES } from "../words.js";

const VERDICTS = {
  approved: "Approved",
  denied: "Denied",
  pulled_back: "Approved, then pulled back",
  expired: "Expired, nobody answered",
  undelivered: "Expired, nobody could be told",
  cancelled: "Cancelled while it waited",
  grant: "Run by a standing grant",
  silence: "Run, because silence allows",
  break_glass: "Run by break-glass",
};
const TONES = { approved: "good", denied: "bad" };

/** Load and draw the section; a failure to load is said in its place. */
export async function similarView(request) {
  try {
    return section(request, await get(`/api/v1/requests/${encodeURIComponent(request.id)}/similar`));
  } catch (error) {
    const words = `What was decided before could not be loaded: ${error.message}`;
    return h("section", { class: "similar", "aria-label": "Earlier calls" }, title(), h("p", { class: "muted", text: words }));
  }
}

const title = () => h("h2", { text: "Earlier decisions of this tool" });

function section(request, found) {
  const all = new URLSearchParams({ server: request.server, tool: request.tool });
  return h(
    "section",
    { class: "similar", "aria-label": "Earlier calls" },
    title(),
    h("p", { class: "similar-counts", text: found.summary }),
    found.decided ? same(found.same) : null,
    found.earlier.length ? h("ol", { class: "similar-rows" }, found.earlier.map(row)) : null,
    found.earlier.length
      ? h(
          "p",
          { class: "muted small" },
          "Only calls that you may see are counted. What was decided before does not say that this call is right. ",
          h("a", { href: `/history?${all}`, text: "All calls of this tool" }),
        )
      : null,
  );
}

/** For each argument, how many decided calls had the same value. */
function same(rows) {
  const read = rows.filter((one) => one.of);
  if (!read.length) return null;
  return h(
    "div",
    {},
    h("h3", { class: "label", text: "Decided calls with the same value" }),
    h(
      "ul",
      { class: "similar-same" },
      read.map((one) => h("li", {}, bdi(one.argument, "mono"), ` ${one.equal ? one.equal : "none"} of ${one.of}`, split(one))),
    ),
  );
}

function split(one) {
  const parts = ["approved", "denied", "pulled_back"].filter((name) => one[name]);
  if (!parts.length) return null;
  const words = parts.map((name) => `${VERDICTS[name].toLowerCase()} ${one[name]}`).join(", ");
  return h("span", { class: "muted", text: ` (${words})` });
}

function row(one) {
  const ended = ["failed", "unknown"].includes(one.state) ? `, ${STATES[one.state].toLowerCase()}` : "";
  return h(
    "li",
    {},
    h("span", { class: "similar-at" }, ago(one.at)),
    h(
      "span",
      {},
      h("a", { class: TONES[one.verdict] ?? "", href: `/requests/${encodeURIComponent(one.id)}`, text: VERDICTS[one.verdict] ?? one.verdict }),
      one.edited ? " with other arguments" : null,
      by(one),
      ended,
    ),
    h("span", { class: "sub" }, likeness(one), ". Agent ", bdi(one.agent), one.owner ? [", for ", bdi(one.owner)] : null),
    one.reason ? h("span", { class: "sub" }, "“", bdi(one.reason), "”") : null,
  );
}

function by(one) {
  if (!one.by.length) return null;
  const names = one.by.map((who) => bdi(who.name, "strong")).flatMap((name, index) => (index ? [" and ", name] : [name]));
  return [one.verdict === "grant" ? " of " : " by ", names];
}

function likeness({ likeness: like }) {
  if (!like) return "Its arguments are too long to be compared by name";
  if (like.exact) return "Exactly the same arguments";
  const listed = (names) => names.flatMap((name, index) => [index ? ", " : "", bdi(name, "mono")]);
  return [
    `${like.equal} of ${like.of} arguments equal`,
    like.differs.length ? ["; differs in ", listed(like.differs), like.more_differ ? ` and ${like.more_differ} more` : null] : null,
    like.hidden.length ? ["; hidden from you: ", listed(like.hidden)] : null,
  ];
}
