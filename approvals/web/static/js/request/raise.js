/**
 * Limits that a call goes over: what they are, approving with a raise, and what was raised. The numbers are the ones
 * that the server saved with the request; nothing is reckoned here.
 */
import { post } from "../api.js";
import { openDialog } from "../dialog.js";
import { announce, h } from "../dom.js";
import { icon } from "../icons.js";
import { countdown, exact, span } from "../time.js";
import { bdi } from "../visible.js";
import { voterWords } from "../words.js";
import { mustType, slowly, typedName } from "./ask.js";
import { leavesOthers } from "./effect.js";

const TIMES = [
  ["15m", "15 minutes"],
  ["1h", "1 hour"],
  ["4h", "4 hours"],
  ["24h", "24 hours"],
];
const USUAL = "1h";

/** May this request's approval raise anything? */
export const mayRaise = (request) => Boolean(request.may_raise && request.over?.length);

/** What the call goes over, as part of why it was held. */
export function overView(request) {
  const over = request.over ?? [];
  if (!over.length) return null;
  return h(
    "p",
    {},
    over.length === 1 ? "It goes over the limit " : "It goes over the limits ",
    over.flatMap((one, index) => [
      index ? "; " : "",
      bdi(one.limit, "mono"),
      ": ",
      h("strong", { text: one.max }),
      " ",
      bdi(one.words),
    ]),
    ".",
  );
}

/** Ask for how long. Gives {raise} or null. */
export function askRaise(request, { onOpen }) {
  let yes = null;
  const typed = mustType(request);
  return openDialog(
    "Approve and raise?",
    (close) => {
      onOpen(close);
      const lasts = h(
        "select",
        { class: "input" },
        TIMES.map(([value, text]) => h("option", { value, text, selected: value === USUAL })),
      );
      yes = h("button", { class: "button yes", type: "submit", disabled: typed }, icon("yes"), h("span"));
      const say = () => (yes.lastChild.textContent = `Approve and raise for ${lasts.selectedOptions[0].text}`);
      lasts.addEventListener("change", say);
      say();
      return h(
        "form",
        {
          class: "settings",
          on: { submit: (event) => (event.preventDefault(), close({ raise: lasts.value })) },
        },
        h(
          "p",
          {},
          leavesOthers(request)
            ? "This call runs once, exactly as shown, when all who have to have approved it. "
            : "This call runs once, exactly as shown. ",
          "Until the time is over, calls that count for the same budget may go further without asking anybody:",
        ),
        h("ul", { class: "raise-list" }, request.over.map(raisedTo)),
        h("label", { class: "field" }, h("span", { class: "label", text: "For how long" }), lasts),
        together(request),
        slowly(request),
        typed ? typedName(request, yes) : null,
        h(
          "div",
          { class: "ends" },
          h("button", { class: "button", type: "button", text: "Go back", on: { click: () => close() } }),
          yes,
        ),
      );
    },
    { focus: () => (typed ? null : yes) },
  );
}

function raisedTo(one) {
  return h(
    "li",
    {},
    bdi(one.limit, "mono"),
    " up to ",
    h("strong", { text: one.to }),
    ` instead of ${one.max} `,
    bdi(one.words),
  );
}

/** Where several people decide, all of them have to want it. */
function together(request) {
  const wanted = (request.votes ?? []).filter((vote) => vote.decision === "approve" && vote.raise_seconds);
  if (!leavesOthers(request) && !wanted.length) return null;
  const asked = wanted.map((vote) => `${voterWords(vote)} (${span(vote.raise_seconds * 1000)})`).join(", ");
  return h(
    "p",
    { class: "muted" },
    "It is raised only if everybody who approves asks for that; the shortest time counts.",
    asked ? [" So far: ", bdi(asked), "."] : null,
  );
}

/** What was raised by approving this request, and taking it back. `done(request)` gets the request afterwards. */
export function raisesView(request, { done, load }) {
  const raises = request.raises ?? [];
  if (!raises.length) return null;
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const end = async (one) => {
    problem.hidden = true;
    try {
      await post(`/api/v1/raises/${encodeURIComponent(one.id)}/revoke`, {});
      announce("Taken back. The limit is the policy's own again.");
      done(await load());
    } catch (error) {
      problem.textContent = error.message;
      problem.hidden = false;
    }
  };
  return h(
    "section",
    { class: "raises", "aria-label": "Raised limits" },
    h("h2", { text: raises.some((one) => one.in_force) ? "Raised for a while" : "Was raised" }),
    h("ul", { class: "raise-list" }, raises.map((one) => raiseLine(one, end))),
    problem,
  );
}

function raiseLine(one, end) {
  const who = one.names.map((name) => bdi(name)).flatMap((name, index) => (index ? [" and ", name] : [name]));
  return h(
    "li",
    { class: one.in_force ? "" : "over" },
    h("p", {}, bdi(one.limit, "mono"), " up to ", h("strong", { text: one.to }), ` instead of ${one.max} `, bdi(one.words)),
    h("p", { class: "muted" }, ending(one), ", by ", who, "."),
    one.may_revoke
      ? h("button", { class: "button", type: "button", text: "Take the raise back", on: { click: () => end(one) } })
      : null,
  );
}

function ending(one) {
  if (one.ended_at) return ["Taken back ", exact(one.ended_at), " by ", bdi(one.ended_by)];
  if (!one.in_force) return `Over since ${exact(one.until)}`;
  return [countdown(one.until), `, until ${exact(one.until)}`];
}
