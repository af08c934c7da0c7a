/** The two questions before a decision is sent: "really, exactly this?" and "why not?". They send nothing themselves. */
import { openDialog } from "../dialog.js";
import { h } from "../dom.js";
import { icon } from "../icons.js";
import { bdi, visible } from "../visible.js";
import { destructive, factsLine, highRisk, isAnswer, voterWords } from "../words.js";
import { approveWords, effectWords } from "./effect.js";

const REASON_MOST = 500;

const cancelButton = (close) =>
  h("button", { class: "button", type: "button", text: "Go back", on: { click: () => close() } });

/** Ask once more before approving. Gives {} or null. */
export function askApproval(request, { onOpen }) {
  let yes = null;
  const typed = mustType(request);
  return openDialog(
    titleOf(request),
    (close) => {
      onOpen(close);
      yes = h(
        "button",
        { class: "button yes", type: "submit", disabled: typed },
        icon("yes"),
        h("span", { text: approveWords(request) }),
      );
      const form = h(
        "form",
        { class: "settings", on: { submit: (event) => (event.preventDefault(), close({})) } },
        h(
          "p",
          {},
          "Server ",
          bdi(request.server, "strong"),
          ", agent ",
          bdi(request.agent, "strong"),
          ". ",
          effectWords(request),
        ),
        request.edits ? editNote(request) : null,
        h("p", { class: "mono well" }, bdi(factsLine(request.arguments))),
        slowly(request),
        typed ? typedName(request, yes) : null,
        h("div", { class: "ends" }, cancelButton(close), yes),
      );
      return form;
    },
    // Where much is at stake, one key more does nothing: the button is gone to on purpose.
    { focus: () => (highRisk(request) ? null : yes) },
  );
}

function titleOf(request) {
  if (request.edits) return `Approve ${request.tool} with your changes?`;
  return isAnswer(request) ? `Approve the answer in ${request.tool}?` : `Approve ${request.tool}?`;
}

/** What an edit does beside approving: it voids what others said, and the policy looks again. */
function editNote(request) {
  const names = request.voided.map(voterWords);
  const void_ = names.length
    ? ["You approve another call than the others did: what ", bdi(names.join(", "), "strong"), " said of it so far no longer counts. "]
    : [];
  return h("p", {}, void_, "The policy judges the changed call first, and may ask for more people or refuse it.");
}

/** Must the tool's name be typed to approve it: because it destroys, or because this person approves too fast? */
export const mustType = (request) => destructive(request) || request.confirm?.level === 2;

/** Why this person is asked for a step more. */
export function slowly(request) {
  if (!request.confirm) return null;
  const words = request.confirm.level === 2 ? "" : " Look at it again before you confirm.";
  return h("p", { class: "held" }, `${request.confirm.why}.${words}`);
}

/** The tool's name, typed: what destroys, or is not read, is not approved by a press alone. */
export function typedName(request, yes) {
  const input = h("input", { class: "input mono", autocomplete: "off", spellcheck: "false" });
  input.addEventListener("input", () => (yes.disabled = input.value !== request.tool));
  return h(
    "label",
    { class: "field" },
    h(
      "span",
      {},
      destructive(request) ? "This call destroys something. " : "",
      "Type the tool's name, ",
      bdi(request.tool, "mono"),
      ", to approve it.",
    ),
    input,
  );
}

/** Ask why not; `reasons` are those to choose from. Gives {reason} (perhaps null) or null. */
export function askDenial(request, { onOpen, reasons }) {
  const chosen = { preset: null };
  const text = h("textarea", { class: "input", maxlength: String(REASON_MOST), rows: "3" });
  const left = h("p", { class: "count-left", text: `${REASON_MOST} characters left` });
  text.addEventListener("input", () => (left.textContent = `${REASON_MOST - text.value.length} characters left`));
  const radios = reasons.map((words, index) => {
    const input = h("input", { type: "radio", name: "preset", value: String(index + 1) });
    input.addEventListener("change", () => (chosen.preset = words));
    return input;
  });
  const rows = radios.map((input, index) =>
    h("label", { class: "choice" }, input, h("span", {}, visible(reasons[index])), h("kbd", { text: String(index + 1) })),
  );
  let no = null;
  return openDialog(
    `Deny ${request.tool}?`,
    (close) => {
      onOpen(close);
      no = h(
        "button",
        { class: "button no", type: "submit" },
        icon("no"),
        h("span", { text: "Deny and tell the agent" }),
      );
      return h(
        "form",
        {
          class: "settings",
          on: {
            submit: (event) => (event.preventDefault(), close({ reason: reasonOf(chosen, text) })),
            keydown: (event) => presetKey(event, radios, no),
          },
        },
        h("p", { text: "The agent is told the reason as a quotation, and not to try another way." }),
        rows.length ? h("fieldset", {}, h("legend", { class: "label", text: "Reason" }), rows) : null,
        h("label", { class: "field" }, h("span", { class: "label", text: "In your own words (optional)" }), text, left),
        h("div", { class: "ends" }, no, cancelButton(close)),
      );
    },
    { focus: () => radios[0] ?? text },
  );
}

function reasonOf(chosen, text) {
  const parts = [chosen.preset, text.value.trim()].filter(Boolean);
  return parts.length ? parts.join(" ").slice(0, REASON_MOST) : null;
}

function presetKey(event, radios, no) {
  if (event.target instanceof HTMLTextAreaElement || event.ctrlKey || event.metaKey || event.altKey) return;
  const radio = radios[Number(event.key) - 1];
  if (!radio) return;
  event.preventDefault();
  radio.checked = true;
  radio.dispatchEvent(new Event("change"));
  no.focus();
}
