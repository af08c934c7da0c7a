/** What people do about stops, each one dialog: freeze, end a freeze, open, confirm and close break-glass. */
import { askAct, choiceField, field, reasonField, typedField } from "../act.js";
import { Problem, get } from "../api.js";
import { announce, h } from "../dom.js";
import { exact, span } from "../time.js";
import { bdi } from "../visible.js";
import { freezeOn, postFreeze, postGlass } from "./state.js";
import { FREEZE_TIMES, GLASS_TIMES, what, whatText, where, who } from "./words.js";

const LISTED = 200;
const KINDS = [
  ["all", "Every agent"],
  ["agent", "One agent"],
  ["server", "One server"],
];

/** Ask what to freeze, and freeze it. `agent` or `server`: what is chosen already. */
export async function askFreeze({ agent = null, server = null } = {}) {
  const chosen = scopeField("What stops", KINDS, { agent, server });
  const reason = reasonField("Why. Agents and people are told it");
  const lasts = choiceField("For how long", FREEZE_TIMES, "1h");
  const typed = typedField("This stops every agent on every server.", "freeze", { when: () => chosen.kind() === "all" });
  const replaced = h("p", { class: "muted", hidden: true });
  const told = {
    element: replaced,
    ok: () => {
      const before = freezeOn(chosen.scope());
      replaced.hidden = !before;
      if (before) replaced.textContent = `It is frozen until ${exact(before.until)}; this takes the place of that freeze.`;
      return true;
    },
  };
  const done = await askAct("Freeze", {
    say: [
      h("p", {
        text: "New calls are refused at once, on every replica. What waits for approval waits on and can only be denied; what is running now keeps its result. It ends by itself, or when somebody ends it.",
      }),
      h("p", {}, h("a", { href: "/stops", text: "What is stopped, what was, and break-glass" })),
    ],
    fields: [chosen, reason, lasts, told, typed],
    button: "Freeze now",
    kind: "no",
    send: () => postFreeze({ on: true, reason: reason.value(), for: lasts.value(), ...chosen.body() }),
    focus: () => (agent || server ? reason.input : null),
  });
  if (done) announce("Frozen.");
  return done;
}

/** End a freeze. */
export async function endFreeze(one) {
  const done = await askAct("End the freeze?", {
    say: [
      h("p", {}, what(one), " was frozen by ", who(one.by, one.name), ": “", bdi(one.reason), "”"),
      h("p", { text: "Calls are taken again at once. What was approved before the freeze does not run; agents have to ask again." }),
    ],
    button: "End it: take calls again",
    send: () => postFreeze({ on: false, ...named(one) }),
  });
  if (done) announce(`The freeze of ${whatText(one)} is over.`);
  return done;
}

/** Ask for break-glass; where an alert is enough, it is open then. */
export async function askGlass(mode) {
  const alone = mode === "alert";
  const chosen = scopeField("What runs without approval", [["all", "Calls to every server"], ["server", "Calls to one server"]], {});
  const reason = reasonField("Why. It is told to everybody and stays on record");
  const lasts = choiceField("For how long", GLASS_TIMES, "1h");
  const typed = typedField("Every call that a rule wants approved would run without anybody asked.", "break glass", {
    when: () => chosen.kind() === "all",
  });
  const how = alone
    ? "It is open at once, and every channel is told."
    : "Another operator or admin has to confirm it within 15 minutes.";
  const done = await askAct(alone ? "Open break-glass" : "Ask for break-glass", {
    say: h("p", {
      text: `${how} While it is open, calls that need approval run without waiting. Each is saved and announced as always, with your name and reason. What a policy denies stays denied; what is frozen stays frozen.`,
    }),
    fields: [chosen, reason, lasts, typed],
    button: alone ? "Open it now" : "Ask for a second person",
    kind: "no",
    send: () => postGlass("open", { reason: reason.value(), for: lasts.value(), ...chosen.body() }),
  });
  if (done) announce(alone ? "Break-glass is open." : "Asked. Somebody else has to confirm it.");
  return done;
}

/** Be the second person. */
export async function confirmGlass(one) {
  const done = await askAct("Confirm break-glass?", {
    say: [
      h("p", {}, who(one.by, one.name), " asks for it ", where(one), `, for ${span(one.seconds * 1000)}: “`, bdi(one.reason), "”"),
      h("p", { text: "Calls that need approval then run without waiting. Your name stands on each of them beside theirs." }),
    ],
    button: "Confirm: open it now",
    kind: "no",
    send: () => postGlass("confirm", named(one)),
  });
  if (done) announce("Break-glass is open.");
  return done;
}

/** Close what is open, or take back what is asked for. */
export async function closeGlass(one) {
  const said = one.open
    ? "Calls that need approval wait for people again, at once. What it let through and has not run yet does not run."
    : "Nothing was opened yet, and nothing will be.";
  const done = await askAct(one.open ? "Close break-glass?" : "Not open it?", {
    say: [h("p", {}, "Break-glass ", where(one), ", by ", who(one.by, one.name), ": “", bdi(one.reason), "”"), h("p", { text: said })],
    button: one.open ? "Close it" : "Do not open it",
    send: () => postGlass("close", one.server ? { server: one.server } : {}),
  });
  if (done) announce("Break-glass is closed.");
  return done;
}

function named(one) {
  if (one.agent) return { agent: one.agent };
  return one.server ? { server: one.server } : {};
}

/** A choice among everything, one agent and one server; the names are offered, and may be typed. */
function scopeField(words, kinds, { agent, server }) {
  const usual = agent ? "agent" : server ? "server" : "all";
  const radios = kinds.map(([value, text]) => {
    const input = h("input", { type: "radio", name: "scope", value });
    input.checked = value === usual;
    return h("label", { class: "choice" }, input, text);
  });
  const names = Object.fromEntries(
    kinds.slice(1).map(([kind]) => [kind, nameField(kind, { agent, server }[kind] ?? "")]),
  );
  const group = h("fieldset", {}, h("legend", { class: "label", text: words }), radios);
  const kind = () => group.querySelector("input:checked").value;
  const look = () => {
    for (const [name, one] of Object.entries(names)) one.element.hidden = kind() !== name;
  };
  look();
  return {
    element: [group, ...Object.values(names).map((one) => one.element)],
    kind,
    scope: () => (kind() === "all" ? "all" : `${kind()}:${names[kind()].value()}`),
    body: () => (kind() === "all" ? {} : { [kind()]: names[kind()].value() }),
    ok: () => (look(), kind() === "all" || names[kind()].value() !== ""),
  };
}

function nameField(kind, value) {
  const id = `stop-${kind}s`;
  const input = h("input", { class: "input mono", list: id, autocomplete: "off", spellcheck: "false", maxlength: "128", value });
  const list = h("datalist", { id });
  offer(kind, list);
  return field(kind === "agent" ? "Which agent" : "Which server", input, { list });
}

/** Names to choose from; where the list is not for this person, it is typed. */
async function offer(kind, list) {
  try {
    const answer = await get(`/api/v1/${kind}s?limit=${LISTED}`);
    list.append(...(answer[`${kind}s`] ?? []).map((one) => h("option", { value: one.name })));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
  }
}
