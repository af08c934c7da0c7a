/** Servers: the upstream MCP servers behind the gateway, their policy and their health; with ?name= the tools of one. */
import { directoryPage } from "../directory.js";
import { h } from "../dom.js";
import { bdi } from "../visible.js";
import { toolsPage } from "./tools.js";

const health = (server) => {
  if (server.up === true) return "Answers";
  if (server.up === false || server.error)
    return server.error ? bdi(`Does not answer: ${server.error}`) : "Does not answer";
  return "Not asked yet";
};

const policy = (server) => {
  if (!server.policy) return "none: everything denied";
  const version = server.policy_version ? h("span", { class: "sub" }, bdi(server.policy_version.slice(0, 16))) : null;
  return h("span", {}, bdi(server.policy), version);
};

const link = (server) => `/servers?name=${encodeURIComponent(server.name)}`;

/** Draw the page. */
export function page(main) {
  const name = new URLSearchParams(window.location.search).get("name");
  if (name) return toolsPage(main, name);
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
      { name: "Server", cell: (server) => h("a", { href: link(server), class: "mono" }, bdi(server.name)) },
      { name: "Reached by", cell: (server) => ({ http: "HTTP", stdio: "standard input and output" })[server.transport] },
      { name: "Tools", className: "num", cell: (server) => String(server.tools ?? "not known") },
      { name: "Policy", cell: policy },
      { name: "Health", cell: health },
    ],
  });
}
