// The small dialog that asks "are you sure" before a click is sent.

import { h } from "./dom.js";
import { textObject } from "./text.js";

/** Ask; true when the person confirms. */
export function confirmed(confirm, names) {
  const dialog = document.getElementById("confirm");
  return new Promise((resolve) => {
    const style = confirm.style === "danger" ? "danger" : "primary";
    const close = (value) => () => dialog.close(value);
    dialog.replaceChildren(
      h("header", {}, h("h2", {}, textObject(confirm.title, names))),
      h("div", { class: "body" }, h("p", { class: "mrkdwn" }, textObject(confirm.text, names))),
      h("footer", {},
        h("button", { type: "button", class: "button", onclick: close("") }, confirm.deny ? textObject(confirm.deny, names) : "Cancel"),
        h("button", { type: "button", class: `button ${style}`, onclick: close("yes") }, confirm.confirm ? textObject(confirm.confirm, names) : "Yes")),
    );
    dialog.returnValue = "";
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    dialog.showModal();
  });
}
