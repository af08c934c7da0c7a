/**
 * Sign-in: with the identity provider, where there is one, or by a one-time link. A link's secret is in the fragment,
 * which never reaches a server by GET; only the button spends it. Why a sign-in did not end well comes from the server,
 * for this browser alone, and never out of the address.
 */
import { get, post, whoAmI } from "../api.js";
import { h, show } from "../dom.js";
import { mark } from "../icons.js";
import { visible } from "../visible.js";

const STALE =
  "That sign-in was used, has run out after 10 minutes, or was begun in another browser. Begin again; nothing else is wrong.";

function ours(next) {
  return /^\/(?![/\\])/.test(next) && !next.startsWith("/login") ? next : "/";
}

/** Draw the page. */
export async function page(main) {
  document.title = "Sign in · Placet";
  const token = decodeURIComponent(window.location.hash.slice(1));
  const asked = new URLSearchParams(window.location.search);
  window.history.replaceState(null, "", window.location.pathname + window.location.search);
  window.addEventListener("hashchange", () => window.location.hash.length > 1 && page(main), { once: true });
  if (token) return door(main, confirm(token, ours(asked.get("next") ?? "/")));
  const offer = await get("/api/v1/sign-in").catch((error) => ({ links: true, provider: null, trouble: error.message }));
  if (offer.person && !asked.has("again")) return door(main, signedIn(offer.person, ours(asked.get("next") ?? "/")));
  return door(main, offer.provider ? withProvider(offer, asked) : byLink(offer));
}

function door(main, content) {
  const brand = h("p", { class: "brand" }, mark(false), h("span", { text: "Placet" }));
  show(main, h("div", { class: "door" }, brand, content));
}

/** A button that does something which may fail, and the place where it says so. */
function acting(label, busy, act, kind = "primary") {
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const button = h("button", { class: `button ${kind}`, type: "button", text: label });
  button.addEventListener("click", async () => {
    button.disabled = true;
    button.textContent = busy;
    try {
      await act();
    } catch (error) {
      problem.textContent = error.message;
      problem.hidden = false;
      button.textContent = label;
      button.disabled = error.status >= 400 && error.status < 429;
    }
  });
  return [problem, button];
}

function confirm(token, next) {
  const enter = async () => {
    await post("/api/v1/login", { token });
    window.location.replace(next);
  };
  return [
    h("h1", { text: "Sign in" }),
    h("p", { text: "Your link is here. It works once; it is used when you press the button, not before." }),
    acting("Sign in", "Signing in…", enter),
  ];
}

function signedIn(person, next) {
  const leave = async () => {
    await whoAmI();
    await post("/api/v1/logout");
    window.location.assign("/login?signed-out");
  };
  return [
    h("h1", { text: "You are signed in" }),
    h("p", {}, "As ", h("strong", {}, visible(person)), "."),
    h("a", { class: "button primary", href: next, text: "Go on" }),
    acting("Sign out", "Signing out…", leave, ""),
  ];
}

function withProvider(offer, asked) {
  const { provider } = offer;
  const next = ours(asked.get("next") ?? offer.next ?? "/");
  const refused = asked.has("again") ? (offer.refused ?? STALE) : null;
  const leave = asked.has("signed-out");
  const enter = async () => window.location.assign((await post("/api/v1/login/oidc", { next })).url);
  return [
    h("h1", { text: refused ? "You are not signed in" : leave ? "You are signed out" : "Sign in" }),
    refused && h("p", { class: "problem", role: "alert", text: refused }),
    leave && h("p", { text: `You are signed out of Placet. ${provider} may still know you in this browser.` }),
    !refused && !leave && h("p", { text: `You decide here as the person that ${provider} says you are.` }),
    acting(`Continue with ${provider}`, `Going to ${provider}…`, enter),
    leave && offer.end_session && signOutThere(offer),
    offer.links && h("details", { class: "other-way" }, h("summary", { text: "With a one-time link" }), linkWords()),
  ];
}

function signOutThere({ provider, end_session: url }) {
  const out = h("button", { class: "button", type: "button", text: `Sign out of ${provider}, too` });
  out.addEventListener("click", () => window.location.assign(url));
  return out;
}

function byLink(offer) {
  return [
    h("h1", { text: "Sign in with your link" }),
    offer.trouble && h("p", { class: "problem", role: "alert", text: offer.trouble }),
    linkWords(),
  ];
}

function linkWords() {
  return [
    h("p", {
      text: "Open the sign-in link you were given. If you have none, or it is used up, an admin makes a new one on the machine Placet runs on:",
    }),
    h("code", { text: "placet people login-link you@example.com" }),
    h("p", { class: "muted", text: "A link works once and for 15 minutes." }),
  ];
}
