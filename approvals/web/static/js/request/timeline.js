/** The audit timeline of one request: every entry with exact time and zone, oldest first. */
import { get } from "../api.js";
import { h } from "../dom.js";
import { exact } from "../time.js";
import { bdi } from "../visible.js";
import { changesList } from "./changed.js";
import { STATES, actorWords, causeWords, eventWords } from "../words.js";

/** Load and draw the timeline; a failure to load is said in its place. */
export async function timelineView(id) {
  try {
    const answer = await get(`/api/v1/requests/${encodeURIComponent(id)}/timeline`);
    return section(h("ol", { class: "timeline" }, answer.events.map(line)));
  } catch (error) {
    return section(h("p", { class: "muted", text: `The timeline could not be loaded: ${error.message}` }));
  }
}

function section(body) {
  return h("section", { "aria-label": "Timeline" }, h("h2", { text: "Timeline" }), body);
}

function line(entry) {
  const detail = entry.detail ?? {};
  const moved =
    entry.to && entry.from !== entry.to
      ? h("span", { class: "muted", text: ` → ${STATES[entry.to] ?? entry.to}` })
      : null;
  const more = [detail.via ? `via ${detail.via}` : "", causeWords(detail.cause)].filter(Boolean).join(", ");
  return h(
    "li",
    {},
    h("time", { class: "timeline-at", datetime: entry.at, text: exact(entry.at) }),
    h("span", {}, bdi(actorWords(entry), "strong"), ` ${eventWords(entry.event)}`, moved),
    more ? h("span", { class: "sub" }, bdi(more)) : null,
    detail.to ? h("span", { class: "sub" }, "to ", bdi(detail.to.map((one) => one.replace(/^group:/, "")).join(", "))) : null,
    (detail.budgets ?? []).map((one) =>
      h("span", { class: "sub" }, bdi(one.limit, "mono"), ` from ${one.from} to ${one.to}`),
    ),
    (detail.factors ?? []).map((one) =>
      h("span", { class: "sub" }, `${one.count} of `, bdi((one.members ?? []).join(", "))),
    ),
    detail.changes ? changesList(detail.changes, { className: "changes sub", more: detail.more_changes ?? 0 }) : null,
    detail.expires_at ? h("span", { class: "sub", text: `time until ${exact(detail.expires_at)}` }) : null,
    detail.confirmed_by ? h("span", { class: "sub" }, "confirmed by ", bdi(detail.confirmed_by)) : null,
    detail.until ? h("span", { class: "sub", text: `until ${exact(detail.until)}` }) : null,
    detail.by ? h("span", { class: "sub", text: { retention: "it is older than is kept", lost_key: "its key is lost" }[detail.by] ?? detail.by }) : null,
    detail.question ? h("span", { class: "sub" }, "“", bdi(detail.question), "”") : null,
    detail.answer ? h("span", { class: "sub" }, "“", bdi(detail.answer), "”") : null,
    detail.reason ? h("span", { class: "sub" }, "“", bdi(detail.reason), "”") : null,
    detail.note ? h("span", { class: "sub" }, "“", bdi(detail.note), "”") : null,
  );
}
