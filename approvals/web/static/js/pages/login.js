/** Sign-in. The one-time secret is in the fragment, which never reaches a server by GET; only the button spends it. */
import { post } from "../api.js";
import { h, show } from "../dom.js";
import { mark } from "../icons.js";

function nextPath() {
  const next = new URLSearchParams(window.location.search).get("next") ?? "/";
  return /^\/(?![/\\])/.test(next) && !next.startsWith("/login") ? next : "/";
}

/** Draw the page. */
export function page(main) {
  document.title = "Sign in · Placet";
  const token = decodeURIComponent(window.location.hash.slice(1));
  window.history.replaceState(null, "", window.location.pathname + window.location.search);
  show(
    main,
    h(
      "div",
      { class: "door" },
      h("p", { class: "brand" }, mark(false), h("span", { text: "Placet" })),
      token ? confirm(token) : explain(),
    ),
  );
  window.addEventListener("hashchange", () => window.location.hash.length > 1 && page(main), { once: true });
}

function confirm(token) {
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const button = h("button", { class: "button primary", type: "button", text: "Sign in" });
  button.addEventListener("click", async () => {
    button.disabled = true;
    button.textContent = "Signing in…";
    try {
      await post("/api/v1/login", { token });
      window.location.replace(nextPath());
    } catch (error) {
      problem.textContent = error.message;
      problem.hidden = false;
      button.textContent = "Sign in";
      button.disabled = error.code !== "offline";
    }
  });
  return [
    h("h1", { text: "Sign in" }),
    h("p", { text: "Your link is here. It works once; it is used when you press the button, not before." }),
    problem,
    button,
  ];
}

function explain() {
  return [
    h("h1", { text: "Sign in with your link" }),
    h("p", {
      text: "Open the sign-in link you were given. If you have none, or it is used up, an admin makes a new one on the machine Placet runs on:",
    }),
    h("code", { text: "placet people login-link you@example.com" }),
    h("p", { class: "muted", text: "A link works once and for 15 minutes." }),
  ];
}
