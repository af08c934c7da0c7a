/**
 * The service worker: shows what web push brings, and opens the page of it. It caches nothing and answers no request.
 * What arrives has an id, a risk and whether it still waits; what is told of one request replaces what was told before.
 */
const REQUEST = /^req_[0-9A-Za-z]{1,60}$/;
const SHOWN_MOST = 600;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => event.waitUntil(tell(read(event.data))));

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data?.path ?? "/"));
});

function read(data) {
  try {
    return data.json() ?? {};
  } catch {
    return {};
  }
}

/** Every message is shown: browsers take a site's permission away that is told things and shows nothing. */
function tell({ request, risk, waits, alert, text }) {
  if (REQUEST.test(request)) {
    const about = { tag: request, data: { path: `/requests/${request}` } };
    return waits
      ? show("A call waits for you", { ...about, body: `Risk: ${line(risk)}. Open it to read and decide.`, requireInteraction: true })
      : show("No longer waits for you", { ...about, body: "Decided, expired or taken back. Open it to see.", silent: true });
  }
  return show(line(text || "Something happened in Placet"), { tag: line(alert || "placet"), data: { path: "/" } });
}

const line = (value) => String(value ?? "").slice(0, SHOWN_MOST);

const show = (title, options) => self.registration.showNotification(title, options);

async function open(path) {
  const here = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const there = here.find((client) => new URL(client.url).pathname === path);
  return there ? there.focus() : self.clients.openWindow(path);
}
