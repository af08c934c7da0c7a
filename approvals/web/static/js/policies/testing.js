/** "Test first": the check with the tests in the file, then what the calls of the last days would have got. */
import { Problem, post } from "../api.js";
import { h, show } from "../dom.js";
import { table } from "../table.js";
import { bdi, visible } from "../visible.js";
import { ruleLink } from "./simulate.js";
import { VERDICTS, api, counted, testsPass } from "./words.js";

const PERIODS = [
  ["1d", "of the last day"],
  ["7d", "of the last 7 days"],
  ["30d", "of the last 30 days"],
];
const CHANGES = {
  newly_allowed: "Newly allowed",
  newly_asked: "Newly held for a person",
  newly_denied: "Newly denied",
};

/** The section. `text()` is what is tested; `check()` gives the newest answer of the check. */
export function testing(server, { text, check, jump }) {
  const result = h("div", { class: "tested", "aria-live": "polite" });
  const period = h(
    "select",
    { class: "input", "aria-label": "Which calls" },
    PERIODS.map(([value, words]) => h("option", { value, text: `Calls ${words}` })),
  );
  period.value = "7d";
  const state = { tested: null };
  const run = async () => {
    const words = text();
    state.tested = words;
    show(result, h("p", { class: "muted", text: "Testing…" }));
    const checked = await check();
    if (!checked?.ok) {
      show(result, h("p", { class: "problem", role: "alert", text: checked ? "It is no policy yet; what is wrong is listed above." : "It could not be checked." }));
      return;
    }
    show(result, checkedView(checked), await replayView(server, words, period.value, jump));
  };
  return {
    period,
    run,
    element: result,
    changed: () => {
      if (state.tested === null || state.tested === text()) return;
      state.tested = null;
      result.prepend(h("p", { class: "problem", text: "The text has changed since this was tested." }));
    },
  };
}

function checkedView(checked) {
  const tests = checked.tests ? `It is a policy, and ${testsPass(checked.tests)}.` : "It is a policy. There is no test in it; add some under tests.";
  return h("p", { text: tests });
}

async function replayView(server, text, since, jump) {
  try {
    return replayed(await post(api(server, "/replay"), { text, since }), jump);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return h("p", { class: "problem", role: "alert" }, visible(error.message));
  }
}

function replayed(found, jump) {
  if (!found.calls) return h("p", { text: "No call was made in that time, so there is nothing to compare with." });
  const changed = Object.keys(CHANGES).reduce((sum, name) => sum + (found.counts[name] ?? 0), 0);
  const unknown = found.counts.not_judged ?? 0;
  return [
    h(
      "p",
      {},
      h("strong", { text: changed ? `${counted(changed, "call")} of ${found.calls.toLocaleString()} would have got something else.` : `All ${counted(found.calls, "call")} would have got the same.` }),
      unknown
        ? ` ${counted(unknown, "call")} cannot be judged, because a rule looks at arguments that were not kept (recording.arguments in the configuration).`
        : "",
    ),
    found.changes.length ? table("What would change", columns(jump), found.changes) : null,
    workload(found.approvals),
    h(
      "details",
      {},
      h("summary", { text: "What is assumed" }),
      h(
        "ul",
        { class: "assumed" },
        found.assumed.map((words) => h("li", { text: words })),
      ),
    ),
  ];
}

const columns = (jump) => [
  { name: "Change", className: "nowrap strong", cell: (one) => CHANGES[one.change] },
  { name: "Calls", className: "num", cell: (one) => one.calls.toLocaleString() },
  { name: "Tool", cell: (one) => h("span", {}, bdi(one.tool, "mono"), h("span", { class: "sub" }, "by ", bdi(one.agent))) },
  { name: "Was", cell: (one) => h("span", {}, VERDICTS[one.was.verdict]?.[1] ?? one.was.verdict, h("span", { class: "sub mono" }, visible(one.was.rule || "no rule"))) },
  { name: "Would be", cell: (one) => h("span", {}, VERDICTS[one.now.verdict]?.[1] ?? one.now.verdict, h("span", { class: "sub" }, ruleLink(one.now, jump))) },
  {
    name: "Because",
    cell: (one) =>
      h(
        "span",
        {},
        one.examples[0] ? bdi(one.examples[0].why) : "",
        one.denied_by_people ? h("span", { class: "sub", text: `People had denied ${one.denied_by_people} of them.` }) : null,
      ),
  },
];

function workload({ before, predicted }) {
  if (!before.requests && !predicted.requests) return null;
  return h("p", {}, `Approvals a day: ${before.per_day} then, ${predicted.per_day} with this policy.`);
}
