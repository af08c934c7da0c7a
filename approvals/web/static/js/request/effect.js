/**
 * What this person's approval does. The server says how far the needs would be with it (`needs_after`, and
 * `needs_after_edit` with other arguments): which of them one person fills, and whose vote counts, is nothing to guess here.
 */
import { span } from "../time.js";
import { brief } from "../visible.js";
import { isAnswer } from "../words.js";

const LIST = new Intl.ListFormat("en", { type: "conjunction" });
const open = (needs) => (needs ?? []).filter((need) => need.have < need.count);

/** Whether others have to approve, too, once this person has. */
export const leavesOthers = (request) => open(request.needs_after).length > 0;

/** The request as an edit of it is decided: every vote so far is void. */
export const asEdited = (request, args) => ({
  ...request,
  arguments: args,
  edits: true,
  voided: (request.votes ?? []).filter((vote) => vote.decision === "approve"),
  needs_after: request.needs_after_edit,
});

/** What approving will do, on the button. */
export function approveWords(request) {
  const tool = brief(request.tool, 40);
  const what = request.edits ? "Approve with changes" : isAnswer(request) ? "Approve this answer" : `Approve ${tool}`;
  const left = open(request.needs_after);
  // Several groups may be one person: only where one is left is there a number.
  if (left.length > 1) return `${what}, more needed`;
  if (left.length) return `${what}, ${left[0].count - left[0].have} more needed`;
  if (!request.needs_after || request.waiting === false || isAnswer(request)) return what;
  return request.edits ? `${what} and run ${tool}` : `Approve and run ${tool}`;
}

/** What happens next, beside the buttons. */
export function effectWords(request) {
  const more = stillWords(request.needs_after);
  if (more) return `It does not ${isAnswer(request) ? "go on" : "run"} yet: ${more} to approve.`;
  if (isAnswer(request)) return answerEffect(request);
  if (request.waiting === false)
    return "The agent is not waiting any more. Once approved, the call runs only if the agent repeats it in time.";
  const window = request.terms?.cancel_window_seconds ?? 0;
  if (window > 0)
    return `The agent is waiting. Once approved, the call runs ${span(window * 1000)} later, exactly as shown, unless somebody pulls it back.`;
  return "The agent is waiting. Once approved, the call runs at once, exactly as shown.";
}

/** Who else has to approve: "1 more from finance and 2 more from security have"; "" where nobody has. */
function stillWords(needs) {
  const left = open(needs);
  if (!left.length) return "";
  const number = left.reduce((sum, need) => sum + need.count - need.have, 0);
  return `${LIST.format(left.map(fromWords))} ${number === 1 ? "has" : "have"}`;
}

function fromWords(need) {
  const members = (need.members ?? []).map((one) => brief(one.replace(/^group:/, ""), 60));
  return `${need.count - need.have} more from ${members.join(" or ")}`;
}

function answerEffect(request) {
  if (request.waiting === false)
    return "Nobody is waiting any more. Once approved, the answer is good only if the agent gives the same one in time.";
  return "The server is waiting. Once approved, the answer goes to it at once, exactly as shown.";
}
