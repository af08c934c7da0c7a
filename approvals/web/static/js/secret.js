/** A token or a link that the server shows only once: to copy now, never to be asked for again. */
import { openDialog } from "./dialog.js";
import { announce, copy, h } from "./dom.js";
import { icon } from "./icons.js";

/** Show it until the person says that it is kept. `rows`: [[words, text]], each with a button that copies it. */
export function showSecret(title, words, rows) {
  return openDialog(
    title,
    (close) =>
      h(
        "div",
        { class: "settings" },
        h("p", { text: words }),
        rows.map(([name, text]) => copied(name, text)),
        h(
          "div",
          { class: "ends one" },
          h("button", { class: "button primary", type: "button", text: "I have kept it", on: { click: () => close(true) } }),
        ),
      ),
    { className: "wide", held: true },
  );
}

function copied(name, text) {
  const words = h("span", { text: "Copy" });
  const press = async () => {
    const done = await copy(text);
    words.textContent = done ? "Copied" : "Select and copy it by hand";
    announce(words.textContent);
  };
  return h(
    "div",
    { class: "secret" },
    h("p", { class: "label", text: name }),
    h("pre", { class: "well", tabindex: "0", "aria-label": name, text }),
    h("button", { class: "button", type: "button", "aria-label": `Copy: ${name}`, on: { click: press } }, icon("copy"), words),
  );
}
