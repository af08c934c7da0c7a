/** People: who may decide, see or run things here; with ?id= one of them. */
import { directoryPage } from "../directory.js";
import { h } from "../dom.js";
import { savePerson } from "../people/acts.js";
import { awayLine } from "../people/away.js";
import { personPage } from "../people/one.js";
import { isAdmin } from "../roles.js";
import { bdi } from "../visible.js";

const link = (id) => `/people?id=${encodeURIComponent(id)}`;

/** What they have here, and what a sign-in has brought, while that holds. */
function held(person, member) {
  const brought = person.claims?.in_force ? person.claims[member] : [];
  return [...new Set([...person[member], ...brought])].join(", ") || "none";
}

/** Draw the page. */
export function page(main, context) {
  const id = new URLSearchParams(window.location.search).get("id");
  if (id) return personPage(main, id, context);
  const add = async () => {
    const person = await savePerson();
    if (person) window.location.assign(link(person.id));
  };
  return directoryPage(main, {
    title: "People",
    about: "Who may see and decide. Whether a person may decide one request is judged at the moment of the decision.",
    tools: isAdmin(context.me)
      ? h("button", { class: "button primary", type: "button", text: "Add a person…", on: { click: add } })
      : null,
    path: "/api/v1/people",
    member: "people",
    none: [
      "Nobody is known yet.",
      "Add a reviewer on the machine Placet runs on.",
      "placet people add you@example.com --role reviewer --group finance",
    ],
    columns: [
      { name: "Person", cell: (person) => h("a", { href: link(person.id) }, bdi(person.name || person.id)) },
      { name: "Address", cell: (person) => bdi(person.id) },
      { name: "Roles", cell: (person) => bdi(held(person, "roles")) },
      { name: "Groups", cell: (person) => bdi(held(person, "groups")) },
      { name: "Slack", cell: (person) => (person.slack.length ? bdi(person.slack.join(", ")) : "not mapped") },
      { name: "State", cell: (person) => (person.disabled ? "Disabled" : (awayLine(person.away) ?? "Active")) },
      { name: "Kept in", cell: (person) => (person.source === "config" ? "the configuration" : "this list") },
    ],
  });
}
