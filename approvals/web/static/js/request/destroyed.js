/** A request whose words were destroyed by retention: what can still be said of it. */
import { h } from "../dom.js";
import { exact } from "../time.js";

const HOW = { retention: "by retention", lost_key: "with a lost key" };

/** What stands where the arguments were. */
export function destroyed(request) {
  return h(
    "section",
    { class: "args", "aria-label": "Arguments" },
    h("div", { class: "args-head" }, h("h2", { text: "Arguments" })),
    h(
      "div",
      { class: "args-body destroyed" },
      h("p", { text: `Destroyed ${HOW[request.destroyed.by] ?? ""} on ${exact(request.destroyed.at)}.` }),
      h("p", {
        class: "muted",
        text: "Arguments, reasons and results of this request cannot be read any more, by anybody. Its receipt and its place in the audit still prove what was decided.",
      }),
    ),
  );
}
