/** What the inbox says when nothing is waiting: a clear line, the last three decisions and the health of each channel, or how to begin. */
import { get } from "./api.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { ago } from "./time.js";
import { bdi } from "./visible.js";
import { STATES, TONES, decidingVote, factsLine } from "./words.js";

/** The empty state, with what the history knows. */
export async function nothingWaiting(me) {
  let past = null;
  try {
    past = (await get("/api/v1/requests?limit=50")).requests.filter((request) => request.state !== "pending");
  } catch {
    /* the banner of the feed tells of a server that does not answer */
  }
  if (past && past.length === 0) return me.person.roles?.length ? firstRun(me) : noRoles();
  const last = (past ?? [])
    .filter((request) => request.decided_at)
    .sort((a, b) => Date.parse(b.decided_at ?? b.created_at) - Date.parse(a.decided_at ?? a.created_at));
  return h(
    "div",
    { class: "empty" },
    h("h2", { text: "Nothing is waiting." }),
    last.length ? lastLine(last[0]) : null,
    last.length ? h("ul", { class: "last" }, last.slice(0, 3).map(lastRow)) : null,
    await health(me),
  );
}

/** How each part and channel is doing, as `/readyz` says it; without it, what the banners say. */
async function health(me) {
  let checks = [];
  try {
    checks = (await get("/readyz")).checks ?? [];
  } catch (error) {
    checks = error.body?.checks ?? [];
  }
  if (!checks.length)
    return me.notices?.length ? null : h("p", { class: "muted", text: "No part of Placet reports a problem." });
  const rows = checks.map((check) =>
    h(
      "li",
      {},
      icon(check.ok ? "yes" : "warning"),
      h("span", { class: "strong" }, bdi(partWords(check.id))),
      h("span", { class: check.ok ? "muted" : "" }, bdi(check.text)),
    ),
  );
  return h("section", {}, h("h3", { class: "label", text: "How the parts are doing" }), h("ul", { class: "parts" }, rows));
}

const partWords = (id) => {
  const words = id.replace(/^channel /, "");
  return words.charAt(0).toUpperCase() + words.slice(1);
};

function lastLine(request) {
  const vote = decidingVote(request);
  return h(
    "p",
    { class: "muted" },
    "Last decision ",
    ago(request.decided_at ?? request.created_at),
    vote ? [" by ", bdi(vote.name ?? vote.reviewer)] : " without a person",
    ".",
  );
}

function lastRow(request) {
  return h(
    "li",
    {},
    h(
      "a",
      { href: `/requests/${encodeURIComponent(request.id)}`, class: "last-row" },
      h("span", { class: TONES[request.state] ?? "", text: STATES[request.state] ?? request.state }),
      h("span", { class: "mono" }, bdi(request.tool)),
      h("span", { class: "muted" }, bdi(factsLine(request.arguments))),
    ),
  );
}

/** Somebody whom nobody has given anything to do: how others begin is not for them. */
function noRoles() {
  return h(
    "div",
    { class: "empty" },
    h("h2", { text: "There is nothing here for you yet." }),
    h("p", {
      class: "muted",
      text: "You are signed in, but have no role: you may not decide calls, and see only those of agents that are yours. Ask an admin for a role. If yours comes from your identity provider, sign in again.",
    }),
  );
}

function firstRun(me) {
  const origin = window.location.origin;
  const steps = [
    [
      "Connect an agent",
      "Make a token for it, then tell its client where Placet is.",
      "placet agents add my-agent --owner you@example.com",
      `claude mcp add --transport http placet ${origin}/mcp --header "Authorization: Bearer plc_agent_…"`,
    ],
    [
      me.features?.slack ? "Slack is connected" : "Connect Slack, if you want cards there",
      me.features?.slack ? "Held calls also appear in the channel." : "The page works without it.",
      me.features?.slack ? "placet slack check" : "placet slack manifest",
    ],
    [
      "Make a call that is held",
      "Give a tool the action require_approval in its server's policy, and let the agent call it. It appears here.",
      "placet policy explain --server NAME CALL.json",
    ],
  ];
  return h(
    "div",
    { class: "empty" },
    h("h2", { text: "Nothing has been held yet." }),
    h("p", { class: "muted", text: "Three steps to the first approval:" }),
    h(
      "ol",
      { class: "steps" },
      steps.map(([name, words, ...commands], index) =>
        h(
          "li",
          {},
          h("span", { class: "num", text: `${index + 1}` }),
          h(
            "div",
            {},
            h("h3", { text: name }),
            h("p", { class: "muted", text: words }),
            commands.map((command) => h("code", { text: command })),
          ),
        ),
      ),
    ),
  );
}
