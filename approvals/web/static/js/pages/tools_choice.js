/** Which tools are shown, and in what order: chosen here, over the rows that are loaded, and kept in the address. */
import { announce, h } from "../dom.js";

const CLASSES = ["financial", "destructive", "execute", "write", "read"];
const SEVERITIES = ["critical", "high", "medium", "low"];
const RULES = [
  ["", "Any rule"],
  ["allow", "Allowed"],
  ["depends", "Depends on the call"],
  ["require_approval", "A person decides"],
  ["deny", "Denied"],
  ["hide", "Hidden"],
];
const ORDERS = [
  ["", "Gravest first"],
  ["name", "Name"],
  ["unsure", "Least sure first"],
];
const SURE = ["low", "medium", "high"];
const KEPT = ["class", "severity", "rule", "q", "look", "sort"];

const place = (list, value) => {
  const at = list.indexOf(value);
  return at < 0 ? list.length : at;
};
const byName = (a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
const gravest = (a, b) =>
  place(CLASSES, a.risk) - place(CLASSES, b.risk) || place(SEVERITIES, a.severity) - place(SEVERITIES, b.severity) || byName(a, b);
const ORDER = {
  name: byName,
  unsure: (a, b) => place(SURE, a.confidence) - place(SURE, b.confidence) || gravest(a, b),
};

function fits(tool, chosen) {
  const words = chosen.q.toLowerCase();
  return (
    (!chosen.class || tool.risk === chosen.class) &&
    (!chosen.severity || tool.severity === chosen.severity) &&
    (!chosen.rule || tool.now?.word === chosen.rule) &&
    (!chosen.look || (tool.findings ?? []).length > 0 || tool.drifted || tool.unusable) &&
    (!words || `${tool.name} ${tool.description ?? ""}`.toLowerCase().includes(words))
  );
}

function keep(chosen) {
  const query = new URLSearchParams(window.location.search);
  for (const name of KEPT) {
    if (chosen[name]) query.set(name, chosen[name]);
    else query.delete(name);
  }
  window.history.replaceState(window.history.state, "", `${window.location.pathname}?${query}`);
}

/** { element, kept }: the controls above the table, and the rows that they leave, in order. */
export function choosing(rows, redraw) {
  const query = new URLSearchParams(window.location.search);
  const chosen = Object.fromEntries(KEPT.map((name) => [name, query.get(name) ?? ""]));
  const kept = () => rows.filter((tool) => fits(tool, chosen)).sort(ORDER[chosen.sort] ?? gravest);
  const count = h("p", { class: "muted", role: "status" });
  const tell = () => {
    const left = kept().length;
    count.textContent = left === rows.length ? `${rows.length} tools` : `${left} of ${rows.length} tools`;
  };
  const choose = (name, value) => {
    chosen[name] = value;
    keep(chosen);
    tell();
    announce(count.textContent);
    redraw();
  };
  const select = (name, label, options) => {
    const input = h("select", { class: "input", name }, options.map(([value, text]) => h("option", { value, text })));
    input.value = chosen[name];
    input.addEventListener("change", () => choose(name, input.value));
    return h("label", { class: "field" }, h("span", { class: "label", text: label }), input);
  };
  const search = h("input", { class: "input", type: "search", name: "q", value: chosen.q, placeholder: "Name or words", autocomplete: "off", spellcheck: "false", maxlength: "200" });
  search.addEventListener("input", () => choose("q", search.value.trim()));
  const look = h("input", { type: "checkbox", name: "look", checked: chosen.look === "1" });
  look.addEventListener("change", () => choose("look", look.checked ? "1" : ""));
  const found = rows.filter((tool) => (tool.findings ?? []).length > 0 || tool.drifted || tool.unusable).length;
  tell();
  const element = h(
    "form",
    { class: "choose", role: "search", on: { submit: (event) => event.preventDefault() } },
    h("label", { class: "field search" }, h("span", { class: "label", text: "Search" }), search),
    select("class", "Class", [["", "Any class"], ...CLASSES.map((kind) => [kind, counted(rows, kind)])]),
    select("severity", "Severity", [["", "Any severity"], ...SEVERITIES.map((one) => [one, one])]),
    select("rule", "Rule now", RULES),
    select("sort", "Order", ORDERS),
    h("label", { class: "choice" }, look, h("span", { text: `To look at (${found})` })),
    count,
  );
  return { element, kept };
}

const counted = (rows, kind) => `${kind} (${rows.filter((tool) => tool.risk === kind).length})`;
