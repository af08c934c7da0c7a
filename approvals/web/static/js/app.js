/** Starts a page: who is signed in, the bar on top, the live feed, then the one module the path asks for. */
import { Problem, whoAmI } from "./api.js";
import { h, settleDown, show } from "./dom.js";
import { bind, startKeys } from "./keys.js";
import { startLive } from "./live.js";
import { banner, drawNotices, drawShell, frame } from "./shell.js";
import { skewSeconds, startClock } from "./time.js";

const PAGES = [
  [/^\/$/, "inbox"],
  [/^\/login$/, "login"],
  [/^\/requests\/([A-Za-z0-9_-]{1,64})$/, "request"],
  [/^\/history$/, "history"],
  [/^\/agents$/, "agents"],
  [/^\/people$/, "people"],
  [/^\/servers$/, "servers"],
  [/^\/policies$/, "policies"],
];

const NOTICES_MS = 30_000;

function pageFor(path) {
  for (const [pattern, name] of PAGES) {
    const found = pattern.exec(path);
    if (found) return { name, argument: found[1] ?? null };
  }
  return { name: "missing", argument: null };
}

async function start() {
  const main = document.getElementById("main");
  const { name, argument } = pageFor(window.location.pathname);
  startClock();
  const { page } = await import(`./pages/${name}.js`);
  if (name === "login") return page(main);
  const me = await meOrReason(main);
  if (!me) return undefined;
  drawShell(me, name);
  startKeys();
  goKeys(me);
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
      for (const listener of listeners) listener(ids);
    },
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
  const go = (path) => () => window.location.assign(path);
  bind("g p", "Go to the inbox", go("/"));
  bind("g h", "Go to the history", go("/history"));
  if (me.features?.agents) bind("g a", "Go to the agents", go("/agents"));
  if (me.features?.servers) bind("g s", "Go to the servers", go("/servers"));
  if (me.features?.policies) bind("g r", "Go to the policies", go("/policies"));
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
