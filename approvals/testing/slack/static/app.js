// The page of the look-alike: keeps what is on the screen equal to what the workspace says.

import { blocks } from "./blocks.js";
import { h, settle } from "./dom.js";
import { showMessages } from "./messages.js";
import { showModal } from "./modal.js";
import { showSide } from "./side.js";
import { act, become, follow, look, wanted } from "./wire.js";

const side = document.getElementById("side");
const pane = document.getElementById("pane");
const toast = document.getElementById("toast");
const seen = new Map();
let place = wanted;
let state = null;
let looking = false;
let again = false;
let drawn = { place: null, home: "" };
let parts = null;

const names = {
  user: (id) => state.users.find((user) => user.id === id)?.name,
  channel: (id) => state.channels.find((channel) => channel.id === id)?.name,
  group: (id) => state.groups[id],
  author: (id) => state.users.find((user) => user.id === id) ?? { name: "Unknown", is_bot: false },
  people: () => state.users.filter((user) => !user.is_bot && !user.deleted),
};

async function refresh() {
  if (looking) {
    again = true;
    return;
  }
  looking = true;
  try {
    state = await look();
    become(state.me);
    draw();
  } catch (problem) {
    tell(problem.message);
  } finally {
    looking = false;
  }
  if (again) {
    again = false;
    await refresh();
  }
}

function draw() {
  const rooms = state.channels.filter((channel) => channel.is_member);
  if (place !== "home" && !rooms.some((room) => room.id === place)) place = rooms[0]?.id ?? "home";
  const room = rooms.find((each) => each.id === place);
  if (drawn.place !== place + state.me) open(room);
  if (room) showMessages(parts.list, state, room, names);
  else drawHome();
  showSide(side, state, place, unread(rooms), { go, be });
  showModal(state.modal, state.depth, names);
  if (state.notices.length) tell(state.notices[0]);
  document.title = `${room ? (room.is_im ? room.name : `#${room.name}`) : "Home"} · ${state.team} · Look-alike of Slack`;
}

function open(room) {
  drawn = { place: place + state.me, home: "" };
  const list = h("ol", { class: "messages", "aria-live": "polite", "aria-label": "Messages", tabindex: "0" });
  const home = h("div", { class: "home" });
  const title = room ? (room.is_im ? room.name : `${room.is_private ? "◆ " : "#"}${room.name}`) : `${state.app.name} · Home`;
  const note = room && !room.is_im ? h("span", { class: "muted" }, `${room.members} members`) : null;
  const menu = h("button", { type: "button", class: "quiet menu-button", onclick: () => document.body.classList.toggle("drawer") }, "☰ Places");
  parts = { list, home };
  settle(pane, [h("header", { class: "top" }, menu, h("h1", {}, title), note), room ? list : home, ...(room ? [composer(room)] : [])]);
}

function composer(room) {
  const box = h("input", { type: "text", name: "text", autocomplete: "off", maxlength: 3000, "aria-label": "Message",
    placeholder: `Message ${room.is_im ? room.name : `#${room.name}`}, or /approvals` });
  const onsubmit = (event) => {
    event.preventDefault();
    const text = box.value;
    box.value = "";
    if (text.trim()) report(act("say", { channel: room.id, text }));
  };
  return h("form", { class: "composer", onsubmit }, box, h("button", { type: "submit", class: "button" }, "Send"));
}

function drawHome() {
  const view = state.home;
  const signature = JSON.stringify(view);
  if (signature === drawn.home) return;
  drawn.home = signature;
  if (!view) {
    parts.home.replaceChildren(h("p", { class: "nothing" }, `${state.app.name} has not published a Home tab for you yet.`));
    return;
  }
  const press = (block_id, action_id, choice) => act("press", { view_id: view.id, block_id, action_id, choice });
  parts.home.replaceChildren(...blocks(view.blocks, { id: view.id, names, state: view.state.values, press }));
}

function unread(rooms) {
  const counts = {};
  for (const room of rooms) {
    const theirs = state.messages.filter((message) => message.channel === room.id);
    const last = theirs.at(-1)?.ts ?? "0";
    const mark = `${state.me} ${room.id}`;
    if (room.id === place || !seen.has(mark)) seen.set(mark, last);
    counts[room.id] = theirs.filter((message) => Number(message.ts) > Number(seen.get(mark))).length;
  }
  return counts;
}

function go(where) {
  place = where;
  document.body.classList.remove("drawer");
  draw();
  if (where === "home") report(act("home", {}));
}

function be(person) {
  become(person);
  refresh();
}

async function report(doing) {
  try {
    await doing;
  } catch (problem) {
    tell(problem.message);
  }
}

let hiding = 0;

function tell(text) {
  (document.querySelector("dialog[open]") ?? document.body).append(toast); // a dialog covers everything outside it
  toast.textContent = text;
  toast.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => { toast.hidden = true; }, 6000);
}

function theme(name) {
  document.documentElement.dataset.theme = name;
  document.getElementById("theme").textContent = name === "dark" ? "Light theme" : "Dark theme";
}

const prefersDark = matchMedia("(prefers-color-scheme: dark)").matches;
theme(localStorage.getItem("theme") ?? (prefersDark ? "dark" : "light"));
document.getElementById("theme").addEventListener("click", () => {
  const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem("theme", next);
  theme(next);
});
const shutDrawer = () => document.body.classList.remove("drawer");
pane.addEventListener("click", (event) => event.target.closest(".menu-button") || shutDrawer());
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.overflow[open]")) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => event.key === "Escape" && shutDrawer());
window.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  tell(event.reason?.message ?? "Something went wrong.");
});
follow(refresh, (isBroken) => {
  if (isBroken) tell("Live updates stopped. Trying again.");
});
refresh();
