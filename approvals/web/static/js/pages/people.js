/** People: who may decide, see or run things here. */
import { directoryPage } from "../directory.js";
import { bdi } from "../visible.js";

/** Draw the page. */
export function page(main) {
  return directoryPage(main, {
    title: "People",
    about: "Who may see and decide. Whether a person may decide one request is judged at the moment of the decision.",
    path: "/api/v1/people",
    member: "people",
    none: [
      "Nobody is known yet.",
      "Add a reviewer on the machine Placet runs on.",
      "placet people add you@example.com --role reviewer --group finance",
    ],
    columns: [
      { name: "Person", cell: (person) => bdi(person.name || person.id) },
      { name: "Address", cell: (person) => bdi(person.id ?? person.email) },
      { name: "Roles", cell: (person) => bdi((person.roles ?? []).join(", ") || "none") },
      { name: "Groups", cell: (person) => bdi((person.groups ?? []).join(", ") || "none") },
      {
        name: "Slack",
        cell: (person) => ([person.slack ?? []].flat().length ? bdi([person.slack].flat().join(", ")) : "not mapped"),
      },
      { name: "State", cell: (person) => (person.disabled ? "Disabled" : "Active") },
    ],
  });
}
