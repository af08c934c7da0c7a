/** The tools of one server: what it says of them, what Placet makes of that, and the rules. Every word of a server is shown as text. */
import { directoryPage } from "../directory.js";
import { copy, h } from "../dom.js";
import { icon, semaphore } from "../icons.js";
import { bdi, brief, visible } from "../visible.js";
import { choosing } from "./tools_choice.js";

const NOW = {
  allow: "Allowed",
  depends: "Depends on the call",
  require_approval: "A person decides",
  deny: "Denied",
  hide: "Hidden",
};
const WHERE = {
  name: "name",
  description: "description",
  parameter: "parameter",
  annotation: "hint",
  sibling: "beside it",
  policy: "policy",
};

function definition(tool) {
  const body = h("div", {});
  const box = h("details", { class: "definition" }, h("summary", { text: "Definition" }), body);
  box.addEventListener(
    "toggle",
    () => {
      const lines = JSON.stringify(tool.definition, null, 2).split("\n");
      body.append(
        h("p", { class: "sub mono" }, "SHA-256 ", bdi(tool.fingerprint)),
        h(
          "pre",
          { class: "well", tabindex: "0", "aria-label": "Definition as JSON" },
          lines.map((line) => h("span", { class: "line" }, visible(line))),
        ),
      );
    },
    { once: true },
  );
  return box;
}

const what = (tool) =>
  h(
    "div",
    { class: "tool" },
    h("p", { class: "mono strong" }, bdi(tool.name)),
    tool.description ? h("p", { class: "told" }, bdi(tool.description.replace(/\s*\n\s*/g, " "))) : h("p", { class: "muted", text: "No description." }),
    definition(tool),
  );

const risk = (tool) =>
  h(
    "span",
    { class: "tool-risk" },
    semaphore(tool.severity),
    h(
      "span",
      {},
      tool.risk,
      h("span", { class: "sub", text: `${tool.severity} severity` }),
      tool.found
        ? h("span", { class: "sub", text: `by the policy; its words say ${tool.found.risk}, ${tool.found.severity}` })
        : h("span", { class: "sub", text: `${tool.confidence} confidence` }),
    ),
  );

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** What is said, once, over the words that say it. */
function grouped(tool) {
  const said = new Map();
  for (const one of tool.evidence ?? []) said.set(one.says, [...(said.get(one.says) ?? []), one]);
  return [...said];
}

const quoted = (one) =>
  one.quote ? h("li", {}, `${WHERE[one.where] ?? one.where} `, h("q", { class: "mono" }, bdi(one.quote))) : null;

const why = (tool) =>
  h(
    "div",
    { class: "tool-why" },
    grouped(tool).map(([says, each]) => h("div", {}, h("p", { class: "says" }, bdi(capital(says))), h("ul", {}, each.map(quoted)))),
    (tool.findings ?? []).map((finding) => h("p", { class: "finding" }, icon("warning"), h("span", {}, bdi(capital(finding.text))))),
  );

function copier(tool) {
  const label = h("span", { text: "Copy" });
  const button = h(
    "button",
    { class: "button", type: "button", "aria-label": `Copy the rule for ${brief(tool.name, 64)}` },
    icon("copy"),
    label,
  );
  button.addEventListener("click", async () => {
    label.textContent = (await copy(tool.recommended.yaml)) ? "Copied" : "Could not copy";
  });
  return button;
}

function now(tool) {
  if (tool.unusable) return h("div", {}, h("p", { text: "Cannot be called" }), h("p", { class: "sub" }, bdi(tool.unusable)));
  if (tool.drifted) return h("div", {}, h("p", { text: "Kept from agents" }), h("p", { class: "sub", text: "it changed since it was accepted" }));
  const { word, rule, policy, limits } = tool.now;
  return h(
    "div",
    {},
    h("p", { text: NOW[word] ?? word }),
    rule ? h("p", { class: "sub mono" }, bdi(rule)) : null,
    h("p", { class: "sub" }, bdi(policy)),
    limits.map((limit) => h("p", { class: "sub" }, bdi(limit))),
  );
}

const begin = (tool) => h("div", { class: "tool-rule" }, h("p", {}, bdi(capital(tool.recommended.why))), copier(tool));

/** Draw the page of one server. */
export function toolsPage(main, name) {
  return directoryPage(main, {
    title: `Tools of ${brief(name, 64)}`,
    heading: ["Tools of ", bdi(name, "mono-title")],
    back: h("a", { class: "button quiet", href: "/servers" }, icon("back"), h("span", { text: "All servers" })),
    about: [
      "What a tool says of itself is a claim. Class and severity are what Placet makes of it, with the exact words that say so. ",
      h("code", { text: "placet policy init" }),
      " writes the rules to begin with as one policy.",
    ],
    path: `/api/v1/servers/${encodeURIComponent(name)}/tools`,
    member: "tools",
    className: "tools",
    missing: ["There is no such server.", "The name is wrong, or the configuration in force does not have it."],
    none: [
      "This server offers no tool.",
      "Its own documentation says how to switch tools on.",
      "placet check",
    ],
    choosing,
    columns: [
      { name: "Tool", className: "wide", cell: what },
      { name: "Risk", cell: risk },
      { name: "Why", cell: why },
      { name: "Rule now", cell: now },
      { name: "To begin with", cell: begin },
    ],
  });
}
