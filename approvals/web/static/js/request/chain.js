/** Who else is asked, and when, if nobody decides: the steps of the chain that are left. */
import { h } from "../dom.js";
import { ago } from "../time.js";
import { bdi } from "../visible.js";

/** The steps as a list, or nothing where there are none or it is decided. */
export function chain(request) {
  const steps = request.state === "pending" ? (request.terms?.escalate ?? []) : [];
  if (!steps.length) return null;
  return [
    h("h3", { class: "label", text: "If nobody answers" }),
    h("ul", { class: "chain" }, steps.map((step) => line(step, request))),
  ];
}

function line(step, request) {
  const who = bdi(step.to.map((member) => member.replace(/^group:/, "")).join(", "));
  const more = step.timeout_seconds ? h("span", { class: "sub", text: "with more time" }) : null;
  return h("li", {}, who, h("span", { class: "sub" }, moment(step, request)), more);
}

function moment(step, request) {
  if (step.undelivered) return "as soon as nobody can be shown this";
  if (step.at && Date.parse(step.at) <= Date.parse(request.expires_at)) return ["asked too ", ago(step.at)];
  return ["asked too when time is up, ", ago(request.expires_at)];
}
