/**
 * What keeps a waiting call from being approved: a freeze, or a pause of its agent. A freeze is known here as soon as the
 * feed tells of it, before the request has been read again; so the newer word of the two counts.
 */
import { h } from "../dom.js";
import { freezeOf } from "../stops/state.js";
import { whatText, who } from "../stops/words.js";
import { exact, now } from "../time.js";
import { bdi } from "../visible.js";

/** The stop that holds a request, or null. */
export function stopOf(request) {
  if (request.state !== "pending") return null;
  return freezeOf(request) ?? (request.stopped && !isOver(request.stopped) ? request.stopped : null);
}

const isOver = (stop) => stop.until !== null && Date.parse(stop.until) <= now();
const isPause = (stop) => stop.kind === "pause";

/** Why approving is closed, as plain text; "" while it is not. */
export function whyStopped(request) {
  const stop = stopOf(request);
  if (!stop) return "";
  if (isPause(stop)) return `Agent ${request.agent} is paused. Until somebody resumes it you can deny this, not approve it.`;
  return `${subject(stop, request)} is frozen until ${exact(stop.until)}. Until then you can deny this, not approve it.`;
}

/** The banner of a request that is stopped, or null. */
export function stoppedView(request) {
  const stop = stopOf(request);
  if (!stop) return null;
  const words = isPause(stop)
    ? ["Agent ", bdi(request.agent, "mono"), ` has been paused since ${exact(stop.at)}: approving is not possible until somebody resumes it.`]
    : [
        `${subject(stop, request)} has been frozen since ${exact(stop.at)} by `,
        who(stop.by, stop.name),
        ": “",
        bdi(stop.reason),
        `”. Approving is not possible until that ends, ${exact(stop.until)} at the latest.`,
      ];
  return h("p", { class: "problem stopped", role: "status" }, words, " You can deny it.");
}

/** What is frozen: from the feed with its parts, from the request as a scope. */
function subject(stop, request) {
  const [kind] = stop.scope.split(":");
  return whatText({ agent: kind === "agent" ? request.agent : null, server: kind === "server" ? request.server : null });
}
