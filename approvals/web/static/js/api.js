/**
 * The one client of the JSON API. GET reads, POST and PUT change. A refusal is a Problem with the server's own
 * sentence and code; no answer at all is a Problem with code `offline`. Nothing here retries a change.
 */
import { learnClock } from "./time.js";

const TIMEOUT_MS = 20_000;
let csrf = "";
const known = new Map();

/** Why the server did not do what was asked. */
export class Problem extends Error {
  constructor(status, code, text, body = {}) {
    super(text);
    this.status = status;
    this.code = code;
    this.body = body;
  }
}

/** Read JSON. With `fresh: false` an unchanged answer (ETag) gives back the very same object. */
export async function get(path) {
  const seen = known.get(path);
  const answer = await ask(path, { headers: seen ? { "If-None-Match": seen.etag } : {} });
  if (answer.status === 304 && seen) return seen.value;
  const value = await read(answer);
  const etag = answer.headers.get("ETag");
  if (etag) remember(path, { etag, value });
  return value;
}

function remember(path, entry) {
  if (known.size > 50) known.delete(known.keys().next().value);
  known.set(path, entry);
}

/** Change something. */
export const post = (path, body = {}) => send("POST", path, body);

/** Put something in the place of what is there. */
export const put = (path, body) => send("PUT", path, body);

/** Take something away. */
export const remove = (path, body = {}) => send("DELETE", path, body);

async function send(method, path, body) {
  const headers = { "Content-Type": "application/json" };
  if (csrf) headers["X-CSRF-Token"] = csrf;
  return read(await ask(path, { method, headers, body: JSON.stringify(body) }));
}

/** Who is signed in; also learns the CSRF token and the server's clock. */
export async function whoAmI() {
  const started = performance.now();
  const me = await read(await ask("/api/v1/me", {}));
  learnClock(me.server_time, performance.now() - started);
  csrf = me.csrf ?? "";
  return me;
}

async function ask(path, options) {
  try {
    return await fetch(path, {
      ...options,
      headers: { Accept: "application/json", ...options.headers },
      credentials: "same-origin",
      redirect: "error",
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    const text =
      error.name === "TimeoutError"
        ? "Placet did not answer within 20 seconds."
        : "Placet cannot be reached from here. Check your connection; nothing was changed by this page.";
    throw new Problem(0, "offline", text);
  }
}

async function read(answer) {
  const body = await answer.json().catch(() => null);
  if (answer.ok && body !== null) return body;
  if (answer.ok && answer.status === 204) return {};
  if (answer.status === 401 && window.location.pathname !== "/login") signIn();
  const text = body?.detail || body?.title || `The server answered ${answer.status} without saying why.`;
  throw new Problem(answer.status, body?.code ?? "error", forPeople(text, body?.field), body ?? {});
}

/** The same sentence with the place that is wrong as people call it: "/to/0: …" is "to, no. 1: …". */
function forPeople(text, field) {
  if (!field?.includes("/") || !text.startsWith(`${field}: `)) return text;
  const parts = field.split("/").filter(Boolean).map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  while (parts.length > 1 && ["grant", "arguments"].includes(parts[0])) parts.shift();
  const place = parts.map((part, at) => (at && /^\d+$/.test(part) ? `no. ${Number(part) + 1}` : part)).join(", ");
  return `${place}${text.slice(field.length)}`;
}

/** Go to the sign-in page and come back here afterwards. */
export function signIn() {
  const here = window.location.pathname + window.location.search;
  window.location.replace(here === "/" ? "/login" : `/login?next=${encodeURIComponent(here)}`);
}

/** An address with only those parameters that say something. */
export function address(path, parameters) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== "" && value !== null && value !== undefined) query.set(name, value);
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}
