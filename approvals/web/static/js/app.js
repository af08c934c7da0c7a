/** Starts a page: who is signed in, the bar on top, the live feed, then the one module the path asks for. */
import { Problem, whoAmI } from "./api.js";
import { h, settleDown, show } from "./dom.js";
import { bind, startKeys } from "./keys.js";
import { startLive } from "./live.js";
import { renewPush } from "./push.js";
import { isSteward } from "./roles.js";
import { banner, drawNotices, drawShell, frame } from "./shell.js";
import { offered, pageAt } from "./sitemap.js";
import { askFreeze } from "./stops/dialogs.js";
import { lookAtStops } from "./stops/state.js";
import { skewSeconds, startClock } from "./time.js";

const NOTICES_MS = 30_000;

async function start() {
  const main = document.getElementById("main");
  const { name, argument } = pageAt(window.location.pathname);
  startClock();
  const { page } = await import(`./pages/${name}.js`);
  if (name === "login") return page(main);
  const me = await meOrReason(main);
  if (!me) return undefined;
  drawShell(me, name);
  startKeys();
  goKeys(me);
  lookAtStops();
  renewPush(me);
  if (Math.abs(skewSeconds()) > 30) {
    banner("clock", "info", `This device's clock is ${Math.abs(skewSeconds())} s off. Times here follow the server's.`);
  }
  const listeners = new Set();
  const context = { me, argument, onChange: (listener) => listeners.add(listener) };
  await page(main, context);
  const recount = settleDown(frame.refreshCount, 300, 2000);
  startLive({
    changed: (ids) => {
      recount();
      if (ids === null) lookAtStops();
      for (const listener of listeners) listener(ids);
    },
    stopsChanged: lookAtStops,
    state: frame.liveState,
  });
  window.setInterval(lookForNotices, NOTICES_MS);
  return undefined;
}

/** What is wrong with the service comes and goes while a page is open. */
async function lookForNotices() {
  if (document.hidden || !navigator.onLine) return;
  const me = await whoAmI().catch(() => null);
  if (me) drawNotices(me);
}

async function meOrReason(main) {
  try {
    return await whoAmI();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (error.status === 401) return null;
    show(
      main,
      h(
        "div",
        { class: "door" },
        h("h1", { text: "Placet does not answer" }),
        h("p", { text: error.message }),
        h("button", {
          class: "button primary",
          type: "button",
          text: "Try again",
          on: { click: () => window.location.reload() },
        }),
      ),
    );
    return null;
  }
}

function goKeys(me) {
  for (const { key, to, path } of offered(me)) bind(`g ${key}`, `Go to ${to}`, () => window.location.assign(path));
  if (isSteward(me)) bind(".", "Freeze agents", () => askFreeze());
}

start().catch((error) => {
  window.console.error(error);
  show(
    document.getElementById("main"),
    h(
      "div",
      { class: "door" },
      h("h1", { text: "This page broke" }),
      h("p", { text: "That is our fault; nothing was decided. Load the page again, or use the command line." }),
    ),
  );
});
