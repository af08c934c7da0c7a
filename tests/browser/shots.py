"""Screenshots of every page: `python -m tests.browser.shots DIR`.

The data, the clock, the zone and the fonts are fixed, so the same console gives the same pictures. Each page is taken
light and dark, wide and on a phone; the look-alike of Slack is taken once, with the card of the same call.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.chromium import RunningConsole, launch
from tests.browser.shots_slack import take_card
from tests.fakes.console_api import ConsoleFake
from tests.fakes.console_folds import FOLD
from tests.fakes.console_samples import Json

START = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
WIDE, PHONE = (1280, 760), (390, 844)


def _nothing(_page: Page) -> None:
    return


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One picture: a page of a scenario, and what is done on it first."""

    name: str
    path: str
    scenario: str = "rich"
    before: Callable[[Page], None] = _nothing
    signed_in: bool = True
    notices: bool = False
    operator: bool = False
    offer: Json = field(default_factory=dict)


def _request(number: int) -> str:
    return f"/requests/req_{number:026d}"


def _press(keys: str) -> Callable[[Page], None]:
    def press(page: Page) -> None:
        page.wait_for_selector(".decision")
        page.keyboard.press(keys)
        page.wait_for_selector("dialog[open]")

    return press


def _dialog(button: str) -> Callable[[Page], None]:
    def click(page: Page) -> None:
        page.get_by_role("button", name=button).click()
        page.wait_for_selector("dialog[open]")

    return click


def _type_arguments(page: Page, was: str, now: str) -> None:
    page.get_by_role("button", name="Change the arguments…").click()
    area = page.get_by_label("Arguments, as JSON")
    area.fill(area.input_value().replace(was, now))
    page.wait_for_selector(".edit-diff .diff")


def _edit_arguments(page: Page) -> None:
    _type_arguments(page, '"amount": 1250', '"amount": 125')


def _edit_unfit(page: Page) -> None:
    _type_arguments(page, '"amount": 1250', '"amount": "125 EUR"')
    page.get_by_role("button", name="Approve with changes and run").click()
    page.locator("dialog[open] button[type=submit]").click()
    page.wait_for_selector(".edit .problems li")


def _raise(page: Page) -> None:
    page.mouse.wheel(0, 4000)
    page.get_by_role("button", name="Approve and raise the limit…").click()
    page.wait_for_selector("dialog[open]")


def _trust(page: Page) -> None:
    page.mouse.wheel(0, 4000)
    page.get_by_role("button", name="Approve and trust…").click()
    page.wait_for_selector("dialog[open] .tried:not(:empty)")


def _freeze(page: Page) -> None:
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_label("Why").fill("Payments to an unknown account since noon")


def _glass(page: Page) -> None:
    page.get_by_role("button", name="Ask for break-glass…").click()
    page.wait_for_selector("dialog[open]")


def _rotate(page: Page) -> None:
    page.get_by_role("button", name="New token…").click()
    page.get_by_role("button", name="Make the new token").click()
    page.wait_for_selector("dialog[open] .secret")


def _add(page: Page) -> None:
    page.get_by_role("button", name="Add an agent…").click()
    page.wait_for_selector("dialog[open]")


def _change(page: Page) -> None:
    page.get_by_role("button", name="Change…").click()
    page.wait_for_selector("dialog[open]")


def _more(page: Page) -> None:
    page.get_by_role("button", name="More", exact=True).click()


def _unfold(page: Page) -> None:
    page.locator("details.definition summary").first.click()


def _try_call(page: Page) -> None:
    page.get_by_label("Tool").fill("refund_payment")
    page.get_by_label("Arguments, as JSON").fill('{"amount": 250, "currency": "USD"}')
    page.get_by_role("button", name="Judge this call").click()
    page.wait_for_selector(".ruling-head")
    page.evaluate("window.scrollTo(0, 0)")


def _edit(page: Page) -> None:
    page.get_by_role("button", name="Edit").click()
    area = page.get_by_label("Policy of payments")
    area.fill(area.input_value().replace("send_mail: {rate_limit: 30/minute}", "send_mail: {action: require_approval}"))
    page.get_by_role("button", name="Test first").click()
    page.wait_for_selector(".tested table")
    area.fill(area.input_value().replace("approve_if", "aprove_if"))
    page.wait_for_selector(".editing .problems li")


def _review(page: Page) -> None:
    page.get_by_role("button", name="Edit").click()
    area = page.get_by_label("Policy of payments")
    area.fill(area.input_value().replace("amount, op: gt, value: 100}", "amount, op: gt, value: 50}"))
    page.get_by_role("button", name="Review and save…").click()
    page.wait_for_selector("dialog[open] .diff")


def _history(page: Page) -> None:
    page.get_by_role("button", name="Compare version 2").click()
    page.wait_for_selector("dialog[open] .diff")


def _leave(page: Page) -> None:
    page.get_by_role("button", name="Away…").click()
    page.wait_for_selector("dialog[open]")


def _you(page: Page) -> None:
    page.get_by_role("button", name=re.compile("Yuki Moreau|You")).click()


def _mark(page: Page) -> None:
    page.wait_for_selector(".fold-table")
    page.get_by_role("button", name="Approve all shown").click()
    page.locator(".fold-table tbody tr").nth(1).get_by_role("button", name="Deny").click()


def _mark_and_ask(page: Page) -> None:
    _mark(page)
    page.locator(".fold-bar .primary").click()
    page.wait_for_selector("dialog[open]")


def _earlier(page: Page) -> None:
    page.wait_for_selector(".similar")
    page.evaluate("document.querySelector('.similar').scrollIntoView({block: 'start'})")


SHOTS = [
    Shot(name="inbox", path="/"),
    Shot(name="inbox-empty", path="/", scenario="empty"),
    Shot(name="inbox-first-run", path="/", scenario="first"),
    Shot(name="group", path=f"/?fold={FOLD}", scenario="storm", before=_mark),
    Shot(name="group-ask", path=f"/?fold={FOLD}", scenario="storm", before=_mark_and_ask),
    Shot(name="request", path=_request(1)),
    Shot(name="request-approve", path=_request(2), before=_press("a")),
    Shot(name="request-deny", path=_request(1), before=_press("d")),
    Shot(name="request-edit", path=_request(1), before=_edit_arguments),
    Shot(name="request-edit-unfit", path=_request(1), before=_edit_unfit),
    Shot(name="request-edited", path=_request(44), scenario="over"),
    Shot(name="request-early", path=_request(45), scenario="over"),
    Shot(name="request-hand-on", path=_request(1), before=_dialog("Hand on…")),
    Shot(name="request-snooze", path=_request(1), before=_dialog("Snooze…")),
    Shot(name="request-earlier", path=_request(81), scenario="earlier", before=_earlier),
    Shot(name="request-earlier-one", path=_request(82), scenario="earlier", before=_earlier),
    Shot(name="request-earlier-none", path=_request(83), scenario="earlier", before=_earlier),
    Shot(name="request-quorum", path=_request(3)),
    Shot(name="request-hostile", path=_request(6)),
    Shot(name="request-everything-hostile", path=_request(1), scenario="hostile"),
    Shot(name="request-over", path=_request(41), scenario="over"),
    Shot(name="request-raise", path=_request(42), scenario="over", before=_raise),
    Shot(name="record-raised", path=_request(43), scenario="over"),
    Shot(name="record-ran", path=_request(28)),
    Shot(name="record-denied", path=_request(24)),
    Shot(name="record-unknown", path=_request(23)),
    Shot(name="history", path="/history"),
    Shot(name="agents", path="/agents", notices=True),
    Shot(name="agent", path="/agents?name=claude-ada", operator=True),
    Shot(name="agent-add", path="/agents", before=_add, operator=True),
    Shot(name="agent-token", path="/agents?name=claude-ada", before=_rotate, operator=True),
    Shot(name="stopped", path="/", scenario="stopped", operator=True),
    Shot(name="stopped-request", path=_request(1), scenario="stopped"),
    Shot(name="stops", path="/stops", scenario="stopped", operator=True),
    Shot(name="stops-none", path="/stops", operator=True),
    Shot(name="stop-freeze", path="/", before=_freeze, operator=True),
    Shot(name="stop-glass", path="/stops", before=_glass, operator=True),
    Shot(name="stops-hostile", path="/", scenario="hostile", operator=True),
    Shot(name="more-pages", path="/people", before=_more),
    Shot(name="servers", path="/servers"),
    Shot(name="tools", path="/servers?name=payments", before=_unfold),
    Shot(name="policies", path="/policies"),
    Shot(name="policy", path="/policies?server=payments", before=_try_call),
    Shot(name="policy-differs", path="/policies?server=warehouse"),
    Shot(name="policy-none", path="/policies?server=search"),
    Shot(name="policy-unsaved", path="/policies?server=payments", scenario="empty", operator=True),
    Shot(name="policy-edit", path="/policies?server=payments", before=_edit, operator=True),
    Shot(name="policy-review", path="/policies?server=payments", before=_review, operator=True),
    Shot(name="policy-history", path="/policies?server=payments", before=_history, operator=True),
    Shot(name="policy-hostile", path="/policies?server=payments", scenario="hostile"),
    Shot(name="people", path="/people"),
    Shot(name="grants", path="/grants", scenario="trusted"),
    Shot(name="grants-none", path="/grants"),
    Shot(name="grant-uses", path="/grants?open=grt_1", scenario="trusted"),
    Shot(name="request-trust", path=_request(71), scenario="trusted", before=_trust),
    Shot(name="request-trust-proposed", path=_request(72), scenario="trusted", before=_trust),
    Shot(name="record-covered", path=_request(73), scenario="trusted"),
    Shot(name="insights", path="/insights"),
    Shot(name="insights-empty", path="/insights", scenario="empty"),
    Shot(name="request-typed", path=_request(2), scenario="fast", before=_press("a")),
    Shot(name="record-expected", path=_request(28), scenario="fast"),
    Shot(name="person", path="/people?id=ben@example.com", operator=True),
    Shot(name="person-away", path="/people?id=you@example.com", before=_leave),
    Shot(name="you-away", path="/", before=_you),
    Shot(name="person-change", path="/people?id=ben@example.com", before=_change, operator=True),
    Shot(name="sign-in", path="/login#good-token", signed_in=False),
    Shot(name="sign-in-provider", path="/login", signed_in=False, offer={"provider": "Example SSO"}),
    Shot(
        name="sign-in-refused",
        path="/login?again",
        signed_in=False,
        offer={
            "provider": "Example SSO",
            "links": False,
            "refused": "zoe@example.com is not known here. Ask an admin to add you, then sign in again.",
        },
    ),
    Shot(
        name="signed-out",
        path="/login?signed-out",
        signed_in=False,
        offer={"provider": "Example SSO", "end_session": "https://id.example.com/end"},
    ),
    Shot(name="no-such-page", path="/nowhere"),
]


@contextmanager
def _console(shot: Shot) -> Iterator[RunningConsole]:
    fake = ConsoleFake.of(shot.scenario, START)
    fake.offer = {**fake.offer, **shot.offer}
    fake.clock, fake.signed_in = (lambda: START), shot.signed_in
    fake.notices = fake.notices if shot.notices else []
    if shot.operator:
        fake.me = {**fake.me, "roles": ["reviewer", "operator", "admin"]}
    running = RunningConsole(fake)
    try:
        yield running
    finally:
        running.stop()


def take(browser: Browser, shot: Shot, folder: Path) -> None:
    """Take one page in both themes and both widths."""
    with _console(shot) as console:
        for width, (across, down) in {"wide": WIDE, "phone": PHONE}.items():
            for theme in ("light", "dark"):
                phone = width == "phone"
                context = browser.new_context(
                    viewport={"width": across, "height": down},
                    color_scheme=theme,
                    has_touch=phone,
                    is_mobile=phone,
                    reduced_motion="reduce",
                    locale="en-GB",
                    timezone_id="UTC",
                )
                page = context.new_page()
                page.clock.set_fixed_time(START)
                page.goto(console.url + shot.path)
                expect(page.locator("main > *").first).to_be_visible()
                page.wait_for_load_state("load")
                shot.before(page)
                _still(page)
                page.screenshot(path=folder / f"{shot.name}-{width}-{theme}.png", animations="disabled", caret="hide")
                context.close()


def _still(page: Page) -> None:
    """Wait until nothing is loading any more and the fonts are there."""
    expect(page.get_by_text("Loading", exact=False)).to_have_count(0)
    page.evaluate("document.fonts.ready")


def main() -> None:
    """Take every picture into a folder."""
    options = argparse.ArgumentParser(description="Screenshots of every page of the console")
    options.add_argument("folder", type=Path)
    options.add_argument("--only", default="", help="a part of the name")
    chosen = options.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for shot in SHOTS:
            if chosen.only in shot.name:
                take(browser, shot, chosen.folder)
        if chosen.only in "slack-card":
            take_card(browser, chosen.folder)
        browser.close()
    print(f"{len(list(chosen.folder.glob('*.png')))} pictures in {chosen.folder}")


if __name__ == "__main__":
    main()
