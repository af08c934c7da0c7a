/**
 * Approving with other arguments: an editor in the place of the arguments, what it changes beside it, and its own two
 * buttons. What the server refuses stands at its line and nothing is recorded; what it records is what the panel shows.
 */
import { Problem, post } from "../api.js";
import { announce, h, show } from "../dom.js";
import { icon } from "../icons.js";
import { inOrderOf } from "../json_lines.js";
import { lineAt, readJson } from "../json_text.js";
import { diffView } from "../policies/diff.js";
import { editorView } from "../policies/editor.js";
import { visible } from "../visible.js";
import { highRisk } from "../words.js";
import { askApproval } from "./ask.js";
import { approveWords, asEdited } from "./effect.js";
import { whyStopped } from "./stopped.js";

const HINT =
  "Tab indents, Shift+Tab takes back. To leave the editor with the keyboard, press Esc, then Tab. Ctrl+S approves with the changes.";
const written = (value) => JSON.stringify(value, null, 2);

/** May this person change the arguments of this request? What is masked for them is not theirs to change. */
export const mayEdit = (request) => Boolean(request.may_edit && request.may_decide && !request.redacted);

/** Start editing. Hooks: `ended()`, `settled(request)`, `lost(problem)`. */
export function editView(request, hooks) {
  const e = { request, hooks, original: written(request.arguments), sending: false, live: true, stopped: whyStopped(request) };
  e.state = h("p", { class: "editor-state", role: "status" });
  e.problems = h("ol", { class: "problems" });
  e.diff = h("div", { class: "edit-diff" });
  e.view = editorView(e.original, {
    label: "Arguments, as JSON",
    changed: () => changed(e),
    save: () => approve(e),
    hint: HINT,
  });
  e.element = h(
    "section",
    { class: "editing edit", "aria-label": "Change the arguments" },
    h("h2", { text: "Change the arguments" }),
    h("p", {
      class: "muted",
      text: "They are checked against the tool's schema, and the policy judges the changed call again. The agent is told what you changed.",
    }),
    e.view.element,
    e.problems,
    e.diff,
  );
  e.back = button("", null, "Leave the call as it is", hooks.ended);
  e.yes = button("yes", "yes", "", () => approve(e));
  e.bar = h("section", { class: "decision", "aria-label": "Your decision" }, e.state, h("div", { class: "ends" }, e.back, e.yes));
  changed(e);
  return {
    element: e.element,
    bar: e.bar,
    binding: request.binding,
    focus: () => e.view.focus(),
    typed: () => (e.same ? "" : e.view.text()),
    update: (newer) => update(e, newer),
    stop: () => {
      e.live = false;
      e.closeDialog?.();
    },
  };
}

function button(kind, picture, words, run) {
  return h(
    "button",
    { class: `button ${kind}`, type: "button", on: { click: () => run() } },
    picture ? icon(picture) : null,
    h("span", { text: words }),
  );
}

/** Newer news of the same call: who else has voted, and whether it is stopped. */
function update(e, request) {
  e.request = { ...request, confirm: request.confirm ?? e.request.confirm };
  const stopped = whyStopped(request);
  if (stopped !== e.stopped) {
    e.stopped = stopped;
    changed(e);
  } else drawButton(e);
}

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

function changed(e) {
  const read = readJson(e.view.text());
  e.read = read;
  const wrong = read.problem ?? (isObject(read.value) ? "" : "Arguments are one JSON object.");
  e.view.mark(wrong ? [read.line ?? 1] : []);
  show(e.problems, wrong ? problemLine(e, read.line ?? 1, wrong) : null);
  // Keys have no order, as in the form that is judged and hashed: one that only moved is no change.
  const now = wrong ? "" : written(inOrderOf(e.request.arguments, read.value));
  e.same = !wrong && now === e.original;
  e.shut = e.stopped || (wrong ? "It is not JSON yet." : e.same ? "Nothing is changed yet." : "");
  e.state.textContent = e.shut;
  if (!wrong) show(e.diff, e.same ? null : diffView(e.original, now, ["what stands", "your change"]));
  drawButton(e);
}

function drawButton(e) {
  const words = approveWords(asEdited(e.request));
  e.yes.lastChild.textContent = e.sending ? "Sending…" : words;
  if (e.shut || e.sending) e.yes.setAttribute("aria-disabled", "true");
  else e.yes.removeAttribute("aria-disabled");
}

function problemLine(e, line, words, pointer = "") {
  return h(
    "li",
    {},
    h(
      "button",
      { class: "problem-row", type: "button", on: { click: () => e.view.go(line) } },
      h("strong", { text: `Line ${line}: ` }),
      visible(words),
      pointer ? h("span", { class: "sub mono" }, visible(pointer)) : null,
    ),
  );
}

async function approve(e) {
  if (e.sending || e.shut) {
    announce(e.shut);
    if (e.read.problem) e.view.go(e.read.line);
    return;
  }
  const args = e.read.value;
  let said = {};
  if (highRisk(e.request) || e.request.confirm) {
    said = await askApproval(asEdited(e.request, args), { onOpen: (close) => (e.closeDialog = close) });
    e.closeDialog = null;
  }
  if (said && e.request.confirm) said = { ...said, confirm: e.request.confirm.send };
  if (said && e.live) await send(e, args, said);
}

async function send(e, args, said) {
  e.sending = true;
  drawButton(e);
  const body = { ...said, decision: "approve", binding: e.request.binding, arguments: args };
  try {
    const recorded = await post(`/api/v1/requests/${encodeURIComponent(e.request.id)}/decision`, body);
    announce(recorded.state === "pending" ? "Your change and your vote are recorded." : "Approved with changes. Recorded.");
    e.hooks.settled(recorded);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    e.sending = false;
    drawButton(e);
    if (error.status === 422) refused(e, error);
    else if (error.code === "confirm_needed") {
      const { why, level, send: words } = error.body;
      e.request = { ...e.request, confirm: { why, level, send: words } };
      await approve(e);
    } else await e.hooks.lost(error);
  }
}

/** What does not fit stands at its line; what the policy refuses, with its rule. */
function refused(e, error) {
  const lines = e.read.lines ?? new Map();
  const places = (error.body.errors ?? []).map((one) => ({ pointer: one.field.replace(/^\/arguments/, ""), words: one.detail }));
  const found = places.map((one) => ({ ...one, line: lineAt(lines, one.pointer) }));
  e.view.mark(found.map((one) => one.line));
  e.state.textContent = places.length ? "Not approved: it does not fit the tool's schema." : "Not approved.";
  show(
    e.problems,
    found.length
      ? found.map((one) => problemLine(e, one.line, one.words, one.pointer || "/"))
      : h("li", {}, visible(error.message)),
  );
  announce(`${e.state.textContent} ${error.message}`);
  if (found.length) e.view.go(found[0].line);
}
