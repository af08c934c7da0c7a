/** The navigation: the pages that fit, and "More" for those that do not (`rank` in the sitemap; css/nav.css hides). */
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { offered } from "./sitemap.js";

/** The bar of pages, with the one that is open marked. */
export function navigation(me, current) {
  const pages = offered(me);
  const link = ({ name, path, word, picture, rank }, inBar) =>
    h(
      "a",
      { class: `rank-${rank}`, href: path, "aria-current": current === name ? "page" : null },
      icon(picture),
      h("span", { text: word }),
      inBar && name === "inbox" ? h("span", { class: "count", id: "nav-count" }) : null,
    );
  const here = pages.find(({ name }) => name === current);
  return h(
    "nav",
    { class: "nav", "aria-label": "Pages" },
    pages.map((page) => link(page, true)),
    more(
      pages.filter(({ rank }) => rank > 1).map((page) => link(page, false)),
      here ? `rank-${here.rank}` : "",
    ),
  );
}

/** The button and what it opens. `here`: the rank of the open page, for the mark on the button where it hides the page. */
function more(links, here) {
  const menu = h("div", { class: "more-menu", id: "more-pages", popover: "auto" }, links);
  const button = h(
    "button",
    { class: "more", type: "button", popovertarget: menu.id, data: { here } },
    icon("more"),
    h("span", { text: "More" }),
  );
  menu.addEventListener("beforetoggle", (event) => {
    if (event.newState !== "open") return;
    menu.style.setProperty("--from", `${button.getBoundingClientRect().left}px`);
  });
  menu.addEventListener("toggle", (event) => {
    if (event.newState === "open") [...menu.children].find((one) => one.checkVisibility())?.focus();
  });
  return [button, menu];
}
