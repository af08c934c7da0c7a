/** One request on its own page: what links in Slack and in the agent's answers lead to. */
import { h, show } from "../dom.js";
import { icon } from "../icons.js";
import { bind } from "../keys.js";
import { openPanel } from "../request/panel.js";
import { isSteward } from "../roles.js";
import { setTitle } from "../shell.js";
import { titleOf } from "../words.js";

/** Draw the page. */
export async function page(main, { me, argument, onChange }) {
  setTitle("Request");
  const place = h("div", { class: "detail-body" });
  const path = `/?open=${encodeURIComponent(argument)}`;
  const toList = h("a", { class: "button quiet", href: path }, icon("back"), h("span", { text: "Inbox" }));
  const print = h(
    "button",
    { class: "button quiet", type: "button", on: { click: () => window.print() } },
    icon("download"),
    h("span", { text: "Print the record" }),
  );
  main.classList.add("single");
  show(main, h("div", { class: "single-head" }, toList, print), place);
  const panel = openPanel(place, argument, {
    me,
    loaded: (request) => setTitle(titleOf(request)),
    decided: () => place.querySelector(".request-title")?.focus({ preventScroll: true }),
  });
  onChange((ids) => (!ids || ids.has(argument)) && panel.refresh());
  bind("u", "Back to the inbox", () => window.location.assign(path));
  bind("a", "Approve (asks first; Enter confirms, but where the risk is high)", () => panel.press("approve"));
  bind("d", "Deny (1 to 5 choose a reason)", () => panel.press("deny"));
  bind("e", "Change the arguments", () => panel.change());
  bind("t", "Approve and trust calls like this", () => panel.press("trust"));
  bind("c", "Comment", () => panel.act("Comment"));
  bind("+", "Add 15 minutes", () => panel.act("Add 15"));
  bind("v", "Arguments as tree or raw", () => panel.flip());
  if (isSteward(me)) bind(".", "Pause the agent of the request", () => panel.act("Pause the agent"));
  bind("h", "Names of hidden characters", () => document.documentElement.classList.toggle("hidden-names"));
  await panel.ready;
}
