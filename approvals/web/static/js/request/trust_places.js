/**
 * The arguments of a call as places of a shape: each exact until it is loosened, with a sensible first bound from the
 * value that stands there. The server has the last word on what is too wide.
 */
import { h } from "../dom.js";
import { placeWords } from "../grants/view.js";
import { bdi } from "../visible.js";

const escaped = (name) => String(name).replaceAll("~", "~0").replaceAll("/", "~1");
const DECIMAL = /^-?(0|[1-9]\d{0,14})(\.\d{1,12})?$/;

/** Every single value of the arguments: [pointer, value]. */
export function leaves(value, at = "") {
  if (value !== null && typeof value === "object" && Object.keys(value).length)
    return Object.entries(value).flatMap(([name, one]) => leaves(one, `${at}/${escaped(name)}`));
  return at && (value === null || typeof value !== "object") ? [[at, value]] : [];
}

/** Is it a number, or a decimal written as a text? */
export const isAmount = (value) => typeof value === "number" || (typeof value === "string" && DECIMAL.test(value));

/** The prefix to offer for a text: its folder, or what stands before its last part; something must follow it. */
export function prefixOf(text) {
  const [inPath, before] = [text.includes("/"), text.slice(0, -1)];
  const cut = inPath ? before.lastIndexOf("/") : Math.max(...[..."/:-_=#"].map((end) => before.lastIndexOf(end)));
  const prefix = text.slice(0, cut + 1);
  return prefix.length >= 3 && !(!inPath && text.includes("@")) ? prefix : "";
}

/** One row: `said()` is the matcher as the API takes it, or null while it is exact. `before`: what somebody proposed. */
export function placeRow(pointer, value, before, changed) {
  const name = placeWords(pointer);
  const kinds = kindsOf(value);
  const start = before ? Object.keys(before)[0] : "exact";
  const select = h(
    "select",
    { class: "input", "aria-label": `How ${name} may vary` },
    kinds.map(([kind, words]) => h("option", { value: kind, text: words, selected: kind === start })),
  );
  const bound = h("div", { class: "place-bound" });
  let said = () => null;
  const draw = () => {
    const made = BOUNDS[select.value]?.(name, value, before?.[select.value], changed) ?? { nodes: [], said: () => null };
    said = made.said;
    bound.replaceChildren(...made.nodes);
  };
  select.addEventListener("change", () => (draw(), changed()));
  draw();
  return {
    pointer,
    said: () => said(),
    element: h(
      "li",
      { class: "place" },
      h("span", { class: "place-name" }, bdi(name, "mono"), h("span", { class: "muted" }, " ", bdi(JSON.stringify(value)))),
      select,
      bound,
    ),
  };
}

function kindsOf(value) {
  const kinds = [["exact", "exactly this"]];
  if (isAmount(value)) kinds.push(["range", "from … to …"]);
  if (typeof value === "string" && prefixOf(value)) kinds.push(["prefix", "begins with …"]);
  if (value !== null && typeof value !== "boolean") kinds.push(["one_of", "one of …"]);
  kinds.push(["any", "anything"]);
  return kinds;
}

const BOUNDS = {
  range: (name, value, before, changed) => {
    const low = input(`Least of ${name}`, before?.min ?? Math.min(0, Number(value)), changed, { inputmode: "decimal" });
    const high = input(`Most of ${name}`, before?.max ?? value, changed, { inputmode: "decimal" });
    return {
      nodes: [low, h("span", { text: "to" }), high],
      said: () => ({ range: { min: low.value.trim(), max: high.value.trim() } }),
    };
  },
  prefix: (name, value, before, changed) => {
    const text = input(`Beginning of ${name}`, before ?? prefixOf(value), changed, { class: "input mono" });
    return { nodes: [text], said: () => ({ prefix: text.value }) };
  },
  one_of: (name, value, before, changed) => {
    const lines = (before ?? [value]).map(String).join("\n");
    const text = h("textarea", { class: "input mono", rows: "3", "aria-label": `Values of ${name}, one a line` });
    text.value = lines;
    text.addEventListener("input", changed);
    const read = (line) => (typeof value === "number" ? Number(line) : line);
    return {
      nodes: [text, h("span", { class: "muted", text: "one a line" })],
      said: () => ({ one_of: text.value.split("\n").filter((line) => line !== "").map(read) }),
    };
  },
  any: () => ({ nodes: [], said: () => ({ any: true }) }),
};

function input(label, value, changed, more = {}) {
  const made = h("input", { class: "input", autocomplete: "off", spellcheck: "false", "aria-label": label, ...more });
  made.value = String(value);
  made.addEventListener("input", changed);
  return made;
}
