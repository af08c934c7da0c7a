/**
 * One request, whole: head, verdict, arguments, why, evidence, timeline, and the decision bar while it is held.
 * The panel shows what the server said last, never what was clicked. The arguments are only redrawn when the
 * binding changed, so that reading is not disturbed by somebody else's vote.
 */
import { Problem, get } from "../api.js";
import { argumentsView } from "../arguments.js";
import { announce, h, show } from "../dom.js";
import { semaphore } from "../icons.js";
import { watchStops } from "../stops/state.js";
import { bar } from "../time.js";
import { bdi } from "../visible.js";
import { STATES, TONES, isAnswer } from "../words.js";
import { actions } from "./actions.js";
import { changedView } from "./changed.js";
import { decisionBar } from "./decide.js";
import { destroyed } from "./destroyed.js";
import { editView, mayEdit } from "./edit.js";
import { expectedView } from "./expected.js";
import { evidence, needs } from "./evidence.js";
import { isEarly, pullBackBar } from "./pull_back.js";
import { isAnotherCall, noticeView } from "./notice.js";
import { justification, whyHeld } from "./reasons.js";
import { grantsView } from "../grants/view.js";
import { raisesView } from "./raise.js";
import { outcomeView, verdict } from "./record.js";
import { rawViews } from "./raw.js";
import { saidView } from "./said.js";
import { similarView } from "./similar.js";
import { stopOf, stoppedView } from "./stopped.js";
import { timelineView } from "./timeline.js";

const LOOK_MS = 5_000;

/** Open the panel in `place`. Hooks: `loaded(request)` after each load, `decided(request)` after this page's own decision. */
export function openPanel(place, id, { me, loaded = () => {}, decided = () => {} }) {
  const panel = { place, id, me, request: null, text: "", binding: null, decided, loaded, notice: null, open: true };
  show(place, h("p", { class: "muted loading", text: "Loading the request…" }));
  panel.refresh = () => refresh(panel);
  const unwatch = watchStops(() => stopsChanged(panel));
  const timer = window.setInterval(() => look(panel), LOOK_MS);
  panel.close = () => {
    panel.open = false;
    window.clearInterval(timer);
    unwatch();
    panel.bar?.stop();
    panel.edit?.stop();
  };
  panel.change = () => startEdit(panel);
  panel.flip = () => panel.args?.flip();
  panel.act = (words) =>
    [...panel.slots.acts.querySelectorAll("button")].find((button) => button.textContent.startsWith(words))?.click();
  panel.press = (answer) => panel.bar?.press(answer, true);
  panel.ready = panel.refresh();
  return panel;
}

/** What is known of stops changed: show that at once, then ask what the server says of this request. */
function stopsChanged(panel) {
  if (panel.request?.state !== "pending") return;
  fillIn(panel);
  panel.refresh();
}

/** Whether the agent waits is no event of the ledger, yet it changes what approving does: an unchanged answer is a 304. */
function look(panel) {
  const open = panel.request?.state === "pending" || (panel.request && isEarly(panel.request));
  if (open && !document.hidden && navigator.onLine) panel.refresh();
}

async function refresh(panel) {
  try {
    const request = await get(`/api/v1/requests/${encodeURIComponent(panel.id)}`);
    if (panel.open) accept(panel, request);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (panel.open && !panel.request) absent(panel, error);
  }
}

/** Take a request the server sent, from a refresh or as the answer to a decision. */
function accept(panel, request, { redraw = false, own = false } = {}) {
  const text = JSON.stringify(request);
  if (text === panel.text && !redraw) return;
  if (panel.request && request.revision < panel.request.revision) return;
  const before = panel.request;
  panel.request = request;
  panel.text = text;
  if (!before) draw(panel);
  if (before && before.state !== request.state) announce(`${request.tool}: ${STATES[request.state] ?? request.state}`);
  if (before && !own && isAnotherCall(before, request) && request.state === "pending")
    notice(panel, "The arguments changed since you opened this. Read them again, then decide.");
  fillIn(panel);
  panel.loaded(request);
}

function absent(panel, error) {
  const gone = error.status === 404;
  show(
    panel.place,
    h(
      "div",
      { class: "empty panel-empty", role: "status" },
      h("h1", { text: gone ? "There is no such request" : "The request could not be loaded" }),
      h("p", { text: gone ? "The id is wrong, or you may not see it." : error.message }),
      h("button", { class: "button", type: "button", text: "Try again", on: { click: panel.refresh } }),
    ),
  );
}

function draw(panel) {
  const slot = (name) => h("div", { class: `slot slot-${name}` });
  panel.slots = Object.fromEntries(
    ["head", "stopped", "verdict", "outcome", "expected", "raises", "grants", "changed", "args", "why", "similar", "timeline", "raw", "needs", "acts", "rail", "decision"].map((name) => [
      name,
      slot(name),
    ]),
  );
  const s = panel.slots;
  panel.article = h(
    "article",
    { class: "request", "aria-label": "Request" },
    h("div", { class: "request-main" }, s.head, s.stopped, s.verdict, s.outcome, s.expected, s.raises, s.grants, s.changed, s.args, s.why, s.similar, s.timeline, s.raw),
    h(
      "aside",
      { class: "request-rail", "aria-label": "Evidence" },
      h("h2", { class: "sr", text: "Evidence" }),
      s.needs,
      s.acts,
      s.rail,
    ),
    s.decision,
  );
  show(panel.place, panel.article);
}

/** Say it at the foot, until it has been read. `typed`: what an editor had in it that closes now. */
function notice(panel, text, typed = "") {
  const close = () => {
    panel.notice = null;
    drawFoot(panel);
    panel.slots.head.querySelector(".request-title")?.focus({ preventScroll: true });
  };
  panel.notice = noticeView(text, { typed, closed: close });
  drawFoot(panel);
}

/** The notice and the buttons; what stands there already is left alone, or it would be read out again. */
function drawFoot(panel) {
  const foot = panel.slots.decision;
  const wanted = [panel.notice, panel.edit?.bar ?? panel.bar?.element].filter(Boolean);
  if (wanted.length !== foot.childNodes.length || wanted.some((node, at) => node !== foot.childNodes[at])) show(foot, wanted);
}

function fillIn(panel) {
  const { request, slots, me } = panel;
  const pending = request.state === "pending";
  panel.article.dataset.state = request.state;
  show(slots.head, head(request));
  show(slots.stopped, stoppedView(request));
  show(slots.verdict, pending ? null : verdict(request));
  show(slots.outcome, request.outcome ? outcomeView(request) : null);
  show(slots.expected, expectedView(request, { me, done: (newer) => accept(panel, newer, { redraw: true }) }));
  show(
    slots.grants,
    grantsView(request, {
      reload: async () => accept(panel, await get(`/api/v1/requests/${encodeURIComponent(panel.id)}`), { redraw: true }),
    }),
  );
  show(
    slots.raises,
    raisesView(request, {
      done: (newer) => accept(panel, newer, { redraw: true }),
      load: () => get(`/api/v1/requests/${encodeURIComponent(panel.id)}`),
    }),
  );
  show(slots.changed, changedView(request));
  if (panel.edit && (panel.edit.binding !== request.binding || !mayEdit(request))) interrupt(panel);
  panel.edit?.update(request);
  if (panel.binding !== request.binding || !panel.args) drawArguments(panel);
  else if (panel.canEdit !== canEdit(request) && !panel.edit) showArguments(panel);
  show(slots.why, justification(request), saidView(request), whyHeld(request, me.features));
  show(slots.needs, needs(request));
  show(slots.rail, evidence(request));
  show(slots.acts, actions(request, { me, done: (newer) => accept(panel, newer, { redraw: true }) }));
  show(slots.raw, rawViews(request));
  if (panel.similarTo !== request.revision) {
    panel.similarTo = request.revision;
    similarView(request).then((view) => panel.open && panel.similarTo === request.revision && show(slots.similar, view));
  }
  timelineView(request.id).then((view) => panel.open && show(slots.timeline, view));
  drawBar(panel, pending);
}

function drawArguments(panel) {
  const { request } = panel;
  panel.binding = request.binding;
  if (request.destroyed) {
    panel.args = { unread: () => false, flip: () => {} };
    show(panel.slots.args, destroyed(request));
    return;
  }
  const before = request.edited_from !== null && typeof request.edited_from === "object" ? request.edited_from : null;
  panel.args = argumentsView(request.arguments, { before, onRead: () => panel.bar?.unfolded() });
  panel.end = h("div", { class: "args-end" });
  showArguments(panel);
}

/** An editor that is open stays through a stop, and what was typed with it; none is opened meanwhile. */
const canEdit = (request) => mayEdit(request) && !stopOf(request);

function showArguments(panel) {
  panel.canEdit = canEdit(panel.request);
  const change = panel.canEdit
    ? h("button", { class: "button args-edit", type: "button", text: "Change the arguments…", on: { click: panel.change } })
    : null;
  show(panel.slots.args, panel.args.element, change, panel.end);
}

/** Put the editor in the place of the arguments, and its buttons in that of the decision. */
function startEdit(panel) {
  if (panel.edit || !panel.request || !canEdit(panel.request)) return;
  panel.bar?.stop();
  panel.bar = null;
  panel.edit = editView(panel.request, {
    ended: () => {
      endEdit(panel);
      drawBar(panel, panel.request.state === "pending");
      panel.slots.args.querySelector(".args-edit")?.focus();
    },
    settled: (request) => {
      endEdit(panel);
      settle(panel, request);
    },
    lost: (problem) => lost(panel, problem),
  });
  show(panel.slots.args, panel.edit.element);
  drawFoot(panel);
  panel.edit.focus();
}

/** The editor closes because the call is not what it edits any more, or not this person's to change. */
function interrupt(panel) {
  const typed = panel.edit.typed();
  if (typed) notice(panel, panel.notice?.firstChild.textContent ?? "You cannot change this call any more.", typed);
  endEdit(panel);
}

function endEdit(panel) {
  panel.edit?.stop();
  panel.edit = null;
  showArguments(panel);
}

function settle(panel, request) {
  panel.notice = null;
  accept(panel, request, { own: true });
  panel.decided(request);
}

function drawBar(panel, pending) {
  if (panel.edit) return;
  if (!pending) {
    panel.bar?.stop();
    panel.bar = pullBackBar(panel.request, {
      done: (newer) => accept(panel, newer, { redraw: true }),
      over: () => panel.open && fillIn(panel),
    });
    drawFoot(panel);
    return;
  }
  if (panel.bar && panel.bar.binding === panel.request.binding) {
    panel.bar.update(panel.request);
    drawFoot(panel);
    return;
  }
  panel.bar?.stop();
  panel.bar = decisionBar(panel.request, {
    me: panel.me,
    unread: () => panel.args.unread(),
    end: panel.end,
    settled: (request) => settle(panel, request),
    lost: (problem) => lost(panel, problem),
  });
  drawFoot(panel);
}

/** Somebody was first, time ran out, or the call changed: say so and show the record. */
async function lost(panel, problem) {
  const words = {
    stale_binding: "This call changed since you opened it. Read it again, then decide.",
    expired: "Too late: the request ended before your decision arrived. Nothing you clicked was recorded.",
    offline: "No answer came to your decision. What was recorded is shown below; look before you decide again.",
  };
  const won =
    problem.code === "already_decided"
      ? `${problem.message} Your decision came second and was not recorded.`
      : words[problem.code];
  notice(panel, won ?? problem.message);
  const current = problem.body?.request;
  if (current?.id === panel.id) accept(panel, current);
  await refresh(panel);
  if (panel.request) fillIn(panel);
  panel.notice?.focus({ preventScroll: true });
}

function head(request) {
  const pending = request.state === "pending";
  const owner = request.owner ? [", on behalf of ", bdi(request.owner, "strong")] : [", for nobody in particular"];
  return h(
    "header",
    { class: "request-head" },
    pending ? bar(request) : null,
    h(
      "p",
      { class: "request-kind" },
      semaphore(request.severity),
      h("span", { class: "risk", text: `${request.risk} risk, ${request.severity} severity` }),
      h("span", { class: `state ${TONES[request.state] ?? ""}`, text: STATES[request.state] ?? request.state }),
    ),
    h(
      "h1",
      { tabindex: "-1", class: "request-title" },
      bdi(request.tool, "mono-title"),
      h("span", { class: "muted" }, " on ", bdi(request.server)),
    ),
    h(
      "p",
      { class: "request-sentence" },
      "Agent ",
      bdi(request.agent, "strong"),
      isAnswer(request) ? " made this call" : pending ? " asks to make this call" : " asked to make this call",
      owner,
      ".",
    ),
    isAnswer(request) ? answerNote(request) : null,
  );
}

/** That it is an answer, what is shown of it, and the call it belongs to. */
function answerNote(request) {
  const to = request.answer_to
    ? [" (", h("a", { href: `/requests/${encodeURIComponent(request.answer_to)}` }, "that call"), " is approved)"]
    : " (the call itself is allowed)";
  return h(
    "p",
    { class: "request-sentence" },
    "In the middle of it the server asked a question",
    to,
    ". What is shown here is the answer of the agent's client, under ",
    h("code", { text: "elicitation" }),
    ", with the call it belongs to.",
  );
}
