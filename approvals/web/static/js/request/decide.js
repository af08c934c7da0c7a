/**
 * The decision bar: Deny on the left, Approve on the right, the reason when one of them is closed. A decision is one
 * POST that names the binding on the screen; the button goes "Sending…", then the record takes the bar's place.
 */
import { post } from "../api.js";
import { announce, h, show } from "../dom.js";
import { icon } from "../icons.js";
import { countdown, now } from "../time.js";
import { destructive, highRisk } from "../words.js";
import { linesOf } from "../json_lines.js";
import { askApproval, askDenial } from "./ask.js";
import { approveWords, effectWords } from "./effect.js";
import { askRaise, mayRaise } from "./raise.js";
import { whyStopped } from "./stopped.js";
import { askTrust, mayTrust } from "./trust.js";

const LONG_LINES = 40;
const narrow = window.matchMedia("(width < 720px)");

/** Build the bar for a held request. */
export function decisionBar(request, hooks) {
  const bar = { request, hooks, binding: request.binding, sending: "", read: !mustRead(request), live: true, draft: null };
  bar.deny = button("no", "no", "Deny and tell the agent", () => bar.press("deny"));
  bar.approve = button("yes", "yes", approveWords(request), () => bar.press("approve"));
  bar.raise = mayRaise(request)
    ? button("", "clock", "Approve and raise the limit…", () => bar.press("raise"))
    : null;
  bar.trust = mayTrust(request) ? button("", "trust", "Approve and trust…", () => bar.press("trust")) : null;
  bar.time = h("p", { class: "decision-time held" });
  bar.why = h("p", { class: "decision-why", id: "decision-why" });
  bar.element = h(
    "section",
    { class: "decision", "aria-label": "Your decision" },
    bar.time,
    bar.why,
    h("div", { class: "ends" }, bar.deny, bar.raise, bar.trust, bar.approve),
  );
  bar.update = (newer = bar.request) => update(bar, newer);
  bar.press = (answer, viaKey = false) => press(bar, answer, viaKey);
  bar.stop = watch(bar);
  bar.unfolded = () => {
    bar.look();
    bar.update();
  };
  update(bar, request);
  return bar;
}

function button(kind, picture, words, run) {
  return h(
    "button",
    { class: `button ${kind}`, type: "button", "aria-describedby": "decision-why", on: { click: run } },
    icon(picture),
    h("span", { text: words }),
  );
}

function mustRead(request) {
  return highRisk(request) || shownLines(request.arguments) > LONG_LINES;
}

/** How many lines the arguments take on this screen, about: one long text is as much to read as many short ones. */
function shownLines(args) {
  const fits = narrow.matches ? 40 : 100;
  const rows = ({ key, value }) => Math.ceil((`${key ?? ""}${typeof value === "string" ? value : ""}`.length + 1) / fits);
  return linesOf(args).reduce((sum, line) => sum + rows(line), 0);
}

/** Watch what opens or closes the buttons: the end of the arguments coming into view, the connection, the clock. */
function watch(bar) {
  const onChange = () => update(bar, bar.request);
  const observer = new IntersectionObserver(
    (entries) => {
      if (!entries.some((entry) => entry.isIntersecting) || bar.hooks.unread()) return;
      bar.read = true;
      observer.disconnect();
      onChange();
    },
    { rootMargin: "0px 0px -64px 0px" },
  );
  bar.look = () => {
    observer.unobserve(bar.hooks.end);
    if (!bar.read) observer.observe(bar.hooks.end);
  };
  bar.look();
  window.addEventListener("online", onChange);
  window.addEventListener("offline", onChange);
  const timer = window.setInterval(onChange, 1000);
  return () => {
    bar.live = false;
    observer.disconnect();
    window.removeEventListener("online", onChange);
    window.removeEventListener("offline", onChange);
    window.clearInterval(timer);
    bar.closeDialog?.();
  };
}

/** Why nothing can be decided now, or "". */
function closed({ request, hooks }) {
  if (!navigator.onLine) return "You are offline. Deciding is closed until the connection is back.";
  if (Date.parse(request.expires_at) <= now()) return "Its time is up. The page waits for the record.";
  if (request.may_decide) return "";
  if (request.why_not) return `You may not decide this: ${request.why_not}.`;
  if ((request.votes ?? []).some((vote) => vote.reviewer === hooks.me.person.id))
    return "Your vote is recorded. Others still have to decide.";
  if (!(hooks.me.person.roles ?? []).includes("reviewer"))
    return "You may read this, not decide it: you are not a reviewer.";
  if (request.owner === hooks.me.person.id)
    return "You may not decide this: it may be a call of your own agent, or you are not among its reviewers.";
  return "You may not decide this: you are not among its reviewers.";
}

/** Why approving alone is closed, or "". */
function unread(bar) {
  const stopped = whyStopped(bar.request);
  if (stopped) return stopped;
  if (bar.hooks.unread()) return "Open what is folded in the arguments first; then you can approve.";
  return bar.read ? "" : "Read the arguments to the end first; then you can approve.";
}

function update(bar, request) {
  bar.request = request;
  if (bar.time.dataset.until !== request.expires_at) {
    bar.time.dataset.until = request.expires_at;
    show(bar.time, icon("clock"), countdown(request.expires_at));
  }
  const shut = bar.sending || closed(bar);
  const early = shut || unread(bar);
  disable(bar.deny, Boolean(shut));
  disable(bar.approve, Boolean(early));
  if (bar.raise) disable(bar.raise, Boolean(early));
  if (bar.trust) disable(bar.trust, Boolean(early));
  if (!bar.sending) bar.approve.lastChild.textContent = approveWords(request);
  if (bar.why.textContent !== (early || effectWords(request))) show(bar.why, early || effectWords(request));
}

function disable(element, off) {
  if (off) element.setAttribute("aria-disabled", "true");
  else element.removeAttribute("aria-disabled");
}

async function press(bar, answer, viaKey) {
  const shut = bar.sending || closed(bar) || (answer === "deny" ? "" : unread(bar));
  if (shut) {
    announce(shut);
    bar.why.classList.add("pressed");
    return;
  }
  if (answer === "trust" && !bar.trust) {
    announce(bar.request.why_no_grant ? `Calls like this cannot be trusted: ${bar.request.why_no_grant}.` : "Calls like this cannot be trusted.");
    return;
  }
  if (answer === "approve" && viaKey && destructive(bar.request)) {
    announce("A destructive call is not approved by a single key. Use the Approve button.");
    bar.approve.focus();
    return;
  }
  const asked = await ask(bar, answer, viaKey);
  if (asked && bar.live) await send(bar, answer, asked);
}

async function ask(bar, answer, viaKey) {
  const shared = { onOpen: (close) => (bar.closeDialog = close) };
  let said = {};
  if (answer === "deny") said = await askDenial(bar.request, { ...shared, reasons: bar.hooks.me.deny_reasons });
  else if (answer === "raise") said = await askRaise(bar.request, shared);
  else if (answer === "trust") said = await askTrust(bar.request, { ...shared, draft: bar.draft });
  else if (viaKey || highRisk(bar.request) || bar.request.confirm) said = await askApproval(bar.request, shared);
  bar.closeDialog = null;
  return said && answer !== "deny" && bar.request.confirm ? { ...said, confirm: bar.request.confirm.send } : said;
}

async function send(bar, answer, { reason = null, raise = null, grant = null, confirm = null }) {
  const pressed = { deny: bar.deny, raise: bar.raise, trust: bar.trust }[answer] ?? bar.approve;
  const words = pressed.lastChild.textContent;
  bar.sending = "Sending your decision…";
  pressed.lastChild.textContent = "Sending…";
  update(bar, bar.request);
  const body = { decision: answer === "deny" ? "deny" : "approve", binding: bar.binding };
  if (reason) body.reason = reason;
  if (raise) body.raise = raise;
  if (grant) body.grant = grant;
  if (confirm) body.confirm = confirm;
  try {
    const recorded = await post(`/api/v1/requests/${encodeURIComponent(bar.request.id)}/decision`, body);
    pressed.lastChild.textContent = "Recorded";
    bar.sending = "";
    announce(answer === "deny" ? "Denied. Recorded." : "Approved. Recorded.");
    bar.hooks.settled(recorded);
  } catch (problem) {
    bar.sending = "";
    // What was put together with care is there again when it is tried again.
    bar.draft = grant;
    pressed.lastChild.textContent = words;
    update(bar, bar.request);
    await bar.hooks.lost(problem);
  }
}
