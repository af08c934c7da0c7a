/** Policies: which one is enforced for each server, and whether files and saved versions agree; with ?server= one of them. */
import { directoryPage } from "../directory.js";
import { h } from "../dom.js";
import { serverPage } from "../policies/server.js";
import { STATES, hash } from "../policies/words.js";
import { bdi, visible } from "../visible.js";

const link = (policy) => `/policies?server=${encodeURIComponent(policy.server)}`;

const layers = (policy) =>
  policy.layers.length
    ? h(
        "ol",
        {},
        policy.layers.map((name) => h("li", {}, bdi(name))),
      )
    : h("span", { class: "muted", text: "none: everything is denied" });

const version = (policy) => {
  if (!policy.policy_version) return h("span", { class: "muted", text: "–" });
  return h("span", {}, hash(policy.policy_version), h("span", { class: "sub", text: policy.dialects.join(", ") }));
};

function state(policy) {
  const files = policy.differences.map((one) =>
    h("span", { class: "sub" }, bdi(one.layer), ": on disk ", hash(one.on_disk), ", enforced ", hash(one.enforced)),
  );
  const why = { unsaved: "Its page denies everything.", none: "Every tool of it is denied." }[policy.state];
  return h(
    "span",
    {},
    h("span", { class: policy.state === "enforced" ? "" : "strong", text: STATES[policy.state] ?? policy.state }),
    why ? h("span", { class: "sub", text: why }) : null,
    files,
    policy.problem ? h("span", { class: "sub" }, visible(policy.problem)) : null,
  );
}

const edited = (policy) => {
  if (policy.page === null) return "in files";
  return policy.page ? `on the page, version ${policy.page}` : "on the page";
};

/** Draw the page. */
export function page(main, context) {
  const server = new URLSearchParams(window.location.search).get("server");
  if (server) return serverPage(main, server, context);
  return directoryPage(main, {
    title: "Policies",
    about: "What each server's tools may be called for. A call must pass every layer; layers only narrow.",
    path: "/api/v1/policies",
    member: "policies",
    none: [
      "No server is configured.",
      "Name one under servers: in the configuration, with its policy, and reload.",
      "placet check",
    ],
    columns: [
      { name: "Server", cell: (policy) => h("a", { href: link(policy), class: "mono" }, bdi(policy.server)) },
      { name: "State", cell: state },
      { name: "Layers", cell: layers },
      { name: "Version", className: "nowrap", cell: version },
      { name: "Edited", className: "nowrap", cell: edited },
    ],
  });
}
