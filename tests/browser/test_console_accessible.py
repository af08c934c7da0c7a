"""axe-core over every page, in both themes and widths, empty, full and hostile; and the contrast of all colours.

axe cannot judge text over what overlaps or is translucent, so the palette is also computed by hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.chromium import RunningConsole
from tests.fakes.console_api import STATIC, ConsoleFake

AXE = Path(__file__).parents[1] / "npm" / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]
SIZES = [(1440, 900), (390, 844)]
RUN = """async (tags) => {
    const found = await axe.run(document, { runOnly: { type: "tag", values: tags }, resultTypes: ["violations"] });
    return found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html).slice(0, 3).join(" ")}`);
}"""


def request(number: int) -> str:
    return f"/requests/req_{number:026d}"


def nothing(_page: Page) -> None:
    return


def opened(key: str) -> Callable[[Page], None]:
    """Wait for the decision bar, press a key, wait for its dialog."""

    def press(page: Page) -> None:
        expect(page.locator(".decision")).to_be_visible()
        page.keyboard.press(key)
        expect(page.get_by_role("dialog")).to_be_visible()

    return press


def unfolded(page: Page) -> None:
    """Open whatever can be opened."""
    expect(page.locator(".loading")).to_have_count(0)
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")


def tried(page: Page) -> None:
    page.get_by_label("Tool").fill("refund_payment")
    page.get_by_label("Arguments, as JSON").fill('{"amount": 20000, "currency": "USD"}')
    page.get_by_role("button", name="Judge this call").click()
    expect(page.locator(".ruling-head")).to_be_visible()
    page.locator(".code li").nth(4).click()


def edited(page: Page) -> None:
    page.get_by_role("button", name="Edit", exact=True).click()
    area = page.get_by_label("Policy of payments")
    text = area.input_value()
    area.fill(text.replace("send_mail: {rate_limit: 30/minute}", "send_mail: {action: require_approval}"))
    page.get_by_role("button", name="Test first").click()
    expect(page.locator(".tested table")).to_be_visible()
    area.fill(text.replace("approve_if", "aprove_if"))
    expect(page.locator(".editing .problems li")).to_have_count(1)


def reviewed(page: Page) -> None:
    edited(page)
    page.get_by_label("Policy of payments").fill('version: "1"\ndefault: deny\n')
    page.get_by_role("button", name="Review and save…").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def raising(page: Page) -> None:
    page.get_by_role("button", name="Approve and raise the limit…").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def trusting(page: Page) -> None:
    page.get_by_role("button", name="Approve and trust…").click()
    expect(page.locator("dialog .tried")).to_contain_text("Would have matched")


def shown_uses(page: Page) -> None:
    expect(page.get_by_role("dialog", name="What it let run")).to_be_visible()


def freezing(page: Page) -> None:
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_label("One agent").check()
    expect(page.get_by_label("Which agent")).to_be_visible()


def asking(page: Page) -> None:
    page.get_by_role("button", name="Ask for break-glass…").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def issued(page: Page) -> None:
    page.get_by_role("button", name="New token…").click()
    page.get_by_role("button", name="Make the new token").click()
    expect(page.locator("dialog .secret").first).to_be_visible()


def adding(page: Page) -> None:
    page.get_by_role("button", name=re.compile("^Add an? ")).click()
    expect(page.get_by_role("dialog")).to_be_visible()


def further(page: Page) -> None:
    more = page.get_by_role("button", name="More", exact=True)
    if more.is_visible():
        more.click()
        expect(page.locator(".more-menu a:visible").first).to_be_focused()


def halted(page: Page) -> None:
    expect(page.locator(".stop").first).to_be_visible()


def counted(page: Page) -> None:
    expect(page.locator(".drawing").last).to_be_visible()


EVERYWHERE = ["/", "/history", "/agents", "/people", "/servers", "/policies"]
RICH = [
    # What is still held comes first: its time runs out while the others are looked at.
    (request(2), opened("a")),
    (request(1), opened("d")),
    (request(1), opened("c")),
    (request(1), opened("?")),
    *((request(n), unfolded) for n in (3, 5, 7)),
    *((request(n), nothing) for n in (23, 24, 28)),
    ("/servers?name=payments", unfolded),
    ("/servers?name=warehouse", nothing),
    ("/policies?server=payments", tried),
    ("/policies?server=payments", edited),
    ("/policies?server=payments", reviewed),
    ("/policies?server=warehouse", unfolded),
    ("/policies?server=search", nothing),
    ("/policies?server=nope", nothing),
    ("/nowhere", nothing),
    ("/requests/req_nope", nothing),
]
HOSTILE = [
    (request(1), unfolded),
    (request(21), unfolded),
    (request(24), nothing),
    (f"/?open=req_{2:026d}", nothing),
    ("/servers?name=payments", unfolded),
    ("/policies?server=payments", nothing),
    ("/policies?server=warehouse", unfolded),
]
CASES = [
    ("empty", "/", nothing),
    ("empty", "/policies?server=payments", nothing),
    *(("first", path, nothing) for path in EVERYWHERE),
    *(("rich", path, before) for path, before in RICH),
    *(("rich", path, nothing) for path in EVERYWHERE),
    *(("hostile", path, nothing) for path in EVERYWHERE),
    *(("hostile", path, before) for path, before in HOSTILE),
    ("over", request(41), raising),
    *(("stopped", path, halted) for path in ("/", "/history", "/stops", request(1))),
    ("hostile", "/stops", halted),
    ("fast", request(2), opened("a")),
    ("fast", request(28), nothing),
    ("fast", "/insights", counted),
    ("empty", "/insights", counted),
    ("rich", "/", freezing),
    ("rich", "/stops", asking),
    ("trusted", request(72), trusting),
    ("trusted", "/grants?open=grt_1", shown_uses),
    ("rich", "/agents?name=claude-ada", issued),
    ("rich", "/agents", adding),
    ("rich", "/people", adding),
    ("rich", "/people?id=ben@example.com", nothing),
    ("rich", "/people", further),
    ("over", request(42), nothing),
    ("over", request(43), unfolded),
    ("signed out", "/login", nothing),
    ("signed out", "/login#good-token", nothing),
]


@pytest.fixture(scope="module")
def consoles() -> Iterator[Callable[[str], RunningConsole]]:
    """One fake for each scenario; these tests only look."""
    running: dict[str, RunningConsole] = {}

    def get(scenario: str) -> RunningConsole:
        if scenario not in running:
            fake = ConsoleFake.of(scenario.replace("signed out", "rich"), datetime.now(UTC))
            fake.signed_in = scenario != "signed out"
            fake.me = {**fake.me, "roles": ["reviewer", "operator", "admin"]}
            running[scenario] = RunningConsole(fake)
        return running[scenario]

    yield get
    for one in running.values():
        one.stop()


@pytest.fixture(scope="module")
def axe() -> str:
    if not AXE.exists():
        pytest.skip("axe-core is not installed: bash tests/install.sh")
    return AXE.read_text()


def name_of(case: Any) -> str:
    return getattr(case, "__name__", str(case)).strip("/") or "inbox"


@pytest.fixture(scope="module")
def pages(chromium: Browser, axe: str) -> Iterator[list[Page]]:
    """One page for each width."""
    made = [
        chromium.new_context(
            viewport={"width": width, "height": height}, has_touch=width < 720, reduced_motion="reduce"
        ).new_page()
        for width, height in SIZES
    ]
    for page in made:
        page.on("dialog", lambda dialog: dialog.accept())  # a text that is not saved asks before it is left
    yield made
    for page in made:
        page.context.close()


@pytest.mark.parametrize(("scenario", "path", "before"), CASES, ids=name_of)
def test_axe_finds_nothing(
    pages: list[Page],
    consoles: Callable[[str], RunningConsole],
    axe: str,
    scenario: str,
    path: str,
    before: Callable[[Page], None],
) -> None:
    found: dict[str, list[str]] = {}
    for page, (width, _height) in zip(pages, SIZES, strict=True):
        page.goto("about:blank")
        page.goto(consoles(scenario).url + path)
        expect(page.locator("main > *").first).to_be_visible()
        expect(page.get_by_text("Loading", exact=False)).to_have_count(0)
        before(page)
        page.evaluate(axe)
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            expect(page.locator("html")).to_have_attribute("data-theme", theme)
            if violations := page.evaluate(RUN, TAGS):
                found[f"{theme} {width}"] = violations
        page.evaluate("localStorage.clear()")
    assert found == {}


Colour = tuple[float, float, float]
TEXT = ["ink", "muted", "amber-text", "green", "red"]
GROUNDS = ["ground", "sheet", "well"]


def palette(theme: str) -> dict[str, str]:
    """The colours of a theme as `tokens.css` has them."""
    blocks = re.findall(
        r"^:root(\[data-theme=\"dark\"\])? \{(.*?)^\}", (STATIC / "css/tokens.css").read_text(), re.S | re.M
    )
    found: dict[str, str] = {}
    for dark, body in blocks:
        if not dark or theme == "dark":
            found |= dict(re.findall(r"--([a-z-]+): ([^;]+);", body))
    return found


def rgb(text: str) -> tuple[Colour, float]:
    if text.startswith("#"):
        return (int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)), 1.0
    red, green, blue, alpha = (float(part) for part in re.findall(r"[\d.]+", text))
    return (red, green, blue), alpha / 100


def over(top: str, below: Colour) -> Colour:
    (colour, alpha) = rgb(top)
    red, green, blue = (alpha * a + (1 - alpha) * b for a, b in zip(colour, below, strict=True))
    return red, green, blue


def luminance(colour: Colour) -> float:
    red, green, blue = (
        part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def ratio(one: Colour, other: Colour) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def pairs(theme: str) -> Iterator[tuple[str, float, float]]:
    """Every text on every ground, resting and under the pointer; and lines and bars, which need 3."""
    of = palette(theme)
    for ground, washed in product(GROUNDS, (False, True)):
        below = rgb(of[ground])[0]
        below = over(of["wash"], below) if washed else below
        for text in TEXT:
            yield f"{text} on {'washed ' if washed else ''}{ground}", ratio(rgb(of[text])[0], below), 4.5
        if not washed:
            yield f"amber bar on {ground}", ratio(rgb(of["amber"])[0], below), 3
            yield f"edge of a field on {ground}", ratio(over(of["hair-firm"], below), below), 3
    for ground in ("ink", "green", "red"):
        text = "ground" if ground == "ink" else "on-colour"
        yield f"{text} on {ground}", ratio(rgb(of[text])[0], rgb(of[ground])[0]), 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_can_be_read_on_every_ground(theme: str) -> None:
    low = {name: round(found, 2) for name, found, least in pairs(theme) if found < least}
    assert low == {}
