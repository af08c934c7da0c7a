"""Stops on the pages: loud on each, one press away for those who may, never by a press alone where they are large."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.chromium import RunningConsole
from tests.browser.conftest import Screen, request_id, settled
from tests.fakes.console_samples import BEN
from tests.fakes.console_stops import frozen, opening

Screens = Callable[..., Screen]
STOPPED = pytest.mark.parametrize("scenario", ["stopped"])
HOUR = timedelta(hours=1)


@pytest.fixture
def operator(console: RunningConsole) -> RunningConsole:
    console.fake.me = {**console.fake.me, "roles": ["reviewer", "operator"]}
    return console


@pytest.fixture
def admin(console: RunningConsole) -> RunningConsole:
    console.fake.me = {**console.fake.me, "roles": ["admin"]}
    return console


def banners(page: Page) -> Locator:
    return page.locator("#stops .stop")


def tell(console: RunningConsole, change: Callable[[], object]) -> None:
    """Something is changed elsewhere, and open pages hear of it."""

    def both() -> None:
        change()
        console.fake.send({"kind": "stops"})

    console.call(both)


def press(page: Page, name: str | re.Pattern[str]) -> None:
    page.get_by_role("button", name=name, exact=isinstance(name, str)).click()


def in_dialog(page: Page, name: str) -> None:
    """Press the button of the dialog, and wait until that is gone."""
    page.get_by_role("dialog").get_by_role("button", name=name).click()
    expect(page.get_by_role("dialog")).to_have_count(0)


PATHS = ["/", "/history", "/agents", "/people", "/servers", "/policies", f"/requests/{request_id(1)}", "/nowhere"]


@STOPPED
@pytest.mark.parametrize("path", PATHS)
def test_every_page_says_what_is_stopped_why_and_until_when(screen: Screen, path: str) -> None:
    screen.expected = ("status of 404",) if path == "/nowhere" else ()
    page = settled(screen, path)
    expect(banners(page)).to_have_count(3)
    first = banners(page).first
    expect(first).to_contain_text("Every agent is frozen")
    expect(first).to_contain_text("Payments to an unknown account since noon")
    expect(first).to_contain_text(re.compile(r"3 h 4\d min left"))
    expect(first).to_contain_text("Frozen by Ben (ben@example.com)")
    expect(banners(page).nth(1)).to_contain_text("Break-glass is open for server payments: calls run without approval")
    expect(banners(page).nth(1)).to_contain_text("Opened by Ben (ben@example.com), confirmed by ada@example.com")


@STOPPED
def test_who_may_not_stop_sees_the_same_and_ends_nothing(screen: Screen) -> None:
    page = settled(screen, "/history")
    expect(banners(page)).to_have_count(3)
    expect(page.get_by_role("button", name="End the freeze…")).to_have_count(0)
    expect(page.get_by_role("button", name="Close it…")).to_have_count(0)
    page.keyboard.press(".")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("link", name="Stops", exact=True).click()
    expect(page.get_by_role("heading", name="Stops")).to_be_visible()
    expect(page.get_by_role("button", name="Freeze…")).to_have_count(0)
    expect(banners(page)).to_have_count(0)
    expect(page.get_by_role("region", name="Frozen now")).to_contain_text("Every agent is frozen")


def test_freezing_everything_takes_a_reason_and_a_typed_word_and_shows_on_every_open_page(
    operator: RunningConsole, screens: Screens
) -> None:
    page, other = settled(screens(), "/"), settled(screens(), "/history")
    expect(other.locator("#live")).to_have_attribute("data-state", "live")
    press(page, "Stop")
    yes = page.get_by_role("button", name="Freeze now")
    expect(yes).to_be_disabled()
    page.get_by_label("Why").fill("Odd payments")
    expect(yes).to_be_disabled()
    page.get_by_label("Type freeze to do it").fill("frieze")
    expect(yes).to_be_disabled()
    page.get_by_label("Type freeze to do it").fill("freeze")
    page.get_by_label("For how long").select_option("1 hour")
    in_dialog(page, "Freeze now")
    for one in (page, other):
        expect(banners(one)).to_contain_text(["Every agent is frozen"])
        expect(banners(one)).to_contain_text(["Odd payments"])
    (made,) = operator.fake.stops.freezes
    assert (made["scope"], made["reason"], made["by"]) == ("all", "Odd payments", "you@example.com")
    assert datetime.fromisoformat(made["until"]) - datetime.fromisoformat(made["at"]) == HOUR


def test_one_agent_is_frozen_by_key_and_a_name_that_is_none_is_told_in_place(
    operator: RunningConsole, screen: Screen
) -> None:
    screen.expected = ("status of 422",)
    page = settled(screen, "/history")
    page.keyboard.press(".")
    page.get_by_label("One agent").check()
    expect(page.get_by_label("Type freeze to do it")).to_be_hidden()
    page.get_by_label("Which agent").fill("cluade-ada")
    page.get_by_label("Why").fill("Looks for keys")
    press(page, "Freeze now")
    expect(page.get_by_role("alert")).to_have_text("agent: there is no agent cluade-ada")
    page.get_by_label("Which agent").fill("claude-ada")
    in_dialog(page, "Freeze now")
    expect(banners(page)).to_contain_text(["Agent claude-ada is frozen"])
    assert operator.fake.stops.freezes[0]["scope"] == "agent:claude-ada"


def test_a_freeze_in_place_of_another_says_so(operator: RunningConsole, screen: Screen) -> None:
    now = datetime.now(UTC)
    operator.fake.stops.freezes = [frozen("server:payments", "Upgrade", BEN, now, HOUR)]
    page = settled(screen, "/")
    expect(banners(page)).to_have_count(1)
    press(page, "Stop")
    expect(page.get_by_text("this takes the place of that freeze")).to_be_hidden()
    page.get_by_label("One server").check()
    page.get_by_label("Which server").fill("payments")
    expect(page.get_by_text("this takes the place of that freeze")).to_be_visible()


@STOPPED
def test_a_banner_ends_the_freeze_after_one_question(operator: RunningConsole, screen: Screen) -> None:
    page = settled(screen, "/servers")
    press(page, "End the freeze…")
    expect(page.get_by_role("dialog")).to_contain_text("was frozen by Ben (ben@example.com)")
    in_dialog(page, "End it: take calls again")
    expect(banners(page)).to_have_count(2)
    assert operator.fake.stops.freezes == []
    page.goto(screen.url + "/stops")
    expect(page.get_by_role("region", name="Frozen now")).to_contain_text("Nothing is frozen")
    expect(page.get_by_role("table", name="Ran by break-glass").get_by_role("row")).to_have_count(2)
    before = page.get_by_role("table", name="Stops before").get_by_role("row")
    expect(before.nth(1)).to_contain_text("Payments to an unknown account since noon")
    expect(before.filter(has_text="Fire alarm")).to_contain_text("not opened")
    expect(before.filter(has_text="Upgrade of the bank")).to_contain_text("root on the command line")
    expect(before.filter(has_text="Upgrade of the bank")).to_contain_text("its time")


def test_a_freeze_whose_time_is_over_leaves_the_page_by_itself(console: RunningConsole, screen: Screen) -> None:
    now = datetime.now(UTC)
    console.fake.stops.freezes = [frozen("all", "Upgrade", BEN, now, timedelta(seconds=6))]
    page = settled(screen, "/history")
    expect(banners(page)).to_have_count(1)
    console.call(lambda: console.fake.stops.freezes.clear())
    expect(banners(page)).to_have_count(0)


def test_what_cannot_be_read_ends_no_freeze_on_the_page(console: RunningConsole, screen: Screen) -> None:
    screen.expected = ("status of 503",)
    console.fake.stops.freezes = [frozen("all", "Upgrade", BEN, datetime.now(UTC), HOUR)]
    page = settled(screen, "/history")
    expect(banners(page)).to_have_count(1)
    page.route("**/api/v1/freeze", lambda route: route.fulfill(status=503, json={"detail": "not now"}))
    with page.expect_response("**/api/v1/freeze"):
        tell(console, lambda: None)
    expect(banners(page)).to_have_count(1)


def test_under_a_freeze_a_request_can_be_denied_and_not_approved(console: RunningConsole, screen: Screen) -> None:
    console.fake.stops.freezes = [frozen("server:payments", "Upgrade", BEN, datetime.now(UTC), HOUR)]
    page = settled(screen, f"/requests/{request_id(1)}")
    approve, deny = page.get_by_role("button", name="Approve and run"), page.get_by_role("button", name="Deny and tell")
    expect(page.locator(".decision-why")).to_contain_text("Server payments is frozen until")
    expect(approve).to_have_attribute("aria-disabled", "true")
    expect(deny).not_to_have_attribute("aria-disabled", "true")
    banner = page.locator(".request .stopped")
    expect(banner).to_contain_text("Server payments has been frozen since")
    expect(banner).to_contain_text("by Ben (ben@example.com): “Upgrade”. Approving is not possible until that ends")
    expect(page.get_by_role("button", name="Change the arguments…")).to_have_count(0)
    tell(console, console.fake.stops.freezes.clear)
    expect(page.locator(".decision-why")).not_to_contain_text("frozen")
    expect(banner).to_have_count(0)
    expect(page.get_by_role("button", name="Change the arguments…")).to_be_visible()


def test_while_its_agent_is_paused_a_request_can_be_denied_and_not_approved(
    console: RunningConsole, screen: Screen
) -> None:
    at = datetime.now(UTC).isoformat()
    pause = {"kind": "pause", "scope": "agent:claude-ada", "by": None, "name": None, "reason": None, "until": None}
    console.fake.requests[request_id(1)].update(stopped={**pause, "at": at}, may_approve=False)
    page = settled(screen, f"/requests/{request_id(1)}")
    expect(page.locator(".request .stopped")).to_contain_text("Agent claude-ada has been paused since")
    expect(page.locator(".decision-why")).to_contain_text("Until somebody resumes it you can deny this")
    expect(page.get_by_role("button", name="Approve and run")).to_have_attribute("aria-disabled", "true")
    expect(page.get_by_role("button", name="Deny and tell")).not_to_have_attribute("aria-disabled", "true")


@pytest.mark.parametrize("scenario", ["hostile"])
def test_a_reason_is_text_with_nothing_hidden_in_it(screen: Screen) -> None:
    page = settled(screen, "/history")
    expect(banners(page).locator(".hid").first).to_be_visible()
    expect(banners(page)).to_contain_text(["<img src=x onerror=alert(1)>"])
    expect(page.locator("#stops img, #stops script")).to_have_count(0)


def test_break_glass_is_asked_for_and_opens_when_somebody_else_confirms(
    operator: RunningConsole, screen: Screen
) -> None:
    page = settled(screen, "/stops")
    press(page, "Ask for break-glass…")
    page.get_by_label("Calls to one server").check()
    page.get_by_label("Which server").fill("payments")
    page.get_by_label("Why").fill("The desk is down")
    page.get_by_label("For how long").select_option("2 hours")
    in_dialog(page, "Ask for a second person")
    part = page.get_by_role("region", name="Break-glass")
    expect(part).to_contain_text("asks for break-glass for server payments, for 2 h")
    expect(part).to_contain_text("It opens when another operator or admin confirms it.")
    expect(part.get_by_role("button", name="Confirm…")).to_have_count(0)
    press(page, "Take it back…")
    in_dialog(page, "Do not open it")
    expect(part.locator(".stop")).to_have_count(0)
    asked = opening("all", "Fire alarm", BEN, datetime.now(UTC), may_confirm=True)
    tell(operator, lambda: operator.fake.stops.openings.append(asked))
    press(page, "Confirm…")
    expect(page.get_by_role("dialog")).to_contain_text("Ben (ben@example.com) asks for it for every server, for 2 h")
    in_dialog(page, "Confirm: open it now")
    expect(part).to_contain_text("Break-glass is open for every server: calls run without approval")
    press(page, "Close it…")
    in_dialog(page, "Close it")
    expect(page.get_by_role("table", name="Stops before")).to_contain_text("Break-glass for every server")


def test_where_an_alert_is_enough_everything_takes_typed_words(operator: RunningConsole, screen: Screen) -> None:
    operator.fake.stops.mode = "alert"
    page = settled(screen, "/stops")
    press(page, "Open break-glass…")
    page.get_by_label("Why").fill("Fire alarm")
    expect(page.get_by_role("button", name="Open it now")).to_be_disabled()
    page.get_by_label("Type break glass to do it").fill("break glass")
    in_dialog(page, "Open it now")
    expect(page.locator(".stop.open")).to_contain_text("Break-glass is open for every server")


def test_where_it_is_never_opened_nothing_offers_it(operator: RunningConsole, screen: Screen) -> None:
    operator.fake.stops.mode = "never"
    page = settled(screen, "/stops")
    expect(page.get_by_role("region", name="Break-glass")).to_contain_text("It is never opened here")
    expect(page.get_by_role("button", name=re.compile("break-glass"))).to_have_count(0)


def test_an_agent_is_paused_and_resumed(operator: RunningConsole, screen: Screen) -> None:
    page = settled(screen, "/agents")
    page.get_by_role("link", name="claude-ada").click()
    press(page, "Pause…")
    in_dialog(page, "Pause it")
    expect(page.locator(".page-head")).to_contain_text("Paused since")
    press(page, "Resume…")
    in_dialog(page, "Resume it")
    expect(page.locator(".page-head")).to_contain_text("Active.")


@pytest.mark.parametrize("path", ["/", f"/requests/{request_id(1)}"], ids=["inbox", "request"])
def test_a_key_pauses_the_agent_of_the_open_request(operator: RunningConsole, screen: Screen, path: str) -> None:
    for agent in operator.fake.agents:
        agent["paused_at"] = None
    page = settled(screen, path)
    expect(page.get_by_role("button", name="Pause the agent…")).to_be_visible()
    page.keyboard.press(".")
    expect(page.get_by_role("dialog")).to_contain_text("Pause this agent?")
    in_dialog(page, "Pause it")
    assert [one["name"] for one in operator.fake.agents if one["paused_at"]] == ["claude-ada"]


def test_a_new_token_is_shown_once_and_not_lost_by_a_key(operator: RunningConsole, screen: Screen) -> None:
    page = settled(screen, "/agents?name=claude-ada")
    press(page, "New token…")
    press(page, "Make the new token")
    dialog = page.get_by_role("dialog")
    token = dialog.get_by_label("Token", exact=True).inner_text()
    assert re.fullmatch(r"plc_agent_[0-9a-f]{32}", token)
    expect(dialog.get_by_label("For Claude Code", exact=True)).to_contain_text(f"Authorization: Bearer {token}")
    page.keyboard.press("Escape")
    expect(dialog).to_be_visible()
    in_dialog(page, "I have kept it")
    expect(page.get_by_role("table", name="Tokens")).to_contain_text(token[:18])
    assert token not in page.content()


def test_one_token_is_revoked_and_an_agent_only_after_its_name_is_typed(
    operator: RunningConsole, screen: Screen
) -> None:
    page = settled(screen, "/agents?name=claude-ada")
    press(page, "Revoke the token plc_agent_1a2B3c4D")
    in_dialog(page, "Revoke the token")
    expect(page.get_by_role("row").filter(has_text="plc_agent_1a2B3c4D")).to_contain_text("Revoked")
    press(page, "Revoke…")
    yes = page.get_by_role("button", name="Revoke it for good")
    expect(yes).to_be_disabled()
    page.get_by_label("This cannot be undone").fill("claude-ada")
    in_dialog(page, "Revoke it for good")
    expect(page.locator(".page-head")).to_contain_text("Revoked for good")
    expect(page.get_by_role("button", name="Pause…")).to_have_count(0)
    expect(page.locator("#announce")).to_have_text("Revoked. 2 of its calls ended.")


def test_an_agent_is_added_and_its_page_opens(operator: RunningConsole, screen: Screen) -> None:
    screen.expected = ("status of 422",)
    page = settled(screen, "/agents")
    press(page, "Add an agent…")
    page.get_by_label("Name").fill("claude-ada")
    page.get_by_label("The human behind it").fill("ben@example.com")
    page.get_by_label("payments").check()
    press(page, "Add it and show its token")
    expect(page.get_by_role("alert")).to_contain_text("there is an agent 'claude-ada' already")
    page.get_by_label("Name").fill("claude-ben")
    press(page, "Add it and show its token")
    expect(page.get_by_label("For Claude Code", exact=True)).to_contain_text(
        "http payments http://127.0.0.1:8642/mcp/payments"
    )
    press(page, "I have kept it")
    expect(page.get_by_role("heading", name="Agent claude-ben")).to_be_visible()
    expect(page.locator(".facts")).to_contain_text("ben@example.com")
    assert operator.fake.agents[-1]["servers"] == ["payments"]


def test_a_reviewer_looks_at_an_agent_and_does_nothing_to_it(screen: Screen) -> None:
    page = settled(screen, "/agents")
    expect(page.get_by_role("button", name="Add an agent…")).to_have_count(0)
    page.get_by_role("link", name="claude-ada").click()
    expect(page.get_by_role("table", name="Tokens")).to_be_visible()
    expect(page.locator("main").get_by_role("button")).to_have_count(0)


def test_an_agent_that_is_not_there_is_said_to_be_none(screen: Screen) -> None:
    expect(settled(screen, "/agents?name=nobody").get_by_role("heading")).to_have_text("There is no such agent")


def test_an_admin_adds_changes_and_removes_a_person(admin: RunningConsole, screen: Screen) -> None:
    page = settled(screen, "/people")
    press(page, "Add a person…")
    page.get_by_label("Address").fill("cleo@example.com")
    page.get_by_label("Groups").fill("finance, security")
    in_dialog(page, "Add this person")
    expect(page.get_by_role("heading", name="cleo@example.com")).to_be_visible()
    press(page, "Change…")
    page.get_by_label("Operator:").check()
    in_dialog(page, "Save")
    expect(page.locator(".facts")).to_contain_text("reviewer, operator")
    assert admin.fake.people[-1]["groups"] == ["finance", "security"]
    press(page, "Sign-in link…")
    press(page, "Make the link")
    expect(page.get_by_label("Link", exact=True)).to_contain_text("/login#plc_login_")
    in_dialog(page, "I have kept it")
    press(page, "Remove…")
    press(page, "Remove them")
    expect(page).to_have_url(screen.url + "/people")
    expect(page.get_by_role("row").filter(has_text="cleo@example.com")).to_have_count(0)


def test_who_stands_in_the_configuration_is_changed_there(admin: RunningConsole, screen: Screen) -> None:
    admin.fake.me = {**admin.fake.me, "id": "root@example.com"}
    page = settled(screen, "/people?id=you@example.com")
    expect(page.locator("main").get_by_role("button")).to_have_text(["Sign-in link…", "Away…"])
    expect(page.locator(".facts")).to_contain_text("which is where to change it")


def test_an_operator_changes_no_people(operator: RunningConsole, screen: Screen) -> None:
    page = settled(screen, "/people?id=ben@example.com")
    expect(page.locator(".facts")).to_be_visible()
    expect(page.locator("main").get_by_role("button")).to_have_count(0)
