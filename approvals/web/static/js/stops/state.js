/**
 * What is stopped now: the freezes, and where break-glass is open or asked for. Read when a page starts, whenever the
 * feed says that one changed, and again when one is over by its own time.
 */
import { Problem, get, post } from "../api.js";
import { announce } from "../dom.js";
import { now } from "../time.js";
import { whatText } from "./words.js";

const LONGEST_WAIT_MS = 60_000;

const state = { freezes: [], recent: [], openings: [], past: [], mode: "never", known: false };
const listeners = new Set();
let timer = 0;

/** Call `listener(state)` now, if anything is known, and at each change, until what this returns is called. */
export function watchStops(listener) {
  listeners.add(listener);
  if (state.known) listener(state);
  return () => listeners.delete(listener);
}

/** Ask the server. What cannot be read stays as it was: a lost answer ends no freeze. */
export async function lookAtStops() {
  try {
    const [freezes, glass] = await Promise.all([get("/api/v1/freeze"), get("/api/v1/break-glass")]);
    learn({ freezes: freezes.freezes, recent: freezes.recent, openings: glass.openings, past: glass.recent, mode: glass.mode });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
  }
}

/** Freeze, or end a freeze. */
export async function postFreeze(body) {
  const answer = await post("/api/v1/freeze", body);
  learn({ freezes: answer.freezes, recent: answer.recent });
  return answer;
}

/** Open, confirm or close break-glass. */
export async function postGlass(verb, body) {
  const answer = await post(`/api/v1/break-glass/${verb}`, body);
  learn({ openings: answer.openings, past: answer.recent, mode: answer.mode });
  return answer;
}

/** The freeze that keeps a request from running, or null. */
export function freezeOf({ agent, server }) {
  const met = state.freezes.filter(
    (one) => Date.parse(one.until) > now() && (one.scope === "all" || one.agent === agent || one.server === server),
  );
  return met.sort((one, other) => Date.parse(other.until) - Date.parse(one.until))[0] ?? null;
}

/** The freeze that a new one of the same scope would take the place of, or null. */
export function freezeOn(scope) {
  return state.freezes.find((one) => one.scope === scope && Date.parse(one.until) > now()) ?? null;
}

function learn(changes) {
  const before = new Set(state.freezes.map((one) => one.scope));
  Object.assign(state, changes);
  if (state.known) {
    for (const one of state.freezes) if (!before.has(one.scope)) announce(`${whatText(one)} is frozen.`);
  }
  state.known = true;
  waitForTheEnd();
  for (const listener of listeners) listener(state);
}

function waitForTheEnd() {
  window.clearTimeout(timer);
  const ends = [...state.freezes, ...state.openings]
    .map((one) => Date.parse(one.until ?? one.confirm_until) - now())
    .filter((ms) => Number.isFinite(ms));
  if (ends.length) timer = window.setTimeout(lookAtStops, Math.max(1000, Math.min(LONGEST_WAIT_MS, Math.min(...ends) + 500)));
}
