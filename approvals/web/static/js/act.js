/**
 * A dialog that does one thing: what will happen, the fields, a button that says it. It stays open, with the server's
 * own sentence, until the thing is done or the person goes back.
 */
import { Problem } from "./api.js";
import { openDialog } from "./dialog.js";
import { h } from "./dom.js";
import { bdi } from "./visible.js";

/** Gives what `send()` gave, or null. `say`: nodes; `fields`: [{ element, ok? }]; `kind`: the button's class. */
export function askAct(title, { say, fields = [], button, kind = "primary", send, focus = null }) {
  return openDialog(
    title,
    (close) => {
      const problem = h("p", { class: "problem", role: "alert", hidden: true });
      const yes = h("button", { class: `button ${kind}`, type: "submit", text: button });
      const back = h("button", { class: "button", type: "button", text: "Go back", on: { click: () => close() } });
      let sending = false;
      // Each is asked, not only up to the first that is not ready: a field may show or hide itself as it is asked.
      const look = () => {
        const ready = fields.map((field) => field.ok?.() ?? true);
        yes.disabled = sending || ready.includes(false);
      };
      const act = async () => {
        if (sending) return;
        sending = true;
        look();
        try {
          close(await send());
        } catch (error) {
          if (!(error instanceof Problem)) throw error;
          problem.textContent = error.message;
          problem.hidden = false;
        } finally {
          sending = false;
          look();
        }
      };
      look();
      return h(
        "form",
        {
          class: "settings",
          on: { submit: (event) => (event.preventDefault(), act()), input: look, change: look },
        },
        say,
        fields.map((field) => field.element),
        problem,
        h("div", { class: "ends" }, back, yes),
      );
    },
    { focus },
  );
}

/** A field around an input. `needed` keeps the button closed while it is empty. */
export function field(words, input, { needed = false, list = null } = {}) {
  return {
    element: h("label", { class: "field" }, h("span", { class: "label", text: words }), input, list),
    value: () => input.value.trim(),
    ok: () => !needed || input.value.trim() !== "",
    input,
  };
}

/** Why: free text that others read. */
export function reasonField(words) {
  return field(words, h("textarea", { class: "input", rows: "2", maxlength: "500" }), { needed: true });
}

/** A choice among [value, words]. */
export function choiceField(words, options, usual) {
  const choices = options.map(([value, text]) => h("option", { value, text, selected: value === usual }));
  return field(words, h("select", { class: "input" }, choices));
}

/** A word to type, so that the large things are not done by a press alone; `when()` says whether it is asked for. */
export function typedField(why, word, { when = () => true } = {}) {
  const input = h("input", { class: "input mono", autocomplete: "off", spellcheck: "false", autocapitalize: "off" });
  const element = h("label", { class: "field" }, h("span", {}, why, " Type ", bdi(word, "mono strong"), " to do it."), input);
  const look = () => (element.hidden = !when());
  look();
  return { element, look, ok: () => (look(), !when() || input.value.trim() === word) };
}
