/** What else can be done to a request: more time, others to decide, a comment, hiding it, taking it back, pausing its agent. Each is one POST. */
import { pauseAgent } from "../agents/acts.js";
import { Problem, post } from "../api.js";
import { announce, h } from "../dom.js";
import { isSteward } from "../roles.js";
import { exact } from "../time.js";
import { askReassign, askSnooze } from "./hand_on.js";
import { isEarly } from "./pull_back.js";
import { askText } from "./words_dialog.js";

/** The small buttons of the rail. `done(request)` gets the request as the server has it afterwards. */
export function actions(request, { me, done }) {
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const act = async (path, body, words) => {
    try {
      done(await post(`/api/v1/requests/${encodeURIComponent(request.id)}/${path}`, body));
      announce(words);
    } catch (error) {
      if (error.body?.request) done(error.body.request);
      throw error;
    }
  };
  // A dialog says by itself what went wrong; what is done by one press is said here.
  const press = async (run) => {
    problem.hidden = true;
    try {
      await run();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problem.textContent = error.message;
      problem.hidden = false;
    }
  };
  const buttons = offered(request, me, act).map(([words, run]) =>
    h("button", { class: "button", type: "button", text: words, on: { click: () => press(run) } }),
  );
  const hidden = request.state === "pending" && request.snoozed_until;
  const until = hidden ? h("p", { class: "muted", text: `Not in your queue until ${exact(request.snoozed_until)}.` }) : null;
  return buttons.length ? h("section", { class: "acts", "aria-label": "Further actions" }, until, buttons, problem) : null;
}

function offered(request, me, act) {
  const list = [];
  const roles = me.person.roles ?? [];
  if (request.state === "pending" && request.may_decide) {
    list.push(["Add 15 minutes", () => act("extend", { by: "15m" }, "15 minutes were added.")]);
  }
  if (request.state === "pending") list.push(snoozing(request, act));
  if (request.may_reassign) list.push(["Hand on…", () => askReassign(request, (body) => act("reassign", body, "It was handed on."))]);
  if (request.may_reassign) list.push(["Ask the agent…", () => ask(act)]);
  if (request.state === "unknown" && roles.some((role) => ["reviewer", "operator"].includes(role))) {
    const note = (ran) => () =>
      askText(
        ran ? "It ran" : "It did not run",
        "Say how you know. This goes into the record; nothing is run again.",
        {
          needed: true,
          button: ran ? "Note that it ran" : "Note that it did not run",
          send: (text) => act("resolve", { ran, note: text }, "Noted."),
        },
      );
    list.push(["It ran…", note(true)], ["It did not run…", note(false)]);
  }
  const reads = roles.length > 0 && roles.every((role) => ["viewer", "auditor"].includes(role));
  if (request.may_cancel || !reads) list.push(["Comment…", () => comment(act)]);
  // In the cancel window the same is done by the button of the bar.
  if (request.may_cancel && !isEarly(request)) list.push(["Take the call back…", () => takeBack(act)]);
  if (isSteward(me)) list.push(["Pause the agent…", () => pauseAgent({ name: request.agent })]);
  return list;
}

function snoozing(request, act) {
  const back = () => act("snooze", { for: null }, "It is in your queue again.");
  if (request.snoozed_until) return ["Show in my queue again", back];
  return ["Snooze…", () => askSnooze(request, (body) => act("snooze", body, "It is out of your queue for now."))];
}

function ask(act) {
  return askText(
    "Ask the agent",
    "It is told your words as a quotation while its call stays held, and nothing runs. What it answers is its own word. The deadline stays.",
    {
      needed: true,
      button: "Ask",
      label: "Question",
      send: (question) => act("ask", { question }, "The question is with the agent."),
    },
  );
}

function comment(act) {
  return askText("Comment", "The other people read it in the timeline. The agent never gets it.", {
    needed: true,
    button: "Add the comment",
    send: (text) => act("comment", { text }, "The comment was added."),
  });
}

function takeBack(act) {
  return askText("Take the call back?", "The request ends as cancelled, and the agent is told. It does not run.", {
    needed: false,
    button: "Take the call back",
    send: (text) => act("cancel", text ? { note: text } : {}, "The call was taken back."),
  });
}
