/** Every sentence the console makes about a request. The words are the glossary's; agents write none of them. */
import { span } from "./time.js";
import { brief } from "./visible.js";

export const STATES = {
  pending: "Held",
  approved: "Approved",
  executing: "Running",
  succeeded: "Ran",
  failed: "Failed",
  unknown: "Outcome unknown",
  denied: "Denied",
  expired: "Expired",
  cancelled: "Cancelled",
};

/** green, red, amber or nothing: only decided records have a colour. */
export const TONES = {
  pending: "held",
  approved: "good",
  executing: "good",
  succeeded: "good",
  failed: "bad",
  unknown: "bad",
  denied: "bad",
};

/** What let a call run that nobody approved. */
export const GROUNDS = {
  silence: " without approval: nobody answered, and the rule lets it run then",
  break_glass: " without approval: break-glass was open",
  grant: " by a standing grant",
};

const CAUSES = {
  timed_out: "nobody decided in time",
  undelivered: "no reviewer could be told",
  not_collected: "the agent did not come back for it in time",
  client_cancelled: "the agent took it back",
  decoy: "it was a test of attention",
  cancelled_by_person: "it was taken back",
  revoked: "the agent's access was revoked",
  policy_changed: "the policy changed",
  tool_changed: "the tool changed after the request was made",
  frozen: "a freeze was put on",
  altered: "the saved call is not the one that was approved",
  withdrawn: "the server could not wait for it any longer",
  unsent: "nothing was sent to the upstream server",
  upstream_error: "the upstream server answered with an error",
  lease_lost: "the process that ran it went away before an answer came",
  no_answer: "the upstream server gave no answer",
  silence_allows: "the rule lets it run when nobody answers",
  break_glass: "break-glass was open",
  resolved_ran: "a person noted that it ran",
  resolved_did_not_run: "a person noted that it did not run",
};

const EVENTS = {
  voted: "approved; others still have to",
  edited: "edited the arguments; earlier votes no longer count",
  extended: "extended the time",
  escalated: "asked further reviewers",
  reassigned: "handed it on",
  asked: "asked the agent",
  answered: "answered, unverified",
  quorum_met: "approved; the quorum is met",
  defaulted: "approved it by silence, as the rule says",
  covered: "let it run: a standing grant speaks for it",
  disclosed: "answered a test of attention",
  bypassed: "let it run without approval, by break-glass",
  vetoed: "denied",
  timed_out: "ended it: nobody decided in time",
  undelivered: "ended it: no reviewer could be told",
  cancelled: "cancelled it",
  claimed: "started to run it",
  lapsed: "ended it: the agent did not come back in time",
  returned: "got the result",
  raised: "got an error",
  lost: "lost sight of it: no answer came",
  resolved: "noted what became of it",
  filed: "asked for approval",
  told: "told the agent the outcome",
  commented: "commented",
  budgets_raised: "raised what the call goes over, for a while",
  raise_ended: "took the raise back",
  grant_given: "let more calls of its shape run, for a while",
  grant_not_given: "noted that no grant came of it",
  grant_ended: "ended the grant",
  expectation: "said whether the outcome was as expected",
  late: "brought a result after the fact, kept as evidence",
  destroyed: "destroyed what was written in it",
};

/** Why, in words; an unknown cause is shown as it is. */
export function causeWords(cause) {
  return cause ? (CAUSES[cause] ?? cause.replaceAll("_", " ")) : "";
}

/** What happened, said of its actor. */
export function eventWords(event) {
  return EVENTS[event] ?? String(event).replaceAll("_", " ");
}

/** How a person, an agent or Placet itself is called. */
export function actorWords({ actor, name }) {
  if (!actor || actor === "placet") return "Placet";
  if (actor.startsWith("agent:")) return `Agent ${actor.slice(6)}`;
  return name && name !== actor ? `${name} (${actor})` : actor;
}

/** Who did what no vote says: [person, " and ", person]; null where nobody is named. */
export function doersNodes(request, one = (words) => words) {
  const found = (request.acted_by ?? []).map(({ id, name }) => one(id.startsWith("agent:") || !id.includes("@") ? actorWords({ actor: id, name }) : name));
  return found.length ? found.flatMap((node, index) => (index ? [" and ", node] : [node])) : null;
}

/** One line of facts: the first few plain arguments. Never what a decision is made on. */
export function factsLine(args) {
  if (args === null) return "destroyed";
  const parts = [];
  for (const [key, value] of Object.entries(args ?? {})) {
    if (parts.length === 4) break;
    if (value === null || typeof value !== "object") parts.push(`${brief(key, 24)} ${brief(String(value), 40)}`);
    else parts.push(`${brief(key, 24)} ${Array.isArray(value) ? `${value.length} items` : "{…}"}`);
  }
  return parts.length ? parts.join(" · ") : "no arguments";
}

/** Needs as "1/2 finance + 0/1 security". */
export function quorumShort(needs) {
  return (needs ?? []).map((need) => `${need.have}/${need.count}`).join(" + ");
}

/** The name of who voted, with the address where they differ. */
export function voterWords(vote) {
  const name = vote.name && vote.name !== vote.reviewer ? `${vote.name} (${vote.reviewer})` : vote.reviewer;
  const absent = (vote.on_behalf ?? []).map((one) => one.name).join(" and ");
  return absent ? `${name} for ${absent}` : name;
}

/** The vote that ended it: the veto, or the last approval. What was taken back or ran out was ended by none. */
export function decidingVote(request) {
  if (["cancelled", "expired"].includes(request.state)) return null;
  const votes = request.votes ?? [];
  const answer = request.state === "denied" ? "deny" : "approve";
  return votes.filter((vote) => vote.decision === answer).at(-1) ?? null;
}

/** Whether it is no call, but what a client answered to a question of the server's in the middle of one. */
export function isAnswer(request) {
  return typeof request.answer_to === "string";
}

/** Whether approving needs a second look before it is sent. */
export function highRisk(request) {
  return ["high", "critical"].includes(request.severity) || destructive(request);
}

/** Whether approving also needs the tool's name typed: single keys do nothing here. */
export function destructive(request) {
  return request.risk === "destructive";
}

/** A heading for the page and the browser tab. */
export function titleOf(request) {
  return `${request.tool} on ${request.server}`;
}
