/** The one dialog: a real modal <dialog>, named by its heading, closed by Esc, giving the focus back. */
import { h } from "./dom.js";

let count = 0;

/** Open a dialog. `build(close)` returns its content; the promise gives what `close(value)` was called with, else null. `held`: Esc does not close it. */
export function openDialog(title, build, { className = "", focus = null, held = false } = {}) {
  const opener = document.activeElement;
  const headingId = `dialog-${(count += 1)}`;
  return new Promise((resolve) => {
    let result = null;
    const element = h("dialog", { class: className, "aria-labelledby": headingId });
    const close = (value = null) => {
      result = value;
      element.close();
    };
    const heading = h("h2", { id: headingId, tabindex: "-1", text: title });
    if (held) element.addEventListener("cancel", (event) => event.preventDefault());
    element.append(h("div", { class: "dialog" }, heading, build(close)));
    element.addEventListener("close", () => {
      element.remove();
      if (opener?.isConnected) opener.focus();
      resolve(result);
    });
    document.body.append(element);
    element.showModal();
    (focus?.() ?? heading).focus();
  });
}

/** Whether a dialog is open, so that page keys stay quiet. */
export function dialogOpen() {
  return document.querySelector("dialog[open]") !== null;
}
