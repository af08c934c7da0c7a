/** The dialog that asks for words and does something with them. */
import { askAct, field } from "../act.js";
import { h } from "../dom.js";

export const NOTE_MOST = 500;

/** Ask for a text, and `send(text)` it without the space around it. What was written stays until that is done. */
export function askText(title, words, { needed, button, send, label = "Note" }) {
  const input = h("textarea", { class: "input", maxlength: String(NOTE_MOST), rows: "3", required: needed });
  const text = field(needed ? label : `${label} (optional)`, input, { needed });
  return askAct(title, {
    say: h("p", { text: words }),
    fields: [text],
    button,
    send: () => send(text.value()),
    focus: () => input,
  });
}
