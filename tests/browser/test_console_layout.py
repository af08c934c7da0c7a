"""The console at the sizes people have: 320 px, a phone, a desk; nothing cut, nothing hidden, targets for fingers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import RunningConsole
from tests.browser.conftest import Screen, request_id, settled

Screens = Callable[..., Screen]
PLAIN, HOSTILE = request_id(1), request_id(6)

NOT_FOUND = ("status of 404",)
PAGES = [
    pytest.param("/", (), id="inbox"),
    pytest.param(f"/?open={HOSTILE}", (), id="inbox with hostile text open"),
    *(pytest.param(f"/requests/{request_id(n)}", (), id=f"request {n}") for n in (*range(1, 9), *range(21, 29))),
    pytest.param("/requests/req_nope", NOT_FOUND, id="no such request"),
    pytest.param("/history", (), id="history"),
    pytest.param("/agents", (), id="agents"),
    pytest.param("/agents?name=claude-ada", (), id="an agent"),
    pytest.param("/people", (), id="people"),
    pytest.param("/people?id=ben@example.com", (), id="a person"),
    pytest.param("/stops", (), id="stops"),
    pytest.param("/insights", (), id="insights"),
    pytest.param("/grants", (), id="grants"),
    pytest.param("/servers", (), id="servers"),
    pytest.param("/servers?name=payments", (), id="tools"),
    pytest.param("/servers?name=nope", NOT_FOUND, id="no such server"),
    pytest.param("/policies", (), id="policies"),
    pytest.param("/policies?server=payments", (), id="a policy"),
    pytest.param("/policies?server=warehouse", ("status of 503",), id="a policy that differs"),
    pytest.param("/policies?server=nope", NOT_FOUND, id="no such policy"),
    pytest.param("/login", (), id="sign-in without a link"),
    pytest.param("/login#good-token", (), id="sign-in with a link"),
    pytest.param("/nowhere", NOT_FOUND, id="no such page"),
]


@pytest.mark.parametrize(("path", "expected"), PAGES)
def test_every_page_reflows_at_320_px_and_the_browser_has_nothing_to_complain_about(
    screens: Screens, path: str, expected: tuple[str, ...]
) -> None:
    screen = screens(width=320, height=640, has_touch=True)
    screen.expected = expected
    page = settled(screen, path)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        expect(page.locator("html")).to_have_attribute("data-theme", scheme)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 320, f"{path} is {width} px wide"


@pytest.mark.parametrize("scenario", ["over"])
@pytest.mark.parametrize("number", [41, 42, 43])
def test_a_call_over_a_limit_reflows_too(screens: Screens, number: int) -> None:
    page = settled(screens(width=320, height=640, has_touch=True), f"/requests/{request_id(number)}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize("scenario", ["stopped", "hostile"])
@pytest.mark.parametrize("path", ["/", "/stops", "/agents?name=claude-ada"])
@pytest.mark.parametrize("roles", [["reviewer"], ["reviewer", "operator"]], ids=lambda roles: roles[-1])
def test_what_is_stopped_reflows_too(screens: Screens, console: RunningConsole, path: str, roles: list[str]) -> None:
    console.fake.me = {**console.fake.me, "roles": roles}
    page = settled(screens(width=320, height=640, has_touch=True), path)
    expect(page.locator(".stop").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert page.evaluate(SMALL_TARGETS) == []


def test_the_control_that_stops_is_in_reach_on_the_smallest_screen_without_a_live_feed(
    screens: Screens, console: RunningConsole
) -> None:
    console.fake.me = {**console.fake.me, "roles": ["operator"]}
    page = settled(screens(width=320, height=640, has_touch=True), "/history")
    page.evaluate("document.getElementById('live').dataset.state = 'stopped'")
    for name in ("Stop", "You"):
        box = page.get_by_role("button", name=name, exact=True).bounding_box()
        assert box is not None
        assert (box["x"] >= 0, box["x"] + box["width"] <= 320) == (True, True)
        assert min(box["width"], box["height"]) >= 44


@pytest.mark.parametrize("width", [320, 390, 719])
def test_the_pages_stand_in_a_bar_at_the_foot_of_a_phone(screens: Screens, width: int) -> None:
    page = settled(screens(width=width, height=700, has_touch=True), "/history")
    places = page.locator(".nav > :is(a, button):visible")
    expect(places).to_contain_text(["Inbox", "History", "Agents", "Servers", "More"])
    expect(places).to_have_count(5)
    for link in places.all():
        box = link.bounding_box()
        assert box is not None
        assert (box["x"] >= 0, box["x"] + box["width"] <= width, box["y"] + box["height"] <= 700) == (True, True, True)
        assert min(box["width"], box["height"]) >= 44
        assert link.evaluate("(element) => element.scrollWidth <= element.clientWidth") is True
    expect(page.get_by_role("button", name="You")).to_be_visible()
    expect(page.get_by_role("button", name="Keys")).to_be_hidden()


@pytest.mark.parametrize(
    ("width", "hidden"),
    [(390, ["Policies", "People", "Stops", "Grants", "Insights"]), (1280, ["Stops", "Grants", "Insights"])],
)
def test_what_does_not_fit_in_the_bar_stands_under_more(screens: Screens, width: int, hidden: list[str]) -> None:
    page = settled(screens(width=width, height=760), "/history")
    page.get_by_role("button", name="More", exact=True).press("Enter")
    links = page.locator(".more-menu a:visible")
    expect(links).to_have_text(hidden)
    expect(links.first).to_be_focused()
    page.keyboard.press("Escape")
    expect(links).to_have_count(0)
    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_role("link", name="Stops", exact=True).click()
    expect(page.get_by_role("heading", name="Stops")).to_be_visible()
    mark = "border-top-color" if width < 720 else "border-bottom-color"
    lit = f"(element) => getComputedStyle(element).getPropertyValue('{mark}') === getComputedStyle(element).color"
    assert page.get_by_role("button", name="More", exact=True).evaluate(lit) is True


def test_a_wide_bar_holds_every_page(screens: Screens) -> None:
    page = settled(screens(width=1440, height=900), "/stops")
    expect(page.locator(".nav > a[aria-current='page']:visible")).to_have_text("Stops")
    expect(page.get_by_role("button", name="More", exact=True)).to_be_hidden()


@pytest.mark.parametrize("path", ["/", f"/requests/{PLAIN}"], ids=["inbox", "request"])
def test_more_time_can_be_asked_for_without_scrolling(screens: Screens, path: str) -> None:
    page = settled(screens(width=1440, height=900), path)
    button, bar = page.get_by_role("button", name="Add 15 minutes"), page.locator(".decision")
    expect(button).to_be_visible()
    lower, upper = button.bounding_box(), bar.bounding_box()
    assert lower is not None
    assert upper is not None
    assert lower["y"] + lower["height"] < upper["y"]


def test_a_row_of_the_history_is_two_lines_on_a_phone(screens: Screens) -> None:
    page = settled(screens(width=390, height=844, has_touch=True), "/history")
    first = page.locator("tbody tr").first
    first.wait_for()
    # Once the fonts are there: a wider one in their place wraps.
    page.wait_for_function(
        "([low, high]) => { const row = document.querySelector('tbody tr').getBoundingClientRect();"
        " return low <= row.height && row.height <= high; }",
        arg=[44, 72],
    )
    first.click(position={"x": 300, "y": 40})
    expect(page.locator(".request-title")).to_be_visible()


def test_on_a_phone_the_request_is_a_sheet_that_back_closes(screens: Screens) -> None:
    page = settled(screens(width=390, height=844, has_touch=True), "/")
    page.locator("a.row", has_text="send_mail").click()
    expect(page.get_by_role("button", name="Approve and run send_mail")).to_be_visible()
    assert page.locator(".list").evaluate("(element) => element.inert") is True
    page.go_back()
    expect(page.locator(".detail")).to_be_hidden()
    expect(page.locator("a.row", has_text="send_mail")).to_be_focused()


SMALL_TARGETS = """() => [...document.querySelectorAll("button, summary, .nav a, .row, select, input.input")]
    .filter((element) => element.checkVisibility())
    .map((element) => [element.textContent.trim(), Math.round(element.getBoundingClientRect().height)])
    .filter(([, height]) => height < 40)"""


@pytest.mark.parametrize("path", ["/", f"/requests/{PLAIN}", "/history", "/policies?server=payments"])
def test_targets_are_large_enough_for_fingers(screens: Screens, path: str) -> None:
    page = settled(screens(width=390, height=844, has_touch=True, is_mobile=True), path)
    assert page.evaluate(SMALL_TARGETS) == []
