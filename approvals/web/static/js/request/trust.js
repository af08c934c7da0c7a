/**
 * "Approve and trust…": approve one call, and let more calls of its shape run without asking. The shape starts as exactly
 * this call; each argument is loosened on purpose, and what the grant would have matched is said before the click.
 */
import { Problem, post } from "../api.js";
import { openDialog } from "../dialog.js";
import { h, settleDown, show } from "../dom.js";
import { placeWords } from "../grants/view.js";
import { icon } from "../icons.js";
import { bdi } from "../visible.js";
import { voterWords } from "../words.js";
import { mustType, slowly, typedName } from "./ask.js";
import { leavesOthers } from "./effect.js";
import { isAmount, leaves, placeRow } from "./trust_places.js";

const TIMES = [
  [900, "15 minutes"],
  [3600, "1 hour"],
  [14_400, "4 hours"],
  [28_800, "8 hours"],
  [86_400, "24 hours"],
];

/** May an approval of this request carry a grant? */
export const mayTrust = (request) => request.why_no_grant === null && !request.redacted && request.arguments !== null;

/** Ask for the grant. Gives {grant} or null. */
export function askTrust(request, { onOpen, draft = null }) {
  const typed = mustType(request);
  const before = proposed(request);
  return openDialog(
    "Approve and trust calls like this?",
    (close) => {
      onOpen(close);
      const yes = h("button", { class: "button yes", type: "submit", disabled: typed }, icon("yes"), h("span", { text: "Approve and trust" }));
      const tried = h("p", { class: "tried", role: "status" });
      const problem = h("p", { class: "problem", role: "alert", hidden: true });
      const form = fields(request, draft ? asProposed(draft) : before?.grant, () => look());
      const look = settleDown(() => preview(request, form.said(), { tried, problem }), 300, 1500);
      look();
      return h(
        "form",
        { class: "settings trust", on: { submit: (event) => (event.preventDefault(), close({ grant: form.said() })) } },
        h(
          "p",
          {},
          leavesOthers(request)
            ? "This call runs once, exactly as shown, when all who have to have approved it. After it, and only if they all propose this, calls of agent "
            : "This call runs once, exactly as shown. After it, calls of agent ",
          bdi(request.agent, "strong"),
          " to ",
          bdi(request.tool, "mono"),
          " run without asking anybody while everything here holds:",
        ),
        form.elements,
        together(request, before),
        tried,
        problem,
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
    { className: "wide" },
  );
}

/** The grant that somebody who approved already wants: it comes about only if everybody wants the same. */
const proposed = (request) => (request.votes ?? []).find((vote) => vote.decision === "approve" && vote.grant) ?? null;

/** What was sent and refused, as the form takes it. */
const asProposed = (draft) => ({ ...draft, for_seconds: Number.parseInt(draft.for, 10) });

function fields(request, before, changed) {
  const values = leaves(request.arguments);
  const rows = values.map(([pointer, value]) => placeRow(pointer, value, before?.arguments?.[pointer], changed));
  const lasts = chosen("For how long", TIMES, before?.for_seconds ?? 3600, changed);
  const uses = h("input", { class: "input", type: "number", min: "1", max: "100", value: String(before?.uses ?? 5) });
  uses.addEventListener("input", changed);
  const budget = budgetField(values, before?.budget, changed);
  const scope = scopeField(request, before, changed);
  return {
    elements: [
      rows.length
        ? h("ul", { class: "places", "aria-label": "Arguments" }, rows.map((row) => row.element))
        : h("p", { class: "muted", text: "The call has no arguments; only this very call is trusted." }),
      h(
        "div",
        { class: "trust-bounds" },
        h("label", { class: "field" }, h("span", { class: "label", text: "For how long" }), lasts),
        h("label", { class: "field" }, h("span", { class: "label", text: "How many more calls" }), uses),
        budget.element,
      ),
      scope.element,
    ],
    said: () => ({
      arguments: Object.fromEntries(rows.map((row) => [row.pointer, row.said()]).filter(([, said]) => said)),
      for: `${lasts.value}s`,
      uses: Number(uses.value) || 0,
      ...budget.said(),
      ...scope.said(),
    }),
  };
}

/** Calls of which of the agent's sessions: as narrow as it can be, unless somebody proposed otherwise. */
function scopeField(request, before, changed) {
  if (request.why_no_grant_session !== null)
    return {
      element: h("p", { class: "muted" }, "Not bound to one session: ", request.why_no_grant_session, "."),
      said: () => ({ scope: "agent" }),
    };
  const name = `scope-${request.id}`;
  const usual = before?.scope ?? "session";
  const choice = (value, words) => {
    const radio = h("input", { type: "radio", name, value, checked: value === usual });
    radio.addEventListener("change", changed);
    return [radio, h("label", { class: "choice" }, radio, words)];
  };
  const [, only] = choice("session", "Only in the session this call came from; it ends with that session");
  const [every, all] = choice("agent", h("span", {}, "In all sessions of agent ", bdi(request.agent)));
  return {
    element: h("fieldset", { class: "trust-scope" }, h("legend", { class: "label", text: "Where" }), only, all),
    said: () => ({ scope: every.checked ? "agent" : "session" }),
  };
}

function chosen(label, options, usual, changed) {
  const known = options.some(([value]) => value === usual) ? options : [...options, [usual, `${usual} seconds`]];
  const select = h(
    "select",
    { class: "input" },
    known.map(([value, text]) => h("option", { value: String(value), text, selected: value === usual })),
  );
  select.addEventListener("change", changed);
  return select;
}

/** What one argument may come to in all; only where an argument is an amount. */
function budgetField(values, before, changed) {
  const amounts = values.filter(([, value]) => isAmount(value)).map(([pointer]) => pointer);
  if (!amounts.length) return { element: null, said: () => ({}) };
  const most = h("input", { class: "input", inputmode: "decimal", autocomplete: "off", placeholder: "no limit", "aria-label": "At most in all" });
  most.value = before?.max ?? "";
  const of = h(
    "select",
    { class: "input", "aria-label": "Of which argument" },
    amounts.map((pointer) => h("option", { value: pointer, text: placeWords(pointer), selected: pointer === before?.argument })),
  );
  most.addEventListener("input", changed);
  of.addEventListener("change", changed);
  return {
    element: h(
      "div",
      { class: "field" },
      h("span", { class: "label", text: "At most in all" }),
      h("div", { class: "trust-budget" }, most, h("span", { text: "of" }), of),
    ),
    said: () => (most.value.trim() ? { budget: { argument: of.value, max: most.value.trim() } } : {}),
  };
}

async function preview(request, grant, { tried, problem }) {
  if (!tried.isConnected) return;
  try {
    const said = await post(`/api/v1/requests/${encodeURIComponent(request.id)}/grant-preview`, { grant });
    const links = said.against.slice(0, 5).map((id, index) => [
      index ? ", " : " Look at: ",
      h("a", { href: `/requests/${encodeURIComponent(id)}`, target: "_blank", text: `…${id.slice(-6)}` }),
    ]);
    show(tried, said.words, links);
    tried.classList.toggle("held", said.against.length > 0);
    problem.hidden = true;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    show(tried);
    problem.textContent = error.message;
    problem.hidden = false;
  }
}

/** Where several people decide, all of them have to want the same. */
function together(request, before) {
  if (before)
    return h("p", { class: "muted" }, bdi(voterWords(before)), " proposed what stands here. It comes about only if you all propose the same.");
  if (!leavesOthers(request)) return null;
  return h("p", { class: "muted", text: "It comes about only if everybody who approves proposes the same; otherwise this one call is approved." });
}
