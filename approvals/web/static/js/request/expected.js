/** "As expected?": what people said of the outcome of a call that ran, and this person's own answer. */
import { Problem, post } from "../api.js";
import { announce, h } from "../dom.js";
import { icon } from "../icons.js";
import { ago } from "../time.js";
import { bdi } from "../visible.js";
import { askText } from "./words_dialog.js";

/** The question and the answers; nothing where nobody is asked. `done(request)` gets the request afterwards. */
export function expectedView(request, { me, done }) {
  const said = request.expected ?? [];
  if (!said.length && !request.may_say_expected) return null;
  const mine = said.find((one) => one.person === me.person.id);
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const say = async (body) => {
    done(await post(`/api/v1/requests/${encodeURIComponent(request.id)}/expected`, body));
    announce("Noted.");
  };
  const yes = async () => {
    problem.hidden = true;
    try {
      await say({ as_expected: true });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problem.textContent = error.message;
      problem.hidden = false;
    }
  };
  const no = () =>
    askText("Not as expected", "Say what is wrong with it. The other people see this, the agent does not.", {
      needed: false,
      button: "Note that it was not as expected",
      send: (note) => say({ as_expected: false, note: note || null }),
    });
  return h(
    "section",
    { class: "expected", "aria-label": "As expected?" },
    h("h2", { text: "Was this as expected?" }),
    said.map(answer),
    request.may_say_expected
      ? h(
          "div",
          { class: "ends" },
          choice("yes", "As expected", mine?.as_expected === true, yes),
          choice("no", "Not as expected…", mine?.as_expected === false, no),
        )
      : null,
    problem,
  );
}

const choice = (picture, words, chosen, run) =>
  h("button", { class: "button", type: "button", "aria-pressed": String(chosen), on: { click: run } }, icon(picture), h("span", { text: words }));

function answer(one) {
  return h(
    "p",
    {},
    bdi(one.name, "strong"),
    one.as_expected ? ": as expected" : ": not as expected",
    one.note ? [" (“", bdi(one.note, "", { breaks: true }), "”)"] : null,
    h("span", { class: "muted" }, ", ", ago(one.at)),
  );
}
