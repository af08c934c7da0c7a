/** A standing grant in words: what may vary, how much is left, who gave it; and taking it back. */
import { post } from "../api.js";
import { askAct } from "../act.js";
import { announce, h } from "../dom.js";
import { countdown, exact } from "../time.js";
import { bdi } from "../visible.js";

/** A JSON Pointer as people read it: `/to/0` is "to › 0". */
export const placeWords = (pointer) =>
  pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    .join(" › ");

/** Every argument with its bound; what may vary stands first, and stands out. */
export function shapeView(grant) {
  const loose = grant.shape.filter((one) => one.kind !== "exact");
  const exactly = grant.shape.filter((one) => one.kind === "exact");
  if (!grant.shape.length) return h("p", { class: "muted", text: "The call has no arguments." });
  return h(
    "ul",
    { class: "shape" },
    [...loose, ...exactly].map((one) =>
      h(
        "li",
        { class: one.kind === "exact" ? "muted" : "loose" },
        bdi(placeWords(one.argument), "mono"),
        " ",
        bdi(one.words),
      ),
    ),
  );
}

/** What is left of it: calls, and the budget where it has one. */
export function leftWords(grant) {
  const calls = `${grant.uses_left} of ${grant.uses} ${grant.uses === 1 ? "call" : "calls"} left`;
  if (!grant.budget) return calls;
  return [calls, `; ${grant.budget.left} of ${grant.budget.max} of `, bdi(placeWords(grant.budget.argument), "mono"), " left"];
}

/** Until when, or how it ended. */
export function endWords(grant) {
  if (grant.ended_why === "taken_back") return ["taken back ", exact(grant.ended_at), " by ", bdi(grant.ended_by)];
  if (grant.ended_why === "session_over") return `its session ended ${exact(grant.ended_at)}`;
  if (grant.ended_why === "used_up") return "used up";
  if (grant.ended_why === "time_over") return `over since ${exact(grant.until)}`;
  return [countdown(grant.until), `, until ${exact(grant.until)}`, grant.scope === "session" ? " or the end of its session" : null];
}

/** The word that marks a grant of one session. */
export const scopeWords = (grant) => (grant.scope === "session" ? h("span", { class: "only", text: "This session only" }) : null);

/** The names of those who gave it. */
export const giverWords = (grant) =>
  grant.names.map((name) => bdi(name)).flatMap((name, index) => (index ? [" and ", name] : [name]));

/** A button that takes a grant back, asking first; `done()` is called afterwards. */
export function revokeButton(grant, done) {
  if (!grant.may_revoke) return null;
  const ask = async () => {
    const gone = await askAct("Take this grant back?", {
      say: [
        h(
          "p",
          {},
          "From now on people are asked again about ",
          bdi(grant.tool, "mono"),
          " of agent ",
          bdi(grant.agent, "strong"),
          ". What it let through and was not sent yet does not run either.",
        ),
      ],
      button: "Take it back",
      kind: "no",
      send: () => post(`/api/v1/grants/${encodeURIComponent(grant.id)}/revoke`, {}),
    });
    if (!gone) return;
    announce("Taken back. People are asked again.");
    done();
  };
  return h("button", { class: "button", type: "button", text: "Take back…", on: { click: ask } });
}

/** The grants that were given with a request, on its page. */
export function grantsView(request, { reload }) {
  const grants = request.grants ?? [];
  if (!grants.length) return null;
  return h(
    "section",
    { class: "raises", "aria-label": "Standing grants" },
    h("h2", { text: grants.some((one) => one.in_force) ? "Also lets more calls run" : "Let more calls run" }),
    h("ul", { class: "raise-list" }, grants.map((one) => line(one, reload))),
  );
}

function line(grant, reload) {
  return h(
    "li",
    { class: grant.in_force ? "" : "over" },
    scopeWords(grant),
    shapeView(grant),
    h("p", { class: "muted" }, leftWords(grant), "; ", endWords(grant), ". Given by ", giverWords(grant), "."),
    grant.idle ? h("p", { class: "held", text: `Just now it lets nothing run: ${grant.idle}.` }) : null,
    h(
      "p",
      { class: "grant-acts" },
      revokeButton(grant, reload),
      h("a", { href: `/grants?open=${encodeURIComponent(grant.id)}`, text: "Its uses" }),
    ),
  );
}
