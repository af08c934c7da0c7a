/** The tools of one server: what it says of them, and what Placet makes of that. Every word of a server is shown as text. */
import { directoryPage } from "../directory.js";
import { h } from "../dom.js";
import { icon, semaphore } from "../icons.js";
import { bdi, brief, visible } from "../visible.js";

const seen = (tool) => {
  if (tool.unusable) return h("span", {}, "No: unusable", h("span", { class: "sub" }, bdi(tool.unusable)));
  return tool.listed ? "Yes" : "No: the policy denies or hides it";
};

const evidence = (tool) =>
  tool.evidence?.length
    ? h(
        "ul",
        {},
        tool.evidence.map((word) => h("li", {}, bdi(word))),
      )
    : h("span", { class: "muted", text: "none" });

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
    tool.description ? h("p", {}, bdi(tool.description)) : h("p", { class: "muted", text: "No description." }),
    definition(tool),
  );

const risk = (tool) =>
  h(
    "span",
    { class: "tool-risk" },
    semaphore(tool.severity),
    h("span", {}, tool.risk, h("span", { class: "sub", text: `${tool.severity} severity` })),
  );

/** Draw the page of one server. */
export function toolsPage(main, name) {
  return directoryPage(main, {
    title: `Tools of ${brief(name, 64)}`,
    heading: ["Tools of ", bdi(name, "mono-title")],
    back: h("a", { class: "button quiet", href: "/servers" }, icon("back"), h("span", { text: "All servers" })),
    about:
      "As the server describes them; its words are claims. Risk and severity are what Placet makes of them, with the evidence.",
    path: `/api/v1/servers/${encodeURIComponent(name)}/tools`,
    member: "tools",
    missing: ["There is no such server.", "The name is wrong, or the configuration in force does not have it."],
    none: [
      "This server offers no tool.",
      "Its own documentation says how to switch tools on.",
      "placet check",
    ],
    columns: [
      { name: "Tool", className: "wide", cell: what },
      { name: "Risk", className: "nowrap", cell: risk },
      { name: "Agents see it", cell: seen },
      { name: "Evidence", cell: evidence },
    ],
  });
}
