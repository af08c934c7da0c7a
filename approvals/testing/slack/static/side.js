// The left column: the workspace, who you are, channels, direct messages and the app's Home.

import { avatar, h } from "./dom.js";

let shown = "";

/** Draw the column; `go(place)` is called with a channel id or "home", `be(id)` with a person. */
export function showSide(node, state, place, unread, { go, be }) {
  const signature = JSON.stringify([state.users, state.channels, state.me, place, unread, state.home !== null]);
  if (signature === shown) return;
  shown = signature;
  const people = state.users.filter((user) => !user.is_bot && !user.deleted);
  const open = (id) => () => go(id);
  const entry = (id, sign, label, note) => h("li", {},
    h("button", { type: "button", class: "place", "aria-current": place === id ? "page" : null, onclick: open(id) },
      h("span", { class: "sign", "aria-hidden": "true" }, sign), h("span", { class: "name" }, label),
      note ? h("span", { class: "count", "aria-label": `${note} new` }, note) : null));
  const rooms = state.channels.filter((channel) => channel.is_member && !channel.is_im);
  const direct = state.channels.filter((channel) => channel.is_im);
  const me = people.find((user) => user.id === state.me);
  node.replaceChildren(
    h("div", { class: "team" }, h("b", {}, state.team), h("span", { class: "muted" }, "workspace")),
    h("label", { class: "who" }, avatar(me?.name ?? "?", false), h("span", { class: "muted" }, "You are"),
      h("select", { onchange: (event) => be(event.currentTarget.value) },
        people.map((user) => h("option", { value: user.id, selected: user.id === state.me }, user.name + (user.guest ? " (guest)" : ""))))),
    h("h2", {}, "Channels"),
    h("ul", {}, rooms.map((room) => entry(room.id, room.is_private ? "◆" : "#", room.name, unread[room.id]))),
    h("h2", {}, "Apps"),
    h("ul", {}, entry("home", "⌂", `${state.app.name} · Home`),
      direct.map((room) => entry(room.id, "@", `${room.name} · Messages`, unread[room.id]))));
}
