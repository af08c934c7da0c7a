/** What the pages of policies say: states, verdicts, hashes. */
import { h } from "../dom.js";

/** How a policy stands, in words. */
export const STATES = {
  enforced: "Enforced",
  differs: "Not what is on disk",
  unsaved: "Nothing saved yet",
  none: "No policy",
};

/** What a call would get. */
export const VERDICTS = {
  allow: ["yes", "Allowed"],
  deny: ["no", "Denied"],
  rate_limited: ["clock", "Over a limit"],
  require_approval: ["people", "Held for a person"],
};

/** The beginning of a hash, all of it on hover. */
export function hash(value) {
  if (!value) return h("span", { class: "muted", text: "cannot be read" });
  return h("span", { class: "mono", title: value, text: value.slice(0, 12) });
}

/** A count with its word. */
export const counted = (number, word) => `${number.toLocaleString()} ${word}${number === 1 ? "" : "s"}`;

/** How many tests of a policy there are: one that does not pass keeps it from being one. */
export const testsPass = (number) => (number === 1 ? "its test passes" : `its ${number.toLocaleString()} tests pass`);

/** The address of a server's policy in the API. */
export const api = (server, rest = "") => `/api/v1/policies/${encodeURIComponent(server)}${rest}`;
