/** The dialog that asks for words, and the pieces other dialogs share with it. */
import { openDialog } from "../dialog.js";
import { h } from "../dom.js";

export const NOTE_MOST = 500;

/** A labelled field. */
export const field = (words, input) =>
  h("label", { class: "field" }, h("span", { class: "label", text: words }), input);

/** The two buttons below; without `words` there is nothing to send. */
export const ends = (close, words) =>
  h(
    "div",
    { class: "ends" },
    h("button", { class: "button", type: "button", text: "Go back", on: { click: () => close() } }),
    words ? h("button", { class: "button", type: "submit", text: words }) : null,
  );

/** Ask for a text. Gives it without the space around it, or null. */
export function askText(title, words, { needed, button, most = NOTE_MOST, label = "Note" }) {
  const text = h("textarea", { class: "input", maxlength: String(most), rows: "3", required: needed });
  const form = (close) =>
    h(
      "form",
      {
        class: "settings",
        on: {
          submit: (event) => (event.preventDefault(), (text.value.trim() || !needed) && close(text.value.trim())),
        },
      },
      h("p", { text: words }),
      field(needed ? label : `${label} (optional)`, text),
      ends(close, button),
    );
  return openDialog(title, form, { focus: () => text });
}
