/** One person: roles, groups, Slack, and what an admin can do. */
import { absent, factsAcross, oneOf } from "../directory.js";
import { h, show } from "../dom.js";
import { icon } from "../icons.js";
import { isAdmin } from "../roles.js";
import { setTitle } from "../shell.js";
import { ago, now } from "../time.js";
import { bdi } from "../visible.js";
import { awayButton, awayLine, maySay } from "./away.js";
import { linkFor, removePerson, savePerson, tokenFor, unlinkPerson } from "./acts.js";

/** Draw the page. */
export async function personPage(main, id, { me }) {
  setTitle(id);
  const body = h("div", { class: "page" }, h("p", { class: "muted", text: "Loading…" }));
  show(main, body);
  const draw = (person) => show(body, head(person, me, draw), facts(person));
  try {
    const person = await oneOf("/api/v1/people", "people", "id", id);
    if (person) draw(person);
    else show(body, back(), h("h1", { text: "There is no such person" }), h("p", {}, "Nobody knows ", bdi(id), "."));
  } catch (error) {
    show(body, back(), absent(error, "People"));
  }
}

const back = () => h("a", { class: "button quiet", href: "/people" }, icon("back"), "People");

function head(person, me, draw) {
  const added = person.source !== "config";
  const button = (words, run, kind = "") => h("button", { class: `button ${kind}`, type: "button", text: words, on: { click: run } });
  const change = async () => {
    const after = await savePerson(person);
    if (after) draw(after);
  };
  const remove = async () => {
    if (await removePerson(person)) window.location.assign("/people");
  };
  const free = async () => {
    if (await unlinkPerson(person)) draw({ ...person, claims: null });
  };
  const goes = person.disabled ? null : awayButton(person.id, person.away, (away) => draw({ ...person, away }));
  const acts = h(
    "div",
    { class: "page-acts" },
    added ? button("Change…", change) : null,
    person.disabled ? null : button("Sign-in link…", () => linkFor(person)),
    added ? button("API token…", () => tokenFor(person)) : null,
    person.claims ? button("Free the account…", free) : null,
    goes,
    added && person.id !== me.person.id ? button("Remove…", remove, "no") : null,
  );
  return h(
    "header",
    { class: "page-head" },
    h("div", {}, back(), h("h1", {}, bdi(person.name || person.id)), h("p", {}, bdi(person.id), person.disabled ? ". Disabled: may do nothing here." : null)),
    isAdmin(me) ? acts : maySay(me, person.id) ? h("div", { class: "page-acts" }, goes) : null,
  );
}

/** What the identity provider said of them, and whether it still holds. */
function claimed({ groups, roles, until, in_force }) {
  const named = [...roles.map((role) => `the role ${role}`), ...groups];
  return h(
    "span",
    {},
    bdi(named.join(", ") || "no group that counts here"),
    h("span", { class: "muted" }, in_force ? " · runs out " : " · ran out ", ago(until)),
  );
}

function facts(person) {
  return factsAcross([
    ["Roles", bdi(person.roles.join(", ") || "none")],
    ["Groups", bdi(person.groups.join(", ") || "none")],
    ...(person.claims ? [["From sign-in", claimed(person.claims)]] : []),
    ["Now", awayLine(person.away) ?? (person.disabled ? "disabled" : "here")],
    ["Quiet hours", person.quiet ? bdi(`${person.quiet.hours} ${person.quiet.tz}`) : "none"],
    ...(Date.parse(person.available_at) > now() ? [["Can be asked what can wait", ago(person.available_at)]] : []),
    ["Slack", person.slack.length ? bdi(person.slack.join(", "), "mono") : "not mapped"],
    ["Known from", person.source === "config" ? "the configuration file, which is where to change it" : "added while Placet ran"],
  ]);
}
