/** Agents: who may call, on whose behalf, and whether they are stopped; with ?name= one of them. */
import { addAgent } from "../agents/acts.js";
import { agentPage, standing, tokensInShort } from "../agents/one.js";
import { directoryPage } from "../directory.js";
import { h } from "../dom.js";
import { isSteward } from "../roles.js";
import { lastUsed } from "../time.js";
import { bdi } from "../visible.js";

const link = (name) => `/agents?name=${encodeURIComponent(name)}`;

/** Draw the page. */
export function page(main, context) {
  const name = new URLSearchParams(window.location.search).get("name");
  if (name) return agentPage(main, name, context);
  const add = async () => {
    const agent = await addAgent();
    if (agent) window.location.assign(link(agent.name));
  };
  return directoryPage(main, {
    title: "Agents",
    about: "The programs that may call tools, each with the human behind it.",
    tools: isSteward(context.me)
      ? h("button", { class: "button primary", type: "button", text: "Add an agent…", on: { click: add } })
      : null,
    path: "/api/v1/agents",
    member: "agents",
    none: [
      "No agent is known yet.",
      "An operator adds one here, or on the machine Placet runs on; its token is shown once.",
      "placet agents add NAME --owner you@example.com",
    ],
    columns: [
      { name: "Agent", cell: (agent) => h("a", { href: link(agent.name), class: "mono" }, bdi(agent.name)) },
      { name: "Owner", cell: (agent) => (agent.owner ? bdi(agent.owner) : "nobody") },
      { name: "Servers", cell: (agent) => bdi((agent.servers ?? []).join(", ") || "none") },
      { name: "State", cell: standing },
      { name: "Tokens", cell: tokensInShort },
      { name: "Last call", cell: (agent) => lastUsed(agent.last_used_at) },
      { name: "Known from", cell: (agent) => ({ config: "configuration" })[agent.source] ?? bdi(agent.source ?? "–") },
    ],
  });
}
