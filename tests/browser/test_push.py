"""Notifications in a browser: the control, and the service worker that shows them and leads to the page."""

from __future__ import annotations

import json
from collections.abc import Callable

from playwright.sync_api import CDPSession, Page, expect

from tests.browser.chromium import RunningConsole
from tests.browser.conftest import Screen, request_id, settled

PUSH_MANAGER = """
const made = {
  endpoint: "https://push.example.com/one",
  toJSON: () => ({ endpoint: "https://push.example.com/one", keys: { p256dh: "p", auth: "a" }, expirationTime: null }),
  unsubscribe: async () => (delete PushManager.made, true),
};
PushManager.prototype.getSubscription = async () => PushManager.made ?? null;
PushManager.prototype.subscribe = async ({ userVisibleOnly, applicationServerKey }) => {
  if (!userVisibleOnly || applicationServerKey.length !== 87) throw new Error("not as a browser wants it");
  return (PushManager.made = made);
};
"""


SHOWN = """() => navigator.serviceWorker.ready
  .then((registration) => registration.getNotifications())
  .then((shown) => shown.map((one) => [one.title, one.tag, one.data.path].join("|")).join())"""


def _registered(page: Page) -> tuple[CDPSession, str]:
    """The browser's own door to service workers, and what it calls ours."""
    cdp, found = page.context.new_cdp_session(page), list[str]()
    cdp.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda said: found.extend(one["registrationId"] for one in said["registrations"]),
    )
    cdp.send("ServiceWorker.enable")
    page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
    return cdp, found[0]


def test_a_reviewer_has_this_browser_notified(screens: Callable[..., Screen], console: RunningConsole) -> None:
    console.fake.features["push"] = True
    screen = screens(permissions=["notifications"])
    screen.page.add_init_script(PUSH_MANAGER)
    page = settled(screen, "/")
    page.get_by_role("button", name="Yuki Moreau").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Notify this browser").click()
    expect(dialog.get_by_text("This browser is notified")).to_be_visible()
    assert [one["endpoint"] for one in console.fake.browsers.values()] == ["https://push.example.com/one"]

    cdp, registration = _registered(page)
    request = request_id(1)
    for waits, title in ((True, "A call waits for you"), (False, "No longer waits for you")):
        message = json.dumps({"request": request, "risk": "financial", "waits": waits})
        said = {"origin": console.url, "registrationId": registration, "data": message}
        cdp.send("ServiceWorker.deliverPushMessage", said)
        shown = f"{title}|{request}|/requests/{request}"
        page.wait_for_function(f"async (shown) => (await ({SHOWN})()) === shown", arg=shown)

    dialog.get_by_role("button", name="Stop notifying this browser").click()
    expect(dialog.get_by_text("This browser is not notified")).to_be_visible()
    assert console.fake.browsers == {}


def test_where_it_is_not_configured_nothing_is_said_of_it(screen: Screen) -> None:
    page = settled(screen, "/")
    page.get_by_role("button", name="Yuki Moreau").click()
    expect(page.get_by_role("dialog").get_by_text("Theme")).to_be_visible()
    expect(page.get_by_text("notified")).to_have_count(0)
