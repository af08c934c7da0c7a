/** Agents: who may call, on whose behalf, and whether they are paused. */
import { directoryPage } from "../directory.js";
import { ago } from "../time.js";
import { bdi } from "../visible.js";

const standing = (agent) => {
  if (agent.revoked_at) return "Revoked";
  if (agent.paused_at || agent.paused) return "Paused";
  return agent.anonymous ? "Active, no token needed" : "Active";
};

/** Draw the page. */
export function page(main) {
  return directoryPage(main, {
    title: "Agents",
    about: "The programs that may call tools, each with the human behind it.",
    path: "/api/v1/agents",
    member: "agents",
    none: [
      "No agent is known yet.",
      "Add one on the machine Placet runs on; its token is shown once.",
      "placet agents add NAME --owner you@example.com",
    ],
    columns: [
      { name: "Agent", cell: (agent) => bdi(agent.name) },
      { name: "Owner", cell: (agent) => (agent.owner ? bdi(agent.owner) : "nobody") },
      { name: "Servers", cell: (agent) => bdi((agent.servers ?? []).join(", ") || "none") },
      { name: "State", cell: standing },
      { name: "Last call", cell: (agent) => ago(agent.last_used_at ?? agent.last_seen_at) },
      { name: "Known from", cell: (agent) => bdi(agent.source ?? "–") },
    ],
  });
}
