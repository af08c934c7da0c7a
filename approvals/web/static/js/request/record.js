/** The record of a request that is decided: the verdict in one line, and what came of it. */
import { argumentsView } from "../arguments.js";
import { h } from "../dom.js";
import { icon } from "../icons.js";
import { ago, exact, span } from "../time.js";
import { isEarly } from "./pull_back.js";
import { bdi, visible } from "../visible.js";
import { GROUNDS, STATES, TONES, causeWords, decidingVote, doersNodes, voterWords } from "../words.js";

/** Who, what, when, why: the line that takes the place of the buttons. */
export function verdict(request) {
  if (request.decoy) return disclosed(request);
  const vote = decidingVote(request);
  const denied = request.state === "denied";
  const ranBadly = ["failed", "unknown"].includes(request.state);
  const tone = ranBadly ? (vote ? "good" : "") : (TONES[request.state] ?? "");
  const picture = tone === "good" ? "yes" : tone === "bad" ? "no" : "clock";
  const word =
    vote
      ? denied
        ? "Denied"
        : "Approved"
      : (STATES[request.state] ?? request.state);
  const who =
    vote
      ? [" by ", bdi(voterWords(vote), "strong"), ` via ${vote.via}`]
      : undecided(request);
  return h(
    "section",
    { class: `verdict ${tone}`, "aria-label": "Decision" },
    h(
      "p",
      { class: "verdict-line" },
      icon(picture),
      h("span", {}, h("strong", { text: word }), who, request.decided_at ? [", ", ago(request.decided_at)] : null),
    ),
    h(
      "p",
      { class: "verdict-more" },
      ranBadly ? h("strong", { class: "bad", text: `${STATES[request.state]}. ` }) : null,
      follow(request),
    ),
    vote?.reason ? reason(vote.reason) : null,
  );
}

/** What let it run or ended it where no vote did, and whose doing that was. */
function undecided(request) {
  const who = doersNodes(request, (name) => bdi(name, "strong"));
  const ground = [GROUNDS[request.ground], grantWords(request.grant)];
  if (!who) return ground;
  if (request.state === "cancelled") return [" by ", who];
  const [opener, , other] = who;
  return [...ground, ", by ", opener, other ? [", confirmed by ", other] : null];
}

/** What a test of attention says once it is over: what it was, and what each did with it. */
function disclosed(request) {
  const did = (vote) => (vote.decision === "deny" ? "denied it: well seen" : "approved it");
  return h(
    "section",
    { class: "verdict", "aria-label": "Decision" },
    h("p", { class: "verdict-line" }, icon("clock"), h("strong", { text: "This was a test of attention" })),
    h("p", { class: "verdict-more" }, "It was made of a real call, and nothing would have run. What was bad: ", bdi(request.decoy), "."),
    request.votes.map((vote) => h("p", { class: "verdict-more" }, bdi(voterWords(vote), "strong"), ` ${did(vote)}.`)),
    request.cause === "decoy" && !request.votes.some((vote) => vote.decision === "approve")
      ? h("p", { class: "verdict-more", text: "Somebody wanted other arguments: well seen." })
      : null,
  );
}

/** Which grant spoke for it, and whose. */
function grantWords(grant) {
  if (!grant) return null;
  const names = grant.names.map((name) => bdi(name, "strong")).flatMap((name, index) => (index ? [" and ", name] : [name]));
  return [" that ", names, " gave (", h("a", { href: `/grants?open=${encodeURIComponent(grant.id)}`, text: "the grant" }), ")"];
}

function reason(text) {
  return h(
    "figure",
    { class: "quoted" },
    h("figcaption", { class: "label", text: "Reason given" }),
    h("blockquote", {}, bdi(text, "", { breaks: true })),
  );
}

function follow(request) {
  const why = causeWords(request.cause);
  const taken = request.decided_at
    ? `Decided ${exact(request.decided_at)}, after ${span(Date.parse(request.decided_at) - Date.parse(request.created_at))}. `
    : "";
  const next = {
    approved: approvedWords(request),
    executing: "It is running now.",
    succeeded: "It ran once, and the agent has the result.",
    failed: `${sentence(why || "the upstream server answered with an error")}.`,
    unknown: `Nobody can say whether it ran: ${why || "no answer came"}. Look at the upstream server before anything is repeated; Placet will not run it again.`,
    denied: "It did not run. The agent was told.",
    expired: `It did not run: ${why || "its time ran out"}.`,
    cancelled: `It did not run: ${why || "it was cancelled"}.`,
  }[request.state];
  return `${taken}${next ?? why}`;
}

function approvedWords(request) {
  if (isEarly(request)) return `It runs at ${exact(request.runs_at)} at the earliest, unless somebody pulls it back.`;
  return request.waiting === false ? "It has not run: the agent has to come back for it." : "It is about to run.";
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** The upstream server's own answer, as text. */
export function outcomeView(request) {
  const { outcome } = request;
  const took = outcome.started_at && outcome.finished_at ? `, after ${span2(outcome)}` : "";
  const words = { succeeded: "Result", failed: "Error", unknown: "No answer to the call" }[outcome.kind] ?? "Outcome";
  const error = outcome.error ? h("p", { class: "mono well" }, visible(outcome.error)) : null;
  const body =
    outcome.result === null || outcome.result === undefined
      ? null
      : argumentsView(outcome.result, { label: `${words} from ${request.server}` }).element;
  return h(
    "section",
    { class: "outcome", "aria-label": words },
    h(
      "p",
      { class: "muted" },
      body
        ? [`${words} of the call`, took, ". Written by the upstream server ", bdi(request.server), ", shown as text."]
        : [words, took, "."],
    ),
    error,
    body,
  );
}

function span2({ started_at: from, finished_at: to }) {
  const ms = Date.parse(to) - Date.parse(from);
  return ms < 10_000 ? `${(ms / 1000).toFixed(2)} s` : span(ms);
}
