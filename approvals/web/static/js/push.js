/**
 * Notifications in this browser: switched on and off here, shown by the service worker (sw.js). A browser that is
 * notified belongs to one person; who else signs in with it must say so themselves.
 */
import { get, post, Problem, remove } from "./api.js";
import { announce, h, show } from "./dom.js";
import { preference, prefer } from "./prefs.js";

const PATH = "/api/v1/me/push";
const WORKER = "/sw.js";
const MINE = "push";

/** The control for whoever decides; null where notifications are not configured. */
export function pushControl(me) {
  if (!me.features?.push || !(me.person.roles ?? []).includes("reviewer")) return null;
  const place = h("div", { class: "own-push" });
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const draw = async () => show(place, h("p", {}, ...(await said(me, act))), problem);
  const act = async (run, after) => {
    problem.hidden = true;
    try {
      await run(me);
      announce(after);
    } catch (error) {
      problem.textContent = why(error);
      problem.hidden = false;
    }
    await draw();
  };
  draw();
  return place;
}

/** A browser changes its address now and then: tell the new one. */
export async function renewPush(me) {
  if (!me.features?.push || hindrance()) return;
  const [person, endpoint] = mine();
  if (person !== me.person.id) return;
  const subscription = await current().catch(() => null);
  if (subscription && subscription.endpoint !== endpoint) await save(me, subscription).catch(() => null);
}

async function said(me, act) {
  const hinders = hindrance();
  if (hinders) return [hinders];
  const subscription = await current().catch(() => null);
  const on = subscription && mine()[0] === me.person.id;
  const words = on ? "Stop notifying this browser" : "Notify this browser";
  const click = () => (on ? act(switchOff, "Off.") : act(switchOn, "On."));
  return [
    on ? "This browser is notified when a call waits for you: of its risk, never of what is in it. " : "This browser is not notified. ",
    h("button", { class: "button", type: "button", text: words, on: { click } }),
  ];
}

/** Why notifications cannot be had here, or "". */
function hindrance() {
  if (!window.isSecureContext) return "This browser can be notified only over HTTPS, or on localhost.";
  if (!("serviceWorker" in navigator && "PushManager" in window && "Notification" in window)) {
    return "This browser cannot be notified. On an iPhone or iPad, add Placet to the home screen and open it there.";
  }
  if (Notification.permission === "denied") {
    return "This browser was told to show no notifications from here. What it allows this site can be changed beside its address bar.";
  }
  return "";
}

async function switchOn(me) {
  if ((await Notification.requestPermission()) !== "granted") throw new Problem(0, "refused", "The browser did not allow it.");
  const { key } = await get(PATH);
  await navigator.serviceWorker.register(trusted(WORKER), { scope: "/" });
  const { pushManager } = await navigator.serviceWorker.ready;
  // One that was made for another key takes nothing from us.
  await (await pushManager.getSubscription())?.unsubscribe();
  await save(me, await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key }));
}

async function switchOff(me) {
  const subscription = await current();
  if (!subscription) return;
  const { id } = await save(me, subscription);
  await remove(`${PATH}/${id}`);
  await subscription.unsubscribe();
  prefer(MINE, "");
}

async function save(me, subscription) {
  const { endpoint, keys } = subscription.toJSON();
  const kept = await post(PATH, { endpoint, keys });
  prefer(MINE, `${me.person.id} ${endpoint}`);
  return kept;
}

const mine = () => (preference(MINE) ?? "").split(" ");

async function current() {
  const registration = await navigator.serviceWorker.getRegistration("/");
  return (await registration?.pushManager.getSubscription()) ?? null;
}

const why = (error) => (error instanceof Problem ? error.message : `The browser says: ${error.message}`);

/** The page's policy takes no address of a script that is just text. */
function trusted(address) {
  if (!window.trustedTypes) return address;
  return window.trustedTypes.createPolicy("placet-worker", { createScriptURL: (text) => (text === WORKER ? text : "") }).createScriptURL(address);
}
