/** A plain read view of one list of the API, with its three empty states: nothing yet, not offered here, not for you. */
import { get } from "./api.js";
import { h, show } from "./dom.js";
import { setTitle } from "./shell.js";
import { table } from "./table.js";
import { visible } from "./visible.js";

const LIMIT = 200;

/**
 * Draw a directory page. `none` is [what, how, command]; `heading` and `back` where the title alone is not enough.
 * `tools` stands beside the heading: what can be added.
 * `choosing(rows, redraw)` may give { element, kept }: what stands above the table, and the rows to show, in order.
 */
export async function directoryPage(main, page) {
  const { title, heading = title, back, about, path, member, columns, none, missing, choosing, className, tools = null } = page;
  setTitle(title);
  const body = h("div", {}, h("p", { class: "muted", text: "Loading…" }));
  show(
    main,
    h(
      "div",
      { class: "page" },
      h("header", { class: "page-head" }, h("div", {}, back, h("h1", {}, heading), h("p", {}, about)), tools),
      body,
    ),
  );
  const rows = [];
  const list = h("div", {});
  const more = async (cursor) => {
    const answer = await get(`${path}?limit=${LIMIT}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
    rows.push(...(answer[member] ?? []));
    const choice = rows.length ? choosing?.(rows, () => draw()) : null;
    const draw = () => {
      const kept = choice?.kept() ?? rows;
      show(list, kept.length ? table(title, columns, kept, { className }) : h("p", { class: "none", text: "None of these." }));
    };
    if (rows.length) draw();
    show(
      body,
      choice?.element ?? null,
      rows.length ? list : empty(none),
      answer.next_cursor ? moreButton(() => more(answer.next_cursor)) : null,
    );
  };
  try {
    await more(null);
  } catch (error) {
    show(body, absent(error, title, missing));
  }
}

function moreButton(load) {
  return h("button", { class: "button", type: "button", text: "Show more", on: { click: load } });
}

function empty([what, how, command]) {
  return h("div", { class: "empty" }, h("h2", { text: what }), h("p", { text: how }), h("code", { text: command }));
}

/** What stands in the place of a list that did not come. */
export function absent(error, title, missing) {
  const words = {
    404: missing ?? [
      `${title} are not shown by this Placet.`,
      "This installation does not offer the list here; the command line has it.",
    ],
    403: [`You may not see the ${title.toLowerCase()}.`, error.message],
  }[error.status] ?? ["The list could not be loaded.", error.message];
  return h("div", { class: "empty", role: "status" }, h("h2", { text: words[0] }), h("p", {}, visible(words[1])));
}

/** The one row of a list whose member `key` is `value`, read page by page; null where there is none. */
export async function oneOf(path, member, key, value) {
  let cursor = "";
  do {
    const answer = await get(`${path}?limit=${LIMIT}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
    const found = answer[member].find((row) => row[key] === value);
    if (found) return found;
    cursor = answer.next_cursor;
  } while (cursor);
  return null;
}

/** What is known of one thing: [[name, value]]. */
export function factsAcross(rows) {
  return h(
    "dl",
    { class: "facts across" },
    rows.map(([name, value]) => [h("dt", { class: "label", text: name }), h("dd", {}, value)]),
  );
}
