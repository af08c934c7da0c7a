/** Standing grants: which are in force, what is left of them, what they let run; and those that were. */
import { Problem, address, get } from "../api.js";
import { openDialog } from "../dialog.js";
import { h, settleDown, show } from "../dom.js";
import { endWords, giverWords, leftWords, placeWords, revokeButton, scopeWords, shapeView } from "../grants/view.js";
import { setTitle } from "../shell.js";
import { table } from "../table.js";
import { ago } from "../time.js";
import { bdi } from "../visible.js";
import { STATES, TONES } from "../words.js";

const MOST = 100;

/** Draw the page. */
export async function page(main, { onChange }) {
  setTitle("Grants");
  const body = h("div", { class: "page" }, h("p", { class: "muted", text: "Loading…" }));
  show(main, body);
  let drawn = "";
  const look = async () => {
    try {
      const { grants, next_cursor: more } = await get(address("/api/v1/grants", { limit: MOST }));
      const signature = JSON.stringify(grants);
      if (signature === drawn) return;
      drawn = signature;
      show(body, head(), inForce(grants.filter((one) => one.in_force), look), before(grants.filter((one) => !one.in_force), more, look));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      show(body, head(), h("p", { class: "problem", role: "alert" }, "The grants could not be loaded. ", bdi(error.message)));
    }
  };
  onChange(settleDown(look, 500, 2000));
  await look();
  const open = new URLSearchParams(window.location.search).get("open");
  if (open) await showUses(open);
}

function head() {
  return h(
    "header",
    { class: "page-head" },
    h(
      "div",
      {},
      h("h1", { text: "Grants" }),
      h("p", {
        text: "A standing grant lets more calls of one shape run without asking, for a while. Who gave it must still be able to decide each of them, and every use is on record.",
      }),
    ),
  );
}

function inForce(grants, look) {
  return part(
    "In force",
    grants.length
      ? h("ul", { class: "grants" }, grants.map((one) => card(one, look)))
      : h(
          "p",
          { class: "none" },
          "No grant is in force: people are asked about every call that needs approval. One is given with “Approve and trust…” on a request.",
        ),
  );
}

function card(grant, look) {
  return h(
    "li",
    { class: "grant" },
    h(
      "div",
      { class: "grant-head" },
      h("h3", {}, bdi(grant.tool, "mono"), h("span", { class: "muted" }, " on ", bdi(grant.server), " for ", bdi(grant.agent))),
      h("p", { class: "grant-left" }, leftWords(grant), h("span", { class: "muted" }, "; ", endWords(grant))),
    ),
    scopeWords(grant),
    shapeView(grant),
    grant.idle ? h("p", { class: "held", text: `Just now it lets nothing run: ${grant.idle}.` }) : null,
    h(
      "p",
      { class: "muted" },
      "Given by ",
      giverWords(grant),
      " ",
      ago(grant.at),
      " with ",
      h("a", { href: `/requests/${encodeURIComponent(grant.request)}`, text: "a call that was approved" }),
      ".",
    ),
    h(
      "p",
      { class: "grant-acts" },
      revokeButton(grant, look),
      h("button", { class: "button quiet", type: "button", text: "Its uses", on: { click: () => showUses(grant.id) } }),
    ),
  );
}

function before(grants, more, look) {
  return part(
    "Before",
    grants.length
      ? table("Grants before", columns(look), grants)
      : h("p", { class: "none", text: "No grant has ended yet." }),
    more ? h("p", { class: "muted", text: `The newest ${MOST} are shown.` }) : null,
  );
}

const columns = (look) => [
  { name: "Call", cell: (one) => h("span", {}, bdi(one.tool, "mono"), h("span", { class: "muted" }, " on ", bdi(one.server)), one.scope === "session" ? [" ", scopeWords(one)] : null) },
  { name: "Agent", cell: (one) => bdi(one.agent) },
  { name: "Could vary", cell: varied, className: "wide" },
  { name: "Used", cell: (one) => `${one.uses - one.uses_left} of ${one.uses}`, className: "nowrap" },
  { name: "Given by", cell: (one) => h("span", {}, giverWords(one)) },
  { name: "Given", cell: (one) => ago(one.at), className: "nowrap" },
  { name: "Ended", cell: (one) => h("span", {}, endWords(one)) },
  {
    name: "Uses",
    className: "nowrap",
    cell: (one) =>
      h(
        "span",
        {},
        h("button", { class: "button quiet", type: "button", text: "Its uses", on: { click: () => showUses(one.id) } }),
        // Used up, yet what it let through last may not have been sent.
        revokeButton(one, look),
      ),
  },
];

function varied(one) {
  const loose = one.shape.filter((place) => place.kind !== "exact");
  if (!loose.length) return h("span", { class: "muted", text: "nothing" });
  return h(
    "span",
    {},
    loose.flatMap((place, index) => [index ? "; " : "", bdi(placeWords(place.argument), "mono"), " ", bdi(place.words)]),
  );
}

/** The calls that one grant let run. */
async function showUses(id) {
  let grant = null;
  try {
    grant = await get(`/api/v1/grants/${encodeURIComponent(id)}`);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
  }
  await openDialog(
    "What it let run",
    (close) => [
      grant ? uses(grant) : h("p", { text: "There is no such grant, or you may not see it." }),
      h("div", { class: "ends" }, h("button", { class: "button", type: "button", text: "Close", on: { click: () => close() } })),
    ],
    { className: "wide" },
  );
}

function uses(grant) {
  if (!grant.history.length) return h("p", { class: "muted", text: "Nothing yet: no call has met its shape." });
  const columns = [
    { name: "When", cell: (one) => ago(one.at), className: "nowrap" },
    { name: "State", cell: (one) => h("span", { class: `state ${TONES[one.state] ?? ""}`, text: STATES[one.state] ?? one.state }) },
    { name: "Call", cell: (one) => h("a", { class: "mono", href: `/requests/${encodeURIComponent(one.request)}`, text: `…${one.request.slice(-8)}` }) },
  ];
  if (grant.budget) columns.push({ name: `Of ${placeWords(grant.budget.argument)}`, cell: (one) => one.amount ?? "" });
  return table("Uses", columns, grant.history);
}

function part(title, ...content) {
  return h("section", { class: "stops-part", "aria-label": title }, h("h2", { text: title }), content);
}
