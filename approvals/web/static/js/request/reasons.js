/** Why the call was held, as the policy said it, and what the agent claims; the two are never mixed. */
import { h } from "../dom.js";
import { bdi } from "../visible.js";
import { overView } from "./raise.js";

/** What the agent gave as its reason: data, under a fixed label. */
export function justification(request) {
  if (!request.justification) return null;
  return h(
    "figure",
    { class: "quoted" },
    h("figcaption", { class: "label", text: "The agent says, unverified" }),
    h("blockquote", {}, bdi(request.justification, "", { breaks: true })),
  );
}

/** The rule, and the way to it for who may read policies. */
function ruleName(request, policies) {
  if (!policies) return bdi(request.rule, "mono");
  const where = new URLSearchParams({ server: request.server, rule: request.rule });
  return h("a", { class: "mono", href: `/policies?${where}` }, bdi(request.rule));
}

/** The rule that fired, and why the others did not. */
export function whyHeld(request, { policies = false } = {}) {
  const trace = request.trace ?? [];
  const rows = trace.map((step) =>
    h(
      "tr",
      { class: step.matched ? "matched" : "" },
      h("th", { scope: "row", class: "mono" }, bdi(step.rule ?? "")),
      h("td", { text: step.matched ? "matched" : "did not match" }),
      h("td", {}, bdi(step.why ?? "")),
    ),
  );
  return h(
    "section",
    { class: "why" },
    h("h2", { text: "Why it was held" }),
    h("p", {}, "Rule ", ruleName(request, policies), request.rule_reason ? [": ", bdi(request.rule_reason)] : null),
    overView(request),
    rows.length
      ? h(
          "div",
          { class: "scroll", role: "region", tabindex: "0", "aria-label": "Rules that were considered" },
          h(
            "table",
            { class: "ledger trace" },
            h("caption", { class: "sr", text: "Rules that were considered" }),
            h(
              "thead",
              {},
              h(
                "tr",
                {},
                ["Rule", "Result", "Because"].map((name) => h("th", { scope: "col", text: name })),
              ),
            ),
            h("tbody", {}, rows),
          ),
        )
      : null,
    request.policy_version
      ? h("p", { class: "muted" }, "Policy version ", bdi(String(request.policy_version).slice(0, 16), "mono"))
      : null,
  );
}
