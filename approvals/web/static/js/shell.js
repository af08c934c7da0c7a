/** What every page has around it: navigation, counts in title and favicon, banners, the state of the live feed, the person's menu. */
import { address, get, post } from "./api.js";
import { openDialog } from "./dialog.js";
import { announce, h, show } from "./dom.js";
import { icon, mark } from "./icons.js";
import { showKeys } from "./keys.js";
import { navigation } from "./nav.js";
import { awayButton, awayLine, maySay } from "./people/away.js";
import { preference, prefer } from "./prefs.js";
import { pushControl } from "./push.js";
import { showBanners, stopControl } from "./stops/control.js";
import { clock } from "./time.js";
import { visible } from "./visible.js";

let title = "Placet";
let waiting = 0;

/** Draw the bar for the person and mark the page that is open. */
export function drawShell(me, current) {
  const person = h(
    "button",
    { class: "button quiet", type: "button", "aria-haspopup": "dialog", on: { click: () => openSettings(me) } },
    icon("people"),
    h("span", { class: "wide-only" }, visible(me.person.name || me.person.id)),
    h("span", { class: "narrow-only", text: "You" }),
  );
  const keys = h(
    "button",
    { class: "button quiet wide-only keys-button", type: "button", "aria-haspopup": "dialog", on: { click: showKeys } },
    icon("keys"),
    h("span", { text: "Keys" }),
  );
  show(
    document.getElementById("chrome"),
    h(
      "header",
      { class: "top" },
      h("a", { class: "brand", href: "/", id: "brand" }, mark(false), h("span", { text: "Placet" })),
      navigation(me, current),
      h(
        "div",
        { class: "top-end" },
        h("span", { class: "live", id: "live", data: { state: "starting" } }, icon("clock"), h("span", { text: "Connecting" })),
        stopControl(me),
        keys,
        person,
      ),
    ),
  );
  showBanners(me, current);
  drawNotices(me);
  frame.refreshCount();
}

/** Show what the server says to everybody; what is no longer said goes. */
export function drawNotices(me) {
  const said = (me.notices ?? []).map((notice) => [`said ${notice.level} ${notice.text}`, notice]);
  const ids = new Set(said.map(([id]) => id));
  for (const old of document.querySelectorAll('#notices [data-id^="said "]')) if (!ids.has(old.dataset.id)) old.remove();
  for (const [id, notice] of said) if (!bannerOf(id)) banner(id, notice.level, notice.text);
}

const bannerOf = (id) => [...document.getElementById("notices").children].find((one) => one.dataset.id === id);

/** Show, change or (with no text) take away one banner. */
export function banner(id, level, text) {
  const place = document.getElementById("notices");
  bannerOf(id)?.remove();
  if (!text) return;
  const word = { error: "Problem:", warning: "Warning:", info: "Note:" }[level] ?? "Note:";
  place.append(
    h(
      "div",
      { class: "notice", role: level === "error" ? "alert" : "status", data: { id, level } },
      icon("warning"),
      h("p", {}, h("strong", { text: word }), " ", visible(text)),
    ),
  );
}

/** Set what the browser tab says after the count. */
export function setTitle(text) {
  title = text ? `${text} · Placet` : "Placet";
  drawCount();
}

const counted = () => (waiting > 999 ? "999+" : String(waiting));

function drawCount() {
  document.title = waiting ? `(${counted()}) ${title}` : title;
  const name = waiting > 9 ? "many" : String(waiting);
  const picture = document.getElementById("favicon");
  const path = `/static/icons/tab-${name}.svg`;
  if (picture.getAttribute("href") !== path) picture.setAttribute("href", path);
  const counter = document.getElementById("nav-count");
  if (counter) {
    show(
      counter,
      waiting
        ? h("span", {}, counted(), h("span", { class: "sr", text: " waiting" }))
        : null,
    );
  }
  const brand = document.getElementById("brand");
  if (brand && brand.dataset.held !== String(waiting > 0)) {
    brand.dataset.held = String(waiting > 0);
    brand.firstChild.replaceWith(mark(waiting > 0));
  }
}

/** The parts of the frame that the live feed moves. */
export const frame = {
  async refreshCount() {
    try {
      frame.setCount((await get(address("/api/v1/queue", { limit: 1 }))).waiting);
    } catch {
      /* the list on the page, or the banner of the feed, says why */
    }
  },
  setCount(count) {
    if (count > waiting) announce(`${count} waiting`);
    waiting = count;
    drawCount();
  },
  liveState(stopped, since) {
    const element = document.getElementById("live");
    if (element) {
      element.dataset.state = stopped ? "stopped" : "live";
      element.lastChild.textContent = stopped ? "Not live" : "Live";
    }
    banner(
      "live",
      "warning",
      stopped ? `Live updates stopped at ${clock(since)}. Retrying; until then this page looks every 5 seconds.` : "",
    );
    if (stopped) announce("Live updates stopped. Retrying.");
  },
};

function choose(name, legend, options, apply = () => {}) {
  const inputs = options.map(([value, words]) => {
    const input = h("input", { type: "radio", name, value });
    input.checked = preference(name) === value;
    input.addEventListener("change", () => {
      prefer(name, value);
      apply();
    });
    return h("label", { class: "choice" }, input, words);
  });
  return h("fieldset", {}, h("legend", { class: "label", text: legend }), inputs);
}

function ownAbsence(me) {
  const others = (me.stands_for ?? []).map((one) => one.name).join(", ");
  const place = h("div", { class: "own-absence" });
  const draw = (away) => {
    me.away = away;
    show(
      place,
      h(
        "p",
        {},
        awayLine(away) ?? "You are here.",
        others ? ` You decide for ${visible(others)} too.` : "",
        " ",
        maySay(me, me.person.id) ? awayButton(me.person.id, away, draw) : null,
      ),
    );
  };
  draw(me.away ?? null);
  return place;
}

function openSettings(me) {
  return openDialog("You and this device", (close) => {
    const problem = h("p", { class: "problem", role: "alert", hidden: true });
    const leave = async () => {
      try {
        await post("/api/v1/logout");
        window.location.assign("/login?signed-out");
      } catch (error) {
        problem.textContent = `Could not sign out: ${error.message}`;
        problem.hidden = false;
      }
    };
    const roles = [...(me.person.roles ?? [])].join(", ") || "no role";
    const groups = [...(me.person.groups ?? [])].join(", ") || "no group";
    return h(
      "div",
      { class: "settings" },
      h(
        "p",
        {},
        "Signed in as ",
        h("strong", {}, visible(me.person.id)),
        ". Roles: ",
        visible(roles),
        ". Groups: ",
        visible(groups),
        ".",
      ),
      ownAbsence(me),
      pushControl(me),
      choose(
        "theme",
        "Theme",
        [
          ["auto", "As the system"],
          ["light", "Light"],
          ["dark", "Dark"],
        ],
        () => window.dispatchEvent(new Event("placet:theme")),
      ),
      choose(
        "rows",
        "Rows in the inbox",
        [
          ["roomy", "Three lines"],
          ["dense", "One line"],
        ],
        () => window.dispatchEvent(new Event("placet:rows")),
      ),
      choose("after", "After a decision", [
        ["next", "Go to the next request"],
        ["stay", "Stay on the record"],
        ["back", "Go back to the list"],
      ]),
      choose("keys", "Single keys", [
        ["on", "On"],
        ["off", "Off"],
      ]),
      problem,
      h("p", { class: "muted", text: `Placet ${me.version ?? ""}` }),
      h(
        "div",
        { class: "ends" },
        h("button", { class: "button", type: "button", text: "Sign out", on: { click: leave } }),
        h("button", { class: "button", type: "button", text: "Close", on: { click: () => close() } }),
      ),
    );
  });
}
