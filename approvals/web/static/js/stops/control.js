/** What stands on every page: the control that stops agents, and a banner for each stop that is in force. */
import { h, show } from "../dom.js";
import { icon } from "../icons.js";
import { isSteward } from "../roles.js";
import { freezeCard, glassCard } from "./card.js";
import { askFreeze } from "./dialogs.js";
import { watchStops } from "./state.js";

const SHOWN = 3;

/** The control in the bar on top, for those who may freeze; others have the page of stops. */
export function stopControl(me) {
  if (!isSteward(me)) return null;
  const press = { click: () => askFreeze() };
  return h("button", { class: "button", type: "button", "aria-haspopup": "dialog", on: press }, icon("stop"), h("span", { text: "Stop" }));
}

/** Keep the banners equal to what is in force. The page of stops shows the same itself. */
export function showBanners(me, current) {
  if (current === "stops") return;
  const place = document.getElementById("stops");
  let drawn = "";
  watchStops((state) => {
    const all = [...state.freezes, ...state.openings];
    const signature = JSON.stringify(all);
    if (signature === drawn) return;
    drawn = signature;
    const cards = [...state.freezes.map((one) => freezeCard(one, me)), ...state.openings.map((one) => glassCard(one, me))];
    const more = cards.length - SHOWN;
    place.hidden = !cards.length;
    show(
      place,
      cards.length ? h("ul", { class: "stops" }, cards.slice(0, SHOWN)) : null,
      more > 0 ? h("p", { class: "stops-more" }, h("a", { href: "/stops", text: `${more} more` })) : null,
    );
  });
}
