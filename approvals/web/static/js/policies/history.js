/** The history of a policy that is edited on the page: who saved what and why, compared, exported, brought back. */
import { Problem, get, post } from "../api.js";
import { openDialog } from "../dialog.js";
import { announce, h, show } from "../dom.js";
import { icon } from "../icons.js";
import { table } from "../table.js";
import { ago } from "../time.js";
import { bdi, visible } from "../visible.js";
import { diffView } from "./diff.js";
import { noteField } from "./review.js";
import { api, hash } from "./words.js";

const PAGE = 20;

/** The section. `changed()` is called after a version came back. */
export function historyView(policy, { changed }) {
  const body = h("div", {}, h("p", { class: "muted", text: "Loading the history…" }));
  const rows = [];
  const more = async (cursor) => {
    const query = `?limit=${PAGE}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`;
    const answer = await get(api(policy.server, `/versions${query}`));
    rows.push(...answer.versions);
    show(
      body,
      rows.length ? table("Saved versions", columns(policy, changed), rows) : h("p", { class: "muted", text: "No version was saved yet." }),
      answer.next_cursor
        ? h("button", { class: "button", type: "button", text: "Show older versions", on: { click: () => more(answer.next_cursor) } })
        : null,
    );
  };
  more(null).catch((error) => show(body, h("p", { class: "problem", role: "alert" }, visible(error.message))));
  return h("section", { class: "versions", "aria-labelledby": "versions-head" }, h("h2", { id: "versions-head", text: "Versions" }), body);
}

function columns(policy, changed) {
  return [
    { name: "Version", className: "nowrap", cell: (one) => h("span", { class: one.in_force ? "strong" : "" }, String(one.number), one.in_force ? " in force" : "") },
    { name: "Saved", className: "nowrap", cell: (one) => ago(one.at) },
    { name: "By", cell: (one) => bdi(one.name) },
    { name: "Note", cell: noteOf },
    { name: "SHA-256", className: "nowrap", cell: (one) => hash(one.sha256) },
    { name: "Do", cell: (one) => acts(policy, one, changed) },
  ];
}

function noteOf(one) {
  const back = one.restores === null ? null : h("span", { class: "sub", text: `Version ${one.restores} once more` });
  if (!one.note) return back ?? h("span", { class: "muted", text: "–" });
  return h("span", {}, bdi(one.note), back);
}

function acts(policy, one, changed) {
  const button = (words, label, act) =>
    h("button", { class: "button quiet", type: "button", text: words, "aria-label": label, on: { click: act } });
  const address = `${api(policy.server, "/export")}?number=${one.number}`;
  return h(
    "span",
    { class: "version-acts" },
    one.in_force ? null : button("Compare", `Compare version ${one.number} with the one in force`, () => compareDialog(policy, one)),
    h("a", { class: "button quiet", href: address, download: true, "aria-label": `Export version ${one.number}` }, icon("download"), h("span", { text: "Export" })),
    one.in_force || !policy.may_save ? null : button("Bring back…", `Bring back… version ${one.number}`, () => backDialog(policy, one, changed)),
  );
}

const enforced = (policy) => policy.layers.find((layer) => layer.kind === "page")?.text ?? "";

async function textOf(policy, one) {
  return (await get(api(policy.server, `/versions/${one.number}`))).text;
}

function compareDialog(policy, one) {
  return openDialog(
    `Version ${one.number} and the one in force`,
    (close) => {
      const body = h("div", {}, h("p", { class: "muted", text: "Loading…" }));
      textOf(policy, one)
        .then((text) => show(body, diffView(text, enforced(policy), [`version ${one.number}`, `version ${policy.page}, in force`])))
        .catch((error) => show(body, h("p", { class: "problem", role: "alert" }, visible(error.message))));
      return [body, h("button", { class: "button", type: "button", text: "Close", on: { click: () => close() } })];
    },
    { className: "wide" },
  );
}

async function backDialog(policy, one, changed) {
  const done = await openDialog(
    `Bring version ${one.number} back?`,
    (close) => {
      const body = h("div", {}, h("p", { class: "muted", text: "Loading…" }));
      const note = noteField();
      const problem = h("p", { class: "problem", role: "alert", hidden: true });
      const yes = h("button", { class: "button primary", type: "submit", disabled: true, text: `Save it as version ${policy.newest + 1} and enforce it` });
      textOf(policy, one)
        .then((text) => {
          show(body, diffView(enforced(policy), text, [`version ${policy.page}, in force`, `version ${one.number}`]));
          yes.disabled = false;
        })
        .catch((error) => show(body, h("p", { class: "problem", role: "alert" }, visible(error.message))));
      const send = async () => {
        yes.disabled = true;
        try {
          close(await post(api(policy.server, "/rollback"), { number: one.number, base: policy.newest, note: note.value() }));
        } catch (error) {
          if (!(error instanceof Problem)) throw error;
          problem.textContent = error.message;
          problem.hidden = false;
          yes.disabled = error.code === "stale_version";
        }
      };
      return h(
        "form",
        { class: "settings", on: { submit: (event) => (event.preventDefault(), send()) } },
        h("p", { text: "The text is saved once more, as a new version. Nothing is taken away." }),
        body,
        note.element,
        problem,
        h("div", { class: "ends" }, h("button", { class: "button", type: "button", text: "Go back", on: { click: () => close() } }), yes),
      );
    },
    { className: "wide" },
  );
  if (!done) return;
  announce(`Version ${done.number} is in force.`);
  changed();
}
