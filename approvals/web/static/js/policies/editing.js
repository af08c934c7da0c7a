/**
 * Editing the page of a server: the text, what is wrong with it, a test on what happened, and saving. A text that is not
 * saved is kept on this device; who was second to save keeps their text and sees the other one.
 */
import { Problem, get, post } from "../api.js";
import { openDialog } from "../dialog.js";
import { announce, h, show } from "../dom.js";
import { icon } from "../icons.js";
import { clock } from "../time.js";
import { bdi, visible } from "../visible.js";
import { codeView } from "./code.js";
import { diffView } from "./diff.js";
import { editorView } from "./editor.js";
import { reviewDialog } from "./review.js";
import { testing } from "./testing.js";
import { api, counted, testsPass } from "./words.js";

const CHECK_MS = 500;
const STARTS = {
  narrow: '# A call must pass every layer. What stands here takes away from what the other layers allow.\nversion: "1"\ndefault: allow\ntools: {}\n',
  alone: '# Every tool that may be called is named here; everything else is denied.\nversion: "1"\ndefault: deny\ntools: {}\n',
};

const key = (server) => `placet.policy.${server}`;

/** The text that was left unsaved on this device: { text, base, at }. */
export function keptDraft(server) {
  try {
    return JSON.parse(window.localStorage.getItem(key(server)));
  } catch {
    return null;
  }
}

function keep(server, draft) {
  try {
    if (draft) window.localStorage.setItem(key(server), JSON.stringify(draft));
    else window.localStorage.removeItem(key(server));
  } catch {
    /* storage may be switched off: then a text lasts as long as the page */
  }
}

/** Start editing. `ended()` is called when the editor is left; `jump(layer, line)` shows a rule. */
export async function editing(policy, { ended, jump }) {
  const { server } = policy;
  const kept = keptDraft(server);
  const saved = policy.newest ? await get(api(server, `/versions/${policy.newest}`)) : null;
  const before = saved?.text ?? "";
  const start = before || (policy.layers.length > 1 ? STARTS.narrow : STARTS.alone);
  const e = { server, base: kept?.base ?? policy.newest, before, kept, checked: null, checking: 0, timer: 0, ended, newest: saved };
  e.said = h("div", { class: "editor-said" });
  e.state = h("p", { class: "editor-state", role: "status" });
  e.problems = h("ol", { class: "problems" });
  e.view = editorView(kept?.text ?? start, { label: `Policy of ${server}`, changed: () => changed(e), save: () => review(e) });
  e.testing = testing(server, { text: () => e.view.text(), check: () => check(e), jump });
  if (kept && kept.base !== policy.newest && saved) e.base = kept.base;
  draw(e, start);
  guard(e);
  check(e);
  if (e.base !== policy.newest) conflict(e, saved);
  return {
    element: e.element,
    text: () => e.view.text(),
    go: (line) => e.view.go(line),
    focus: () => e.view.focus(),
    newer: (fresh) => newer(e, fresh),
    aside: (layer, line) => aside(layer, line),
  };
}

function draw(e, start) {
  e.start = start;
  const button = (words, picture, className, act) =>
    h("button", { class: `button ${className}`, type: "button", on: { click: act } }, picture ? icon(picture) : null, h("span", { text: words }));
  const discard = e.kept
    ? h(
        "p",
        { class: "problem" },
        `This is your text of ${clock(e.kept.at)} on this device; it is not saved. `,
        h("button", { class: "button", type: "button", text: "Throw it away", on: { click: () => leave(e) } }),
      )
    : null;
  show(e.said, discard);
  e.element = h(
    "section",
    { class: "editing", "aria-label": "Editor" },
    h(
      "header",
      { class: "layer-head" },
      h("div", {}, h("h2", {}, "Editing ", bdi(`page:${e.server}`)), e.state),
      h("div", { class: "layer-tools" }, button("Leave", null, "quiet", () => askLeave(e)), button("Review and save…", "yes", "primary", () => review(e))),
    ),
    e.said,
    e.view.element,
    e.problems,
    h("div", { class: "editor-tests" }, h("div", { class: "test-tools" }, button("Test first", null, "", () => e.testing.run()), e.testing.period), e.testing.element),
  );
}

/** A page with an unsaved text is not left by accident. */
function guard(e) {
  e.stay = (event) => dirty(e) && event.preventDefault();
  e.saveKey = (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.key.toLowerCase() !== "s" || event.defaultPrevented) return;
    event.preventDefault();
    if (!document.querySelector("dialog[open]")) review(e);
  };
  window.addEventListener("beforeunload", e.stay);
  document.addEventListener("keydown", e.saveKey);
}

const dirty = (e) => e.view.text() !== e.before && e.view.text() !== e.start;

function changed(e) {
  window.clearTimeout(e.timer);
  e.timer = window.setTimeout(() => check(e), CHECK_MS);
  keep(e.server, dirty(e) ? { text: e.view.text(), base: e.base, at: new Date().toISOString() } : null);
  e.testing.changed();
}

/** Ask what the text is. Only the newest answer counts. */
async function check(e) {
  const number = (e.checking += 1);
  e.state.textContent = "Checking…";
  try {
    const found = await post(api(e.server, "/check"), { text: e.view.text() });
    if (number === e.checking) told(e, found);
    return found;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (number === e.checking) e.state.textContent = `Not checked: ${error.message}`;
    return null;
  }
}

function told(e, found) {
  e.checked = found;
  const same = e.before && !dirty(e);
  const tests = found.tests ? `, ${testsPass(found.tests)}` : "";
  e.state.textContent = found.ok
    ? `${same ? "Nothing changed yet" : "Not saved yet"}. A ${found.dialect} policy${tests}.`
    : `${counted(found.problems.length, "problem")}; it cannot be saved like this.`;
  e.view.mark(found.problems.map((one) => one.line));
  show(
    e.problems,
    found.problems.map((one) => problemView(e, one)),
    found.notes.map((note) => h("li", {}, "Note: ", visible(note))),
  );
}

function problemView(e, one) {
  return h(
    "li",
    {},
    h(
      "button",
      { class: "problem-row", type: "button", on: { click: () => e.view.go(one.line, one.column) } },
      h("strong", { text: `Line ${one.line}, column ${one.column}: ` }),
      visible(one.message),
      one.hint ? ["; ", visible(one.hint)] : null,
      one.pointer ? h("span", { class: "sub mono" }, visible(one.pointer)) : null,
    ),
  );
}

async function review(e) {
  const text = e.view.text();
  if (text === e.before) {
    announce("Nothing has changed.");
    e.state.textContent = "Nothing has changed, so there is nothing to save.";
    return;
  }
  const checked = await check(e);
  if (!checked) return;
  if (!checked.ok) {
    const first = checked.problems[0];
    announce(`Not saved: ${counted(checked.problems.length, "problem")}.`);
    e.view.go(first.line, first.column);
    return;
  }
  const done = await reviewDialog({ server: e.server, base: e.base, before: e.before, text, checked });
  if (done instanceof Problem) refused(e, done);
  else if (done) {
    announce(`Version ${done.number} is in force.`);
    leave(e);
  }
}

function refused(e, problem) {
  if (problem.code === "stale_version") conflict(e, problem.body.current);
  else told(e, { ok: false, problems: problem.body.problems, notes: [], tests: 0 });
}

/** Somebody was first: theirs stands, ours is still here, and what to do is the person's choice. */
function conflict(e, current) {
  if (!current) return;
  const name = `version ${current.number}`;
  const onTop = () => {
    e.base = current.number;
    e.before = current.text;
    show(e.said);
    changed(e);
    e.view.focus();
  };
  const theirs = () => {
    onTop();
    e.start = current.text;
    e.view.replace(current.text);
  };
  const act = (words, run) => h("button", { class: "button", type: "button", text: words, on: { click: run } });
  const said = `Version ${current.number} was saved by ${current.name} since you began. Your text is still here and not saved.`;
  announce(said);
  show(
    e.said,
    h(
      "div",
      { class: "problem", role: "alert" },
      h("p", {}, visible(said)),
      h("div", { class: "acts" }, act(`Keep my text, on top of ${name}`, onTop), act(`Take ${name} instead`, theirs)),
      h("details", {}, h("summary", { text: `From ${name} to my text` }), diffView(current.text, e.view.text(), [name, "mine"])),
    ),
  );
}

async function newer(e, policy) {
  if (policy.newest === null || policy.newest <= e.base || policy.newest <= (e.newest?.number ?? 0)) return;
  e.newest = await get(api(e.server, `/versions/${policy.newest}`)).catch(() => null);
  conflict(e, e.newest);
}

async function askLeave(e) {
  if (!dirty(e)) {
    leave(e);
    return;
  }
  const yes = await openDialog("Leave without saving?", (close) => [
    h("p", { text: "Your text is thrown away. What is in force stays as it is." }),
    h(
      "div",
      { class: "ends" },
      h("button", { class: "button no", type: "button", text: "Throw my text away", on: { click: () => close(true) } }),
      h("button", { class: "button", type: "button", text: "Go on editing", on: { click: () => close() } }),
    ),
  ]);
  if (yes) leave(e);
}

function leave(e) {
  window.clearTimeout(e.timer);
  window.removeEventListener("beforeunload", e.stay);
  document.removeEventListener("keydown", e.saveKey);
  keep(e.server, null);
  e.ended();
}

/** A rule of another layer, shown beside the editor. */
function aside(layer, line) {
  const view = codeView(layer.text, layer.outline, { label: layer.name });
  openDialog(
    `Line ${line} of ${layer.name}`,
    (close) => {
      window.setTimeout(() => view.go(line));
      return [view.element, h("button", { class: "button", type: "button", text: "Close", on: { click: () => close() } })];
    },
    { className: "wide" },
  );
}
