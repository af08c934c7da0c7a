/** What admins do to people, each one dialog: add, change, remove, a new API token, a sign-in link. */
import { askAct, field } from "../act.js";
import { post } from "../api.js";
import { announce, h } from "../dom.js";
import { showSecret } from "../secret.js";
import { bdi } from "../visible.js";

const ROLES = [
  ["viewer", "Viewer: reads requests"],
  ["reviewer", "Reviewer: decides what it is asked for"],
  ["operator", "Operator: freezes, pauses, revokes, edits policies"],
  ["admin", "Admin: what operators do, and people"],
  ["auditor", "Auditor: reads everything, decides nothing"],
];
const plain = { class: "input", autocomplete: "off", spellcheck: "false", autocapitalize: "off" };
const path = (person, verb) => `/api/v1/people/${encodeURIComponent(person.id)}/${verb}`;
const words = (text) => text.split(",").map((one) => one.trim()).filter(Boolean);

/** Add a person, or change the one that is given; gives the row afterwards, or null. */
export async function savePerson(person = null) {
  const address = { ...plain, type: "email", maxlength: "254", value: person?.id ?? "", readonly: person !== null };
  const id = field("Address", h("input", address), { needed: true });
  const called = person && person.name !== person.id ? person.name : "";
  const name = field("Name", h("input", { ...plain, maxlength: "128", value: called }));
  const roles = rolesField(person?.roles ?? ["reviewer"]);
  const groups = field("Groups, with commas between", h("input", { ...plain, value: (person?.groups ?? []).join(", ") }));
  const ids = { ...plain, class: "input mono", value: (person?.slack ?? []).join(", ") };
  const slack = field("Slack user ids, with commas between", h("input", ids));
  const quiet = field("Quiet hours, like 22:00-07:00", h("input", { ...plain, maxlength: "11", value: person?.quiet?.hours ?? "" }));
  const zone = person?.quiet?.tz ?? Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";
  const tz = field("In the time zone", h("input", { ...plain, maxlength: "64", value: zone }));
  const done = await askAct(person ? "Change this person" : "Add a person", {
    say: h("p", {
      text: person
        ? "The roles and groups count from the next thing they do; votes on calls that have not run are judged again."
        : "They sign in with a link that you make for them, or through your sign-in provider.",
    }),
    fields: [id, name, roles, groups, slack, quiet, tz],
    button: person ? "Save" : "Add this person",
    send: () =>
      post("/api/v1/people", {
        id: id.value(),
        name: name.value(),
        roles: roles.value(),
        groups: words(groups.value()),
        slack: words(slack.value()),
        quiet: quiet.value() || null,
        tz: quiet.value() ? tz.value() || null : null,
      }),
    focus: () => (person ? name.input : id.input),
  });
  if (done) announce("Saved.");
  return done;
}

/** Remove them. */
export async function removePerson(person) {
  const done = await askAct("Remove this person?", {
    say: h(
      "p",
      {},
      bdi(person.id, "strong"),
      " is signed out everywhere and may do nothing here any more. Their votes on calls that have not run count no more; the record keeps what they did.",
    ),
    button: "Remove them",
    kind: "no",
    send: () => post(path(person, "remove")),
  });
  if (done) announce("Removed.");
  return done;
}

/** A new API token, shown once. */
export async function tokenFor(person) {
  const done = await askAct("A new API token?", {
    say: h("p", {}, bdi(person.id, "strong"), " gets a new token for the API; the one before stops working now."),
    button: "Make the token",
    send: () => post(path(person, "token")),
  });
  if (done) await showSecret("The API token", "It is shown only now. Give it to nobody but its person.", [["Token", done.token]]);
  return done;
}

/** A link that signs them in once, within 15 minutes. */
export async function linkFor(person) {
  const done = await askAct("A sign-in link?", {
    say: h("p", {}, "Whoever opens the link first, within 15 minutes, is signed in as ", bdi(person.id, "strong"), "."),
    button: "Make the link",
    send: () => post(path(person, "login-link")),
  });
  if (done) await showSecret("The sign-in link", "It works once, within 15 minutes, and is shown only now.", [["Link", done.url]]);
  return done;
}

/** Free them from the account of the identity provider that they are known by. */
export async function unlinkPerson(person) {
  const done = await askAct("Free them from their account?", {
    say: h(
      "p",
      {},
      bdi(person.id, "strong"),
      " is signed out everywhere. Whoever signs in next at the identity provider with this address, verified there, is them.",
    ),
    button: "Free the account",
    kind: "no",
    send: () => post(path(person, "unlink")),
  });
  if (done) announce("Freed.");
  return done;
}

function rolesField(held) {
  const boxes = ROLES.map(([value]) => {
    const box = h("input", { type: "checkbox", value });
    box.checked = held.includes(value);
    return box;
  });
  return {
    element: h(
      "fieldset",
      {},
      h("legend", { class: "label", text: "Roles" }),
      boxes.map((box, index) => h("label", { class: "choice" }, box, ROLES[index][1])),
    ),
    value: () => boxes.filter((box) => box.checked).map((box) => box.value),
  };
}
