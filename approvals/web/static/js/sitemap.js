/**
 * The pages: the one place that knows them. Another page is one row here, `pages/NAME.js`, and its path in
 * `approvals/web/routes.py`.
 *
 * A row with a `word` stands in the navigation, with its picture. `rank` says for how long as the screen gets narrower:
 * 1 always, 2 from a tablet on, 3 on a wide screen; where it does not it stands under "More". `feature` is the member of
 * `/me`'s features without which it is not offered. `key` follows `g`.
 */
const PAGES = [
  { name: "inbox", path: "/", word: "Inbox", picture: "inbox", rank: 1, key: "p", to: "the inbox" },
  { name: "history", path: "/history", word: "History", picture: "history", rank: 1, key: "h", to: "the history" },
  { name: "agents", path: "/agents", word: "Agents", picture: "agent", rank: 1, key: "a", to: "the agents", feature: "agents" },
  { name: "servers", path: "/servers", word: "Servers", picture: "server", rank: 1, key: "s", to: "the servers", feature: "servers" },
  { name: "policies", path: "/policies", word: "Policies", picture: "policy", rank: 2, key: "r", to: "the policies", feature: "policies" },
  { name: "people", path: "/people", word: "People", picture: "people", rank: 2, key: "o", to: "the people", feature: "people" },
  { name: "stops", path: "/stops", word: "Stops", picture: "stop", rank: 3, key: "t", to: "the stops" },
  { name: "grants", path: "/grants", word: "Grants", picture: "trust", rank: 3, key: "g", to: "the grants" },
  { name: "insights", path: "/insights", word: "Insights", picture: "insights", rank: 3, key: "i", to: "the numbers" },
  { name: "request", path: /^\/requests\/([A-Za-z0-9_-]{1,64})$/ },
  { name: "login", path: "/login" },
];

/** The page of a path: its name, and what the path says beyond it. */
export function pageAt(path) {
  for (const { name, path: known } of PAGES) {
    const found = known instanceof RegExp ? known.exec(path) : known === path ? [path] : null;
    if (found) return { name, argument: found[1] ?? null };
  }
  return { name: "missing", argument: null };
}

/** What stands in the navigation of this person, in order. */
export const offered = (me) => PAGES.filter(({ word, feature }) => word && (!feature || me.features?.[feature]));
