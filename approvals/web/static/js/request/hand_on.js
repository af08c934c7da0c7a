/** Who decides, and when: hand a request on to others, or hide it from the own queue for a while. */
import { askAct, field } from "../act.js";
import { openDialog } from "../dialog.js";
import { h } from "../dom.js";
import { exact, now } from "../time.js";
import { NOTE_MOST } from "./words_dialog.js";

const LENGTHS = [
  ["5m", 5, "5 minutes"],
  ["10m", 10, "10 minutes"],
  ["15m", 15, "15 minutes"],
  ["30m", 30, "30 minutes"],
  ["1h", 60, "1 hour"],
  ["4h", 240, "4 hours"],
  ["1d", 1440, "1 day"],
];

/** Ask to whom, and why, and `send(body)` it. */
export function askReassign(request, send) {
  const names = h("input", {
    class: "input mono",
    required: true,
    maxlength: "600",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: "group:security, ada@example.com",
  });
  const to = field("Groups or people, with commas between them", names, { needed: true });
  const factor = h(
    "select",
    { class: "input" },
    h("option", { value: "", text: "Everybody I speak for" }),
    request.needs.map((need, at) => h("option", { value: String(at), text: `${need.count} of ${need.members.join(", ")}` })),
  );
  const why = h("textarea", { class: "input", maxlength: String(NOTE_MOST), rows: "2" });
  const note = field("Why (optional; it is on the card and in the record)", why);
  const body = () => ({
    to: to.value().split(",").map((one) => one.trim()).filter(Boolean),
    ...(factor.value ? { factor: Number(factor.value) } : {}),
    ...(note.value() ? { note: note.value() } : {}),
  });
  return askAct("Let somebody else decide", {
    say: h("p", {
      text: "They are asked in place of you and your group. As many people are needed as before, the deadline stays, and nobody can be named who may not decide.",
    }),
    fields: [to, ...(request.needs.length > 1 ? [field("In place of", factor)] : []), note],
    button: "Hand it on",
    send: () => send(body()),
    focus: () => names,
  });
}

/** Ask for how long, and `send({ for })` it. */
export function askSnooze(request, send) {
  const left = (Date.parse(request.expires_at) - now()) / 60_000;
  const fitting = LENGTHS.filter(([, minutes]) => minutes < left);
  if (!fitting.length) return tooLate();
  const rows = fitting.map(([value, , words], at) =>
    h(
      "label",
      { class: "choice" },
      h("input", { type: "radio", name: "for", value, checked: at === 0 }),
      h("span", { text: words }),
    ),
  );
  const choice = h("fieldset", {}, h("legend", { class: "label", text: "Hide it for" }), rows);
  return askAct("Snooze", {
    say: h("p", {
      text: `It leaves your queue, and nobody else's, until then or until something about it changes. The deadline stays: ${exact(request.expires_at)}.`,
    }),
    fields: [{ element: choice }],
    button: "Hide it",
    send: () => send({ for: choice.querySelector("input:checked").value }),
  });
}

function tooLate() {
  return openDialog("Snooze", (close) => [
    h("p", { text: "Less than 5 minutes are left, which is too little to hide it." }),
    h("div", { class: "ends" }, h("button", { class: "button", type: "button", text: "Go back", on: { click: () => close() } })),
  ]);
}
