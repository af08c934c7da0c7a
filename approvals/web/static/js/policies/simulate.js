/** "Try a call": what a call would get, with every rule considered and the value that decided. Nothing is sent or counted. */
import { Problem, get, post } from "../api.js";
import { announce, h, show } from "../dom.js";
import { icon, semaphore } from "../icons.js";
import { exact } from "../time.js";
import { bdi, visible } from "../visible.js";
import { VERDICTS, api } from "./words.js";

/** The form. `draft()` gives a text that is not saved, or null; `jump(layer, line)` shows a rule. */
export function simulator(server, { draft, jump }) {
  const tools = new Map();
  const f = fields();
  const answer = h("div", { class: "ruling", "aria-live": "polite" });
  const button = h("button", { class: "button primary", type: "submit" }, h("span", { text: "Judge this call" }));
  const form = h(
    "form",
    { class: "try-form", on: { submit: (event) => (event.preventDefault(), ask()) } },
    field("Tool", f.tool, f.toolList),
    field("Arguments, as JSON", f.args),
    h("div", { class: "try-pair" }, field("As agent", f.agent, f.agentList), field("At (empty: now)", f.at)),
    button,
  );
  const ask = async () => {
    const text = draft();
    button.disabled = true;
    try {
      const ruling = await post(api(server, "/explain"), questionOf(f, text));
      show(answer, rulingView(ruling, { jump, unsaved: text !== null }));
      announce(`Verdict: ${VERDICTS[ruling.verdict]?.[1] ?? ruling.verdict}`);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      show(answer, refusal(error, f));
    } finally {
      button.disabled = false;
    }
  };
  f.tool.addEventListener("input", () => suggest(f, tools));
  loadNames(server, f, tools);
  return {
    element: h(
      "section",
      { class: "try", "aria-labelledby": "try-head" },
      h("h2", { id: "try-head", text: "Try a call" }),
      h("p", { class: "muted", text: "Judged by the rules and limits as they stand. Nothing is sent and nothing is counted." }),
      form,
      answer,
    ),
    focus: () => f.tool.focus(),
  };
}

function fields() {
  const list = (id) => h("datalist", { id });
  const plain = { class: "input mono", autocomplete: "off", spellcheck: "false", maxlength: "200" };
  const args = h("textarea", { class: "input mono", rows: "5", spellcheck: "false", autocapitalize: "off" });
  args.value = "{}";
  return {
    tool: h("input", { ...plain, list: "try-tools", required: true, placeholder: "refund_payment" }),
    toolList: list("try-tools"),
    args,
    agent: h("input", { ...plain, list: "try-agents", placeholder: "somebody" }),
    agentList: list("try-agents"),
    at: h("input", { class: "input", type: "datetime-local" }),
    touched: false,
  };
}

const field = (words, input, list = null) =>
  h("label", { class: "field" }, h("span", { class: "label", text: words }), input, list);

/** Names to choose from; without them every name can still be typed. */
async function loadNames(server, f, tools) {
  f.args.addEventListener("input", () => (f.touched = true));
  const names = async (path, member) => (await get(path).catch(() => ({ [member]: [] })))[member] ?? [];
  for (const tool of await names(`/api/v1/servers/${encodeURIComponent(server)}/tools`, "tools")) tools.set(tool.name, tool);
  show(f.toolList, [...tools.keys()].map((value) => h("option", { value })));
  suggest(f, tools);
  const agents = await names("/api/v1/agents?limit=200", "agents");
  show(f.agentList, agents.map((agent) => h("option", { value: agent.name })));
}

const SAMPLES = { string: "", number: 0, integer: 0, boolean: false, array: [], object: {}, null: null };

/** Arguments to begin with, from the tool's schema, unless somebody has typed their own. */
function suggest(f, tools) {
  const schema = tools.get(f.tool.value.trim())?.definition?.inputSchema;
  if (f.touched || !schema) return;
  const properties = Object.entries(schema.properties ?? {});
  const required = properties.filter(([name]) => (schema.required ?? []).includes(name));
  const chosen = required.length ? required : properties.slice(0, 3);
  const sample = Object.fromEntries(chosen.map(([name, about]) => [name, sampleOf(about)]));
  f.args.value = JSON.stringify(sample, null, 2);
}

function sampleOf(about) {
  if (about?.default !== undefined) return about.default;
  if (Array.isArray(about?.enum)) return about.enum[0];
  const kind = Array.isArray(about?.type) ? about.type[0] : about?.type;
  return SAMPLES[kind] ?? "";
}

function questionOf(f, text) {
  const question = { tool: f.tool.value.trim(), arguments_text: f.args.value };
  if (f.agent.value.trim()) question.as = f.agent.value.trim();
  if (f.at.value) question.at = new Date(f.at.value).toISOString();
  if (text !== null) question.text = text;
  return question;
}

function refusal(error, f) {
  const problem = error.body?.problems?.[0];
  const there = error.code === "invalid_arguments" && problem;
  const button = there
    ? h("button", {
        class: "button",
        type: "button",
        text: `Go to line ${problem.line}, column ${problem.column}`,
        on: { click: () => select(f.args, problem) },
      })
    : null;
  return h("div", { class: "problem", role: "alert" }, h("p", {}, visible(error.message)), button);
}

function select(area, { line, column }) {
  const start = area.value.split("\n").slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  const at = Math.min(start + column - 1, area.value.length);
  area.focus();
  area.setSelectionRange(at, Math.min(at + 1, area.value.length));
}

function rulingView(ruling, { jump, unsaved }) {
  const [picture, words] = VERDICTS[ruling.verdict] ?? ["warning", ruling.verdict];
  return [
    h(
      "div",
      { class: "ruling-head", data: { verdict: ruling.verdict } },
      h("p", { class: "ruling-word" }, icon(picture), h("strong", { text: words }), unsaved ? h("span", { class: "muted", text: " by the text in the editor" }) : null),
      ruling.reason ? h("p", {}, bdi(ruling.reason)) : null,
      ruling.rule ? h("p", { class: "ruling-rule" }, "Decided by ", ruleLink(ruling, jump)) : null,
      ruling.asks.length ? h("p", {}, "Waits for ", ruling.asks.join(" and ")) : null,
    ),
    ruling.notes.length
      ? h(
          "ul",
          { class: "problem", "aria-label": "Beside the policy" },
          ruling.notes.map((note) => h("li", {}, visible(note))),
        )
      : null,
    h("p", { class: "tool-risk" }, semaphore(ruling.severity), h("span", { text: `${ruling.risk} risk, ${ruling.severity} severity` })),
    limitsView(ruling.limits),
    considered(ruling, jump),
    h("p", { class: "muted" }, "Policy version ", bdi(ruling.policy_version.slice(0, 12) || "none", "mono")),
  ];
}

/** A rule by its pointer; where it stands in a layer that is shown, a button that goes there. */
export function ruleLink(rule, jump) {
  const name = rule.rule || "no rule";
  if (rule.layer === null || rule.layer === undefined || !rule.line) return bdi(name, "mono");
  const title = rule.policy ? `${rule.policy}, line ${rule.line}` : `line ${rule.line}`;
  return h("button", { class: "rule mono", type: "button", title, on: { click: () => jump(rule.layer, rule.line) } }, visible(name));
}

function limitsView(limits) {
  if (!limits.length) return null;
  return h(
    "dl",
    { class: "facts" },
    limits.map((one) => [
      h("dt", { class: "label" }, "Limit ", bdi(one.counter)),
      h("dd", {}, `${one.remaining} left`, h("span", { class: "sub", text: `until ${exact(one.resets_at)}` })),
    ]),
  );
}

function considered(ruling, jump) {
  const decided = (one) => one.matched && one.rule === ruling.rule && one.layer === ruling.layer;
  const mark = (one) => (decided(one) ? ["▸", "decided"] : one.matched ? ["•", "had a say"] : ["·", "did not match"]);
  return h(
    "section",
    { class: "considered" },
    h("h3", { class: "label", text: "Every rule considered" }),
    h(
      "ol",
      {},
      ruling.considered.map((one) => {
        const [sign, words] = mark(one);
        return h(
          "li",
          { class: one.matched ? "matched" : "" },
          h("span", { class: "mark", "aria-hidden": "true", text: sign }),
          h("div", {}, ruleLink(one, jump), h("span", { class: "sr", text: ` ${words}. ` }), h("span", { class: "why-line" }, bdi(one.why))),
        );
      }),
    ),
  );
}
