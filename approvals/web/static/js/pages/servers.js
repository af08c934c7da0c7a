/** Servers: the upstream MCP servers behind the gateway, their policy and their health. */
import { directoryPage } from "../directory.js";
import { ago } from "../time.js";
import { bdi } from "../visible.js";

const health = (server) => {
  if (server.up === true) return "Answers";
  if (server.up === false) return server.error ? bdi(`Does not answer: ${server.error}`) : "Does not answer";
  return "Not asked yet";
};

/** Draw the page. */
export function page(main) {
  return directoryPage(main, {
    title: "Servers",
    about: "The upstream MCP servers behind the gateway. A server without a policy has every tool denied.",
    path: "/api/v1/servers",
    member: "servers",
    none: [
      "No server is configured.",
      "Name one under servers: in the configuration, with its policy, and reload.",
      "placet check",
    ],
    columns: [
      { name: "Server", cell: (server) => bdi(server.name) },
      { name: "Reached by", cell: (server) => bdi(server.transport ?? server.url ?? "–") },
      { name: "Tools", className: "num", cell: (server) => String(server.tools?.length ?? server.tools ?? "–") },
      { name: "Policy", cell: (server) => (server.policy ? bdi(server.policy) : "none: everything denied") },
      { name: "Health", cell: health },
      { name: "Last asked", cell: (server) => ago(server.checked_at) },
    ],
  });
}
