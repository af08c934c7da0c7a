/**
 * The live feed. Server-sent events are read with fetch, not EventSource, so that heartbeats (comments) count as
 * signs of life and the Last-Event-ID is ours. An event names ids, the page refetches: a lost event costs a refresh,
 * never a wrong button. After 20 s of silence the page says so and polls every 5 s until the stream is back.
 */
import { signIn } from "./api.js";
import { learnClock } from "./time.js";

const SILENCE_MS = 20_000;
const POLL_MS = 5_000;
const RETRY_MS = [500, 1000, 2000, 5000];
const HIDDEN_MS = 30_000;

/**
 * Start the feed. `changed(ids)` gets a Set, or null for "anything may have changed"; `stopsChanged()` that a freeze or
 * break-glass did; `state(stopped, since)` tells of silence.
 */
export function startLive({ changed, stopsChanged, state }) {
  const feed = {
    last: "",
    heard: Date.now(),
    stopped: false,
    failures: 0,
    abort: null,
    polled: 0,
    hiddenAt: 0,
    parked: false,
    open: false,
  };
  const heard = () => {
    feed.heard = Date.now();
    feed.failures = 0;
    if (!feed.stopped) return;
    feed.stopped = false;
    state(false, null);
  };
  const opened = () => {
    heard();
    if (!feed.open) state(false, null);
    feed.open = true;
    changed(null);
  };
  window.setInterval(() => watch(feed, { changed, state }), 1000);
  document.addEventListener("visibilitychange", () => seen(feed, changed));
  window.addEventListener("online", () => feed.abort?.abort());
  listen(feed, { changed, stopsChanged, heard, opened });
}

function watch(feed, { changed, state }) {
  const time = Date.now();
  if (document.hidden && !feed.parked && feed.hiddenAt && time - feed.hiddenAt > HIDDEN_MS) {
    feed.parked = true;
    feed.abort?.abort();
  }
  if (!feed.parked && !feed.stopped && time - feed.heard > SILENCE_MS) {
    feed.stopped = true;
    state(true, new Date(feed.heard).toISOString());
    feed.abort?.abort();
  }
  const every = feed.parked ? 30_000 : POLL_MS;
  if ((feed.stopped || feed.parked) && time - feed.polled >= every) {
    feed.polled = time;
    changed(null);
  }
}

function seen(feed, changed) {
  feed.hiddenAt = document.hidden ? Date.now() : 0;
  if (document.hidden || !feed.parked) return;
  feed.parked = false;
  feed.heard = Date.now();
  changed(null);
}

const pause = (ms) => new Promise((resolve) => window.setTimeout(resolve, ms));

/**
 * A hidden page parks its stream: browsers allow six connections to one place, and forgotten tabs would take them all.
 * An open stream says nothing of what happened between the loading of the page and its opening: look at everything.
 */
async function listen(feed, hooks) {
  for (;;) {
    while (feed.parked) await pause(500);
    feed.abort = new AbortController();
    try {
      await stream(feed, hooks);
    } catch {
      /* refused, broken off or aborted: the loop below tries again, the watch above tells the person */
    }
    await pause(RETRY_MS[Math.min(feed.failures, RETRY_MS.length - 1)]);
    feed.failures += 1;
  }
}

async function stream(feed, { changed, stopsChanged, heard, opened }) {
  const headers = { Accept: "text/event-stream" };
  if (feed.last) headers["Last-Event-ID"] = feed.last;
  const answer = await fetch("/api/v1/events", {
    headers,
    cache: "no-store",
    credentials: "same-origin",
    signal: feed.abort.signal,
  });
  if (answer.status === 401) signIn();
  if (!answer.ok || !answer.body) throw new Error(`events answered ${answer.status}`);
  opened();
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    heard();
    buffer = (buffer + value).replaceAll("\r\n", "\n");
    const blocks = buffer.split("\n\n");
    buffer = blocks.pop();
    const ids = new Set();
    for (const block of blocks) take(block, feed, ids);
    if (ids.delete("stops")) stopsChanged();
    if (ids.has("*")) changed(null);
    else if (ids.size) changed(ids);
  }
}

function take(block, feed, ids) {
  let data = "";
  for (const line of block.split("\n")) {
    if (line.startsWith("id:")) feed.last = line.slice(3).trim();
    else if (line.startsWith("data:")) data += line.slice(5).trim();
  }
  if (!data) return;
  try {
    const event = JSON.parse(data);
    if (event.kind === "request") ids.add(event.id ?? "*");
    else if (event.kind === "stops") ids.add("stops");
    else if (event.kind === "heartbeat") learnClock(event.server_time);
    else ids.add("*");
  } catch {
    ids.add("*");
  }
}
