/** What a reviewer changed of a call: every place with what stood and stands there, masked where the server masked it. */
import { h } from "../dom.js";
import { bdi } from "../visible.js";

const FIRST = 40;

/** The section of a request whose arguments were edited; nothing where they were not. */
export function changedView(request) {
  const changes = request.changes ?? [];
  if (!changes.length) return null;
  const held = request.state === "pending";
  return h(
    "section",
    { class: "changed-call", "aria-label": "What a reviewer changed" },
    h("h2", { text: held ? "Changed since the agent asked" : "Changed before it was decided" }),
    h("p", {
      class: "muted",
      text: held
        ? "A reviewer changed the arguments. You decide the call as it stands below, not as the agent asked for it."
        : "A reviewer changed the arguments. The call below is the one that was decided, and the agent was told.",
    }),
    changesList(changes),
  );
}

/** The word that says so in a list. */
export function editedMark(request) {
  return request.edited_from ? [h("span", { class: "edited-mark", text: "edited" }), " "] : null;
}

/** The changes as a list; `sub` for the small print of the timeline. */
export function changesList(changes, { className = "changes", more = 0 } = {}) {
  const rest = changes.length - FIRST + more;
  return h(
    "ul",
    { class: className },
    changes.slice(0, FIRST).map(line),
    rest > 0 ? h("li", { class: "muted", text: `and ${rest} more` }) : null,
  );
}

function line(one) {
  const was = Object.hasOwn(one, "from");
  const now = Object.hasOwn(one, "to");
  return h(
    "li",
    {},
    bdi(one.path || "/", "mono change-at"),
    " ",
    was ? [h("span", { class: "sr", text: "was " }), h("del", {}, bdi(JSON.stringify(one.from), "mono"))] : h("span", { class: "note", text: "added" }),
    " ",
    now ? [h("span", { class: "sr", text: "now " }), h("ins", {}, bdi(JSON.stringify(one.to), "mono"))] : h("span", { class: "note", text: "removed" }),
  );
}
