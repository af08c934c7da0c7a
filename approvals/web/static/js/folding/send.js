/** Sends the marked rows of a group: asked once more with the numbers, then one POST; each row has its own result. */
import { askAct, field, typedField } from "../act.js";
import { post } from "../api.js";
import { h } from "../dom.js";
import { bdi } from "../visible.js";
import { destructive, highRisk } from "../words.js";
import { callsWords, countsWords } from "./group.js";

/** Ask and send. Gives the results in the order of `rows`, or null when the person went back. */
export function sendMarked(group, rows) {
  const approve = rows.filter((row) => row.verdict === "approve").length;
  const deny = rows.length - approve;
  // What is sent is fixed now: the rows that were on the screen, with the bindings they were shown with.
  const marked = rows.map((row) => ({ row, answer: row.verdict, binding: row.data.binding }));
  const reason = field(
    "Reason for denials that have none of their own (optional)",
    h("textarea", { class: "input", rows: "2", maxlength: "500" }),
  );
  const step = approve ? group.confirm : null;
  const typed = approve ? typedStep(group, approve, step) : null;
  return askAct(`${countsWords(approve, deny)} of ${callsWords(rows.length)}?`, {
    say: [
      h("p", {}, "Tool ", bdi(group.tool, "mono strong"), " on ", bdi(group.server, "strong"), ". ", effect(approve, deny)),
      step ? h("p", { class: "problem", text: `${step.why}. Take a moment before you go on.` }) : null,
    ],
    fields: [deny ? reason : null, typed].filter(Boolean),
    button: countsWords(approve, deny),
    kind: approve ? "yes" : "no",
    send: async () => {
      const decisions = marked.map(({ row, answer, binding }) => {
        const said = answer === "deny" ? row.reason.value.trim() || reason.value() : "";
        const item = { id: row.id, decision: answer, binding };
        if (said) item.reason = said;
        if (answer === "approve" && step) item.confirm = step.send;
        return item;
      });
      return (await post("/api/v1/requests/decisions", { decisions })).results;
    },
  });
}

function typedStep(group, approve, step) {
  if (step?.level === 2) return typedField("Your approvals take the tool's name for now.", step.send);
  if (destructive(group)) return typedField("These calls destroy something.", group.tool);
  return highRisk(group) ? typedField("These calls are of high risk.", String(approve)) : null;
}

function effect(approve, deny) {
  return [
    approve ? `${callsWords(approve)} may run, exactly as shown. ` : "",
    deny ? `The agents of ${callsWords(deny)} are told no. ` : "",
    "Each is judged by itself; what you do not see here is not touched.",
  ].join("");
}
