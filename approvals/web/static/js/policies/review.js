/** The last look before a policy is saved: what changes, line by line, and a note for the history. */
import { Problem, put } from "../api.js";
import { openDialog } from "../dialog.js";
import { h } from "../dom.js";
import { diffView } from "./diff.js";
import { api, testsPass } from "./words.js";

const NOTE_MOST = 500;

/** The field for a note. */
export function noteField() {
  const input = h("textarea", { class: "input", rows: "2", maxlength: String(NOTE_MOST) });
  return {
    element: h("label", { class: "field" }, h("span", { class: "label", text: "What changes, and why (optional)" }), input),
    value: () => input.value.trim() || null,
  };
}

/** Show what changes and save it. Gives the saved version, a Problem that the editor must deal with, or null. */
export function reviewDialog({ server, base, before, text, checked }) {
  return openDialog(
    base ? `Save version ${base + 1}?` : "Save the first version?",
    (close) => {
      const note = noteField();
      const problem = h("p", { class: "problem", role: "alert", hidden: true });
      const yes = h("button", { class: "button primary", type: "submit", text: `Save version ${base + 1} and enforce it` });
      const send = async () => {
        yes.disabled = true;
        try {
          close(await put(api(server), { text, base, note: note.value() }));
        } catch (error) {
          if (!(error instanceof Problem)) throw error;
          if (["stale_version", "invalid_policy"].includes(error.code)) {
            close(error);
            return;
          }
          problem.textContent = `${error.message} Nothing was saved.`;
          problem.hidden = false;
          yes.disabled = false;
        }
      };
      return h(
        "form",
        { class: "settings", on: { submit: (event) => (event.preventDefault(), send()) } },
        h("p", { text: `It is in force on every replica within a second of saving. ${testWords(checked)}` }),
        diffView(before, text, [base ? `version ${base}` : "nothing", "yours"]),
        note.element,
        problem,
        h("div", { class: "ends" }, h("button", { class: "button", type: "button", text: "Go on editing", on: { click: () => close() } }), yes),
      );
    },
    { className: "wide" },
  );
}

function testWords(checked) {
  if (!checked.tests) return "There is no test in it.";
  const words = testsPass(checked.tests);
  return `${words[0].toUpperCase()}${words.slice(1)}.`;
}
