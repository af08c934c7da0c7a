/** The cancel window: approved, and runs in so many seconds unless somebody pulls it back. It counts down where the buttons were. */
import { Problem, post } from "../api.js";
import { announce, h } from "../dom.js";
import { icon } from "../icons.js";
import { countdown, now } from "../time.js";

/** Is it approved, and too early to run? */
export const isEarly = (request) =>
  request.state === "approved" && Boolean(request.runs_at) && Date.parse(request.runs_at) > now();

/** The bar of a call that can be pulled back, or nothing. Hooks: `done(request)`, `over()` when the window is over. */
export function pullBackBar(request, { done, over }) {
  if (!isEarly(request)) return null;
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const button = h(
    "button",
    { class: "button no", type: "button", on: { click: () => pullBack() } },
    icon("no"),
    h("span", { text: "Pull back" }),
  );
  const pullBack = async () => {
    if (button.getAttribute("aria-disabled")) return;
    button.setAttribute("aria-disabled", "true");
    button.lastChild.textContent = "Sending…";
    try {
      const ended = await post(`/api/v1/requests/${encodeURIComponent(request.id)}/cancel`, {});
      announce("Pulled back. It does not run.");
      done(ended);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      button.removeAttribute("aria-disabled");
      button.lastChild.textContent = "Pull back";
      problem.textContent = error.message;
      problem.hidden = false;
      if (error.body?.request) done(error.body.request);
    }
  };
  const timer = window.setTimeout(over, Math.max(0, Date.parse(request.runs_at) - now()) + 250);
  const element = h(
    "section",
    { class: "decision", "aria-label": "Pull back" },
    h("p", { class: "decision-time held" }, icon("clock"), countdown(request.runs_at)),
    h("p", {
      class: "decision-why",
      text: request.may_cancel ? "Then it runs. Until then it can be pulled back, and does not run." : "Then it runs.",
    }),
    request.may_cancel ? h("div", { class: "ends" }, button) : null,
    problem,
  );
  return { element, stop: () => window.clearTimeout(timer), press: () => {}, unfolded: () => {} };
}
