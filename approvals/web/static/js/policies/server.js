/** One server's policy: its layers as they are enforced, what differs on disk, the history of its page, and "Try a call". */
import { Problem, get } from "../api.js";
import { h, show } from "../dom.js";
import { icon } from "../icons.js";
import { bind } from "../keys.js";
import { setTitle } from "../shell.js";
import { ago } from "../time.js";
import { bdi, brief, visible } from "../visible.js";
import { codeView } from "./code.js";
import { diffView } from "./diff.js";
import { editing, keptDraft } from "./editing.js";
import { historyView } from "./history.js";
import { simulator } from "./simulate.js";
import { STATES, api, counted, hash, testsPass } from "./words.js";

const LOOK_MS = 5_000;

/** Draw the page. */
export async function serverPage(main, server) {
  setTitle(`Policy of ${brief(server, 64)}`);
  const slot = (name) => h("div", { class: `slot-${name}` });
  const slots = Object.fromEntries(["head", "notices", "layer", "history"].map((name) => [name, slot(name)]));
  const page = { server, slots, policy: null, listed: null, layer: 0, editor: null, view: null };
  page.simulator = simulator(server, { draft: () => page.editor?.text() ?? null, jump: (layer, line) => jump(page, layer, line) });
  show(main, h("div", { class: "page policy-page" }, slots.head, slots.notices, h("p", { class: "muted", text: "Loading…" })));
  try {
    await look(page);
    page.policy = await get(api(server));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    show(main, absent(server, error));
    return;
  }
  show(
    main,
    h(
      "div",
      { class: "page policy-page" },
      slots.head,
      slots.notices,
      h("div", { class: "policy-columns" }, slots.layer, page.simulator.element, slots.history),
    ),
  );
  bind("/", "Find in the policy", () => page.view?.focusSearch());
  bind("t", "Try a call", () => page.simulator.focus());
  begin(page);
  window.setInterval(() => look(page), LOOK_MS);
}

function absent(server, error) {
  const words = {
    404: ["There is no such server.", "The name is wrong, or the configuration in force does not have it."],
    403: ["You may not see the policies.", error.message],
  }[error.status] ?? ["The policy could not be loaded.", error.message];
  return h(
    "div",
    { class: "page" },
    h("header", { class: "page-head" }, h("div", {}, back(), h("h1", {}, "Policy of ", bdi(server, "mono-title")))),
    h("div", { class: "empty", role: "status" }, h("h2", { text: words[0] }), h("p", {}, visible(words[1]))),
  );
}

const back = () => h("a", { class: "button quiet", href: "/policies" }, icon("back"), h("span", { text: "All policies" }));

/** The first drawing: the layer and the line that the address names, and a text that was left unsaved. */
function begin(page) {
  const query = new URLSearchParams(window.location.search);
  const rule = query.get("rule");
  const holds = (layer) => layer.outline.some((place) => place.pointer === rule);
  const named = rule === null ? Number(query.get("layer") ?? -1) : page.policy.layers.findIndex(holds);
  const pages = page.policy.layers.findIndex((layer) => layer.kind === "page");
  page.layer = page.policy.layers[named] ? named : Math.max(0, pages);
  draw(page);
  const place = page.policy.layers[page.layer]?.outline.find((one) => one.pointer === rule);
  const line = place?.line ?? Number(query.get("line") ?? 0);
  if (line) page.view?.go(line);
  if (page.policy.may_save && keptDraft(page.server)) edit(page);
}

/** Somebody else may have saved, or mended a file: the list, which is small, tells. */
async function look(page) {
  if (document.hidden || !navigator.onLine) return;
  const list = await get("/api/v1/policies").catch(() => null); // for who may not see them the policy itself says so
  const entry = JSON.stringify(list?.policies.find((one) => one.server === page.server) ?? null);
  if (!list || entry === page.listed) return;
  const known = page.listed !== null;
  page.listed = entry;
  if (known) await reload(page).catch(() => null);
}

/** A newer state of the server: the editor keeps its text and is told, everything else is drawn anew. */
function take(page, policy) {
  page.policy = policy;
  page.layer = Math.min(page.layer, Math.max(0, policy.layers.length - 1));
  if (page.editor) {
    drawHead(page);
    show(page.slots.notices, notices(page));
    page.editor.newer(policy);
  } else {
    draw(page);
  }
}

function draw(page) {
  drawHead(page);
  show(page.slots.notices, notices(page));
  drawLayer(page);
  show(page.slots.history, page.policy.newest === null ? null : historyView(page.policy, { changed: () => reload(page) }));
}

async function reload(page) {
  take(page, await get(api(page.server)));
}

function drawHead(page) {
  const { policy } = page;
  const about = [
    STATES[policy.state],
    counted(policy.layers.length, "layer"),
    policy.page ? `page version ${policy.page}` : null,
  ].filter(Boolean);
  show(
    page.slots.head,
    h(
      "header",
      { class: "page-head" },
      h(
        "div",
        {},
        back(),
        h("h1", {}, "Policy of ", bdi(policy.server, "mono-title")),
        h("p", {}, about.join(" · "), policy.policy_version ? [" · policy version ", hash(policy.policy_version)] : null),
      ),
    ),
  );
}

function notices({ policy }) {
  const found = policy.layers.filter((layer) => layer.on_disk?.differs).map(differing);
  if (policy.problem) found.push(h("div", { class: "problem", role: "alert" }, h("p", {}, visible(policy.problem))));
  return found;
}

/** A file that is not what is enforced: both hashes, what is wrong with it, and the difference. */
function differing(layer) {
  const { on_disk: disk } = layer;
  return h(
    "section",
    { class: "problem differing", role: "alert", "aria-label": `${layer.name} differs` },
    h("p", {}, h("strong", {}, bdi(layer.name), " on disk is not what is enforced.")),
    h("p", {}, "On disk ", hash(disk.sha256), ", enforced ", hash(layer.sha256), ". The enforced policy stays until the file can be taken."),
    disk.problems.length
      ? h(
          "ol",
          { class: "problems" },
          disk.problems.map((one) => h("li", {}, `Line ${one.line}, column ${one.column}: `, visible(one.message), one.hint ? [" (", visible(one.hint), ")"] : null)),
        )
      : null,
    disk.text === null
      ? null
      : h("details", {}, h("summary", { text: "Show the difference" }), diffView(layer.text, disk.text, ["enforced", "on disk"])),
  );
}

function drawLayer(page) {
  const { policy } = page;
  const layer = policy.layers[page.layer];
  page.view = null;
  if (!layer) {
    const what = "This server has no policy, so every tool of it is denied.";
    show(page.slots.layer, h("div", { class: "empty" }, h("h2", { text: what }), h("p", {}, withCode(policy.why_not ?? ""))));
    return;
  }
  if (layer.text) page.view = codeView(layer.text, layer.outline, { label: layer.name });
  show(
    page.slots.layer,
    layerChoice(page),
    h("section", { class: "layer", "aria-label": `Layer ${layer.name}` }, layerHead(page, layer), page.view?.element ?? unsaved(page)),
  );
}

function layerChoice(page) {
  const { layers } = page.policy;
  if (layers.length < 2) return null;
  return h(
    "div",
    { class: "layer-choice", role: "group", "aria-label": "Layers, the outermost first" },
    layers.map((layer, index) =>
      h(
        "button",
        {
          class: "button",
          type: "button",
          "aria-pressed": String(index === page.layer),
          on: { click: () => choose(page, index) },
        },
        h("span", {}, bdi(layer.name)),
      ),
    ),
  );
}

function choose(page, index) {
  page.layer = index;
  drawLayer(page);
  page.slots.layer.querySelector('[aria-pressed="true"]')?.focus();
}

function layerHead(page, layer) {
  const { saved } = layer;
  const where = layer.kind === "page" ? "Edited on this page" : layer.shared ? "A file of the organisation, over every server" : "A file";
  const exported = `${api(page.server, "/export")}?layer=${page.layer}`;
  return h(
    "header",
    { class: "layer-head" },
    h(
      "div",
      {},
      h("h2", {}, bdi(layer.name)),
      h(
        "p",
        { class: "muted" },
        `${where} · ${layer.dialect} · `,
        layer.tests ? `${testsPass(layer.tests)} · ` : null,
        layer.text ? ["SHA-256 ", hash(layer.sha256)] : "nothing saved yet",
        saved ? [" · version ", String(saved.number), " by ", bdi(saved.name), " ", ago(saved.at)] : null,
      ),
      layer.notes.map((note) => h("p", { class: "problem" }, "Note: ", visible(note))),
    ),
    h(
      "div",
      { class: "layer-tools" },
      layer.text ? h("a", { class: "button", href: exported, download: true }, icon("download"), h("span", { text: "Export" })) : null,
      layer.kind === "page" && layer.text && page.policy.may_save
        ? h("button", { class: "button", type: "button", on: { click: () => edit(page) } }, icon("edit"), h("span", { text: "Edit" }))
        : null,
    ),
  );
}

/** A sentence with what stands between backticks as code. */
const withCode = (words) => words.split("`").map((part, index) => (index % 2 ? h("code", {}, visible(part)) : visible(part)));

function unsaved(page) {
  return h(
    "div",
    { class: "empty" },
    h("h2", { text: "Nothing is saved here yet, so this layer denies everything." }),
    page.policy.may_save
      ? h("button", { class: "button primary", type: "button", text: "Write the first version", on: { click: () => edit(page) } })
      : h("p", {}, withCode(page.policy.why_not ?? "")),
  );
}

async function edit(page) {
  page.layer = page.policy.layers.findIndex((layer) => layer.kind === "page");
  page.view = null;
  const ended = async () => {
    page.editor = null;
    await reload(page).catch(() => draw(page));
    page.slots.layer.querySelector(".layer-tools button, .empty button")?.focus();
  };
  page.editor = await editing(page.policy, { ended, jump: (layer, line) => jump(page, layer, line) });
  show(page.slots.layer, page.editor.element);
  show(page.slots.history);
  page.editor.focus();
}

/** Show a line of a layer: in the editor where that is the layer, else in its read view. */
function jump(page, layer, line) {
  if (page.editor && page.policy.layers[layer]?.kind === "page") {
    page.editor.go(line);
    return;
  }
  if (page.editor) {
    page.editor.aside(page.policy.layers[layer], line);
    return;
  }
  if (layer !== page.layer) {
    page.layer = layer;
    drawLayer(page);
  }
  page.view?.go(line);
}
