/** The filters of a list: read from the URL, kept in the URL, sent to the API. */
import { address } from "./api.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { STATES } from "./words.js";

const TEXT = [
  ["server", "Server"],
  ["tool", "Tool"],
  ["agent", "Agent"],
];
const RISKS = ["read", "write", "execute", "destructive", "financial"];
const NAMES = ["state", "mine", "server", "tool", "agent", "ground", "risk", "q", "sort", "cursor"];

/** The filters the URL names. */
export function filtersOfUrl() {
  const query = new URLSearchParams(window.location.search);
  return Object.fromEntries(NAMES.map((name) => [name, query.get(name) ?? ""]));
}

/** The API address for these filters: of requests in any state. */
export function requestsAddress(filters, { limit, state }) {
  const { server, tool, agent, ground, risk, mine, q, cursor } = filters;
  return address("/api/v1/requests", { state, server, tool, agent, ground, risk, mine, q, cursor, limit });
}

/** The API address for these filters: of what waits, with calls that are alike as one. */
export function queueAddress(filters, { limit, snoozed }) {
  const { server, tool, agent, risk, mine, q, sort, cursor } = filters;
  return address("/api/v1/queue", { server, tool, agent, risk, mine, snoozed, q, order: sort, cursor, limit });
}

/** The filters of this list that say something, for words and links. */
export function activeFilters(filters) {
  return NAMES.filter((name) => name !== "cursor" && name !== "sort" && filters[name]);
}

/** The form. `states` are the choices of the state field; `apply(filters)` is called when it is sent or changed. */
export function filterForm(filters, { states, sorts = [], apply }) {
  const inputs = {};
  const text = (name, label, type = "text") => {
    inputs[name] = h("input", {
      class: "input",
      type,
      name,
      value: filters[name],
      autocomplete: "off",
      spellcheck: "false",
      maxlength: "200",
    });
    return h("label", { class: "field" }, h("span", { class: "label", text: label }), inputs[name]);
  };
  const select = (name, label, options) => {
    inputs[name] = h(
      "select",
      { class: "input", name },
      options.map(([value, words]) => h("option", { value, text: words })),
    );
    inputs[name].value = filters[name];
    return h("label", { class: "field" }, h("span", { class: "label", text: label }), inputs[name]);
  };
  const send = () =>
    apply({
      ...Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input.value.trim()])),
      cursor: "",
    });
  const more = [
    select("state", "State", states),
    select("mine", "For whom", [
      ["", "Everything I may see"],
      ["true", "For me to decide"],
    ]),
    ...TEXT.map(([name, label]) => text(name, label)),
    select("ground", "Let run by", [
      ["", "Anything"],
      ["grant", "A grant"],
      ["break_glass", "Break-glass"],
      ["silence", "Silence"],
    ]),
    select("risk", "Risk", [["", "Any risk"], ...RISKS.map((risk) => [risk, risk])]),
    sorts.length ? select("sort", "Order", sorts) : null,
  ];
  const count = activeFilters(filters).filter(
    (name) => name !== "q" && !(name === "state" && filters.state === states[0][0]),
  ).length;
  const details = h(
    "details",
    { class: "filters", open: count > 0 },
    h(
      "summary",
      { class: "button quiet" },
      icon("filter"),
      h("span", { text: count ? `Filters, ${count} on` : "Filters" }),
    ),
    h("div", { class: "filter-fields" }, more),
  );
  const search = text("q", "Search", "search");
  search.classList.add("search");
  inputs.q.setAttribute("placeholder", "Tool, agent, id…");
  inputs.q.setAttribute("aria-keyshortcuts", "/");
  const form = h(
    "form",
    {
      class: "filter-form",
      role: "search",
      on: {
        submit: (event) => (event.preventDefault(), send()),
        change: (event) => event.target !== inputs.q && send(),
      },
    },
    search,
    // Without a button a browser does not send a form of several fields on Enter.
    h("button", { class: "button", type: "submit", text: "Search" }),
    details,
  );
  return { element: form, focusSearch: () => inputs.q.focus() };
}

export const stateChoices = (first) => [
  ...first,
  ...Object.entries(STATES).filter(([state]) => !first.some(([value]) => value === state)),
];
