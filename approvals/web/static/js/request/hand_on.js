/** Who decides, and when: hand a request on to others, or hide it from the own queue for a while. They ask, and send nothing. */
import { openDialog } from "../dialog.js";
import { h } from "../dom.js";
import { exact, now } from "../time.js";
import { NOTE_MOST, ends, field } from "./words_dialog.js";

const LENGTHS = [
  ["5m", 5, "5 minutes"],
  ["10m", 10, "10 minutes"],
  ["15m", 15, "15 minutes"],
  ["30m", 30, "30 minutes"],
  ["1h", 60, "1 hour"],
  ["4h", 240, "4 hours"],
  ["1d", 1440, "1 day"],
];

/** Ask to whom, and why. Gives the body of the POST, or null. */
export function askReassign(request) {
  const to = h("input", {
    class: "input mono",
    required: true,
    maxlength: "600",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: "group:security, ada@example.com",
  });
  const factor = h(
    "select",
    { class: "input" },
    h("option", { value: "", text: "Everybody I speak for" }),
    request.needs.map((need, at) => h("option", { value: String(at), text: `${need.count} of ${need.members.join(", ")}` })),
  );
  const note = h("textarea", { class: "input", maxlength: String(NOTE_MOST), rows: "2" });
  const body = () => ({
    to: to.value.split(",").map((one) => one.trim()).filter(Boolean),
    ...(factor.value ? { factor: Number(factor.value) } : {}),
    ...(note.value.trim() ? { note: note.value.trim() } : {}),
  });
  return openDialog(
    "Let somebody else decide",
    (close) =>
      h(
        "form",
        {
          class: "settings",
          on: { submit: (event) => (event.preventDefault(), body().to.length && close(body())) },
        },
        h("p", {
          text: "They are asked in place of you and your group. As many people are needed as before, the deadline stays, and nobody can be named who may not decide.",
        }),
        field("Groups or people, with commas between them", to),
        request.needs.length > 1 ? field("In place of", factor) : null,
        field("Why (optional; it is on the card and in the record)", note),
        ends(close, "Hand it on"),
      ),
    { focus: () => to },
  );
}

/** Ask for how long. Gives the body of the POST, or null; `for: null` shows a hidden request again. */
export function askSnooze(request) {
  const left = (Date.parse(request.expires_at) - now()) / 60_000;
  const rows = LENGTHS.filter(([, minutes]) => minutes < left).map(([value, , words], at) =>
    h(
      "label",
      { class: "choice" },
      h("input", { type: "radio", name: "for", value, checked: at === 0 }),
      h("span", { text: words }),
    ),
  );
  const form = (close) =>
    h(
      "form",
      {
        class: "settings",
        on: {
          submit: (event) => (
            event.preventDefault(),
            close({ for: event.currentTarget.querySelector("input:checked")?.value ?? null })
          ),
        },
      },
      h("p", {
        text: `It leaves your queue, and nobody else's, until then or until something about it changes. The deadline stays: ${exact(request.expires_at)}.`,
      }),
      rows.length
        ? h("fieldset", {}, h("legend", { class: "label", text: "Hide it for" }), rows)
        : h("p", { text: "Less than 5 minutes are left, which is too little to hide it." }),
      ends(close, rows.length ? "Hide it" : null),
    );
  return openDialog("Snooze", form, {});
}
