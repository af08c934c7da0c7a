/**
 * What came of a press when it was not what was wanted, and what changed under somebody's eyes. It stands at the foot,
 * where the buttons are, whatever part of the page is being read; and offers back what was typed and could not be sent.
 */
import { copy, h } from "../dom.js";
import { icon } from "../icons.js";
import { visible } from "../visible.js";

/** Did the call itself change? Who may not read it any more sees no binding: that is no change. */
export const isAnotherCall = (before, after) =>
  Boolean(before.binding && after.binding && before.binding !== after.binding);

/** Build the notice. `typed`: what the person had written, or ""; `closed()` when they have read it. */
export function noticeView(text, { typed = "", closed }) {
  const words = h("span", { text: "Copy what you had typed" });
  const keep = h("button", { class: "button", type: "button" }, icon("copy"), words);
  keep.addEventListener("click", async () => {
    words.textContent = (await copy(typed)) ? "Copied" : "Could not copy";
  });
  return h(
    "div",
    { class: "slot-said foot-note", role: "alert", tabindex: "-1" },
    h("p", { class: "problem" }, visible(text)),
    h(
      "div",
      { class: "foot-acts" },
      typed ? keep : null,
      h("button", { class: "button quiet", type: "button", text: "Close", on: { click: closed } }),
    ),
  );
}
