/** What was said about a request: questions to its agent with what it answered, and what people wrote for each other. */
import { h } from "../dom.js";
import { ago } from "../time.js";
import { bdi } from "../visible.js";

/** The section, or null where nothing was said. */
export function saidView(request) {
  const questions = request.questions ?? [];
  const comments = request.comments ?? [];
  if (!questions.length && !comments.length) return null;
  return h(
    "section",
    { class: "said", "aria-label": "What was said" },
    h("h2", { text: "What was said" }),
    questions.flatMap((one) => [question(one), answer(one, request.state === "pending")]),
    comments.map((one) => remark([bdi(who(one), "strong"), " wrote for the others, ", ago(one.at)], one.text)),
  );
}

const who = ({ by, name }) => (name && name !== by ? `${name} (${by})` : by);

const question = (one) => remark([bdi(who(one), "strong"), " asked the agent, ", ago(one.at)], one.question);

function answer(one, waits) {
  if (one.answer !== null)
    return remark(["The agent says, unverified, ", ago(one.answered_at)], one.answer, "said-agent");
  if (!waits) return h("p", { class: "muted said-agent", text: "It was not answered." });
  return h("p", {
    class: "muted said-agent",
    text: one.told_at ? "The agent was told, and has not answered yet." : "The agent is told as soon as it is there.",
  });
}

function remark(head, text, kind = "") {
  return h(
    "figure",
    { class: `quoted ${kind}` },
    h("figcaption", { class: "label" }, head),
    h("blockquote", {}, bdi(text, "", { breaks: true })),
  );
}
