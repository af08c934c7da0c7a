"""What operators and admins do on the pages, and what a real agent and a real second person get of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from approvals import tokens
from tests.acceptance.agents import Agent, Said
from tests.acceptance.harness import Placet
from tests.browser.conftest import Screen
from tests.browser.real import Real

ADA, BOB, CY = "ada@example.com", "bob@example.com", "cy@example.com"
MAIL = {"to": "Grace", "text": "Your order is late."}

SignIn = Callable[..., Page]


def with_stewards(placet: Placet) -> None:
    """Ada is an admin, Bob an operator, and the two together may open break-glass."""
    placet.config["people"][ADA]["roles"] = ["reviewer", "admin"]
    placet.config["people"][BOB]["roles"] = ["reviewer", "operator"]
    placet.config["break_glass"] = {"mode": "two_people"}
    placet.write_config()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    running = Real(tmp_path_factory.mktemp("stops"), with_stewards)
    yield running
    running.close()


@pytest.fixture
def sign_in(real: Real, chromium: Browser) -> Iterator[SignIn]:
    """Opens the link of a person, or one that is given, in a browser of its own, which may complain of `expected`."""
    contexts: list[BrowserContext] = []
    screens: list[Screen] = []

    def into(who: str, *expected: str) -> Page:
        contexts.append(chromium.new_context(viewport={"width": 1440, "height": 900}))
        screens.append(Screen(contexts[-1].new_page(), real.url))
        page, screens[-1].expected = screens[-1].page, expected
        page.goto(who if who.startswith("http") else real.login_link(who))
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Inbox")).to_be_visible()
        return page

    yield into
    complaints = [text for screen in screens for text in screen.unexpected()]
    for context in contexts:
        context.close()
    assert complaints == []


def press(page: Page, *names: str) -> None:
    for name in names:
        page.get_by_role("button", name=name, exact=True).click()


def called(real: Real, token: tokens.Token | None = None) -> Said:
    """What a call gives that is answered at once."""

    async def ask() -> Said:
        async with Agent(real.placet, "shop", token) as agent:
            return await agent.call("send_mail", MAIL)

    return real.wait(ask())


def status_of(real: Real, token: tokens.Token, status: int) -> None:
    """Wait until an agent's requests are answered with this status."""

    async def ask() -> None:
        async with Agent(real.placet, "shop", token) as agent:
            await agent.until_status(status)

    real.wait(ask())


def test_a_freeze_of_one_person_stops_agents_and_is_on_the_page_of_another(real: Real, sign_in: SignIn) -> None:
    ada, bob = sign_in(ADA), sign_in(BOB)
    held = real.call("send_mail", MAIL)
    bob.goto(f"{real.url}/requests/{real.pending(to='Grace')['id']}")
    expect(bob.locator("#live")).to_have_attribute("data-state", "live")
    press(ada, "Stop")
    ada.get_by_label("One server").check()
    ada.get_by_label("Which server").fill("shop")
    ada.get_by_label("Why").fill("Odd mail since noon")
    press(ada, "Freeze now")
    for page in (ada, bob):
        expect(page.locator("#stops .stop")).to_contain_text(["Odd mail since noon"])
        expect(page.locator("#stops .stop")).to_contain_text([re.compile(r"(59|60) min left|1 h left")])
        expect(page.locator("#stops .stop")).to_contain_text(["Frozen by Ada (ada@example.com)"])
    said = real.said(held)
    assert (said.code, "Odd mail since noon" in said.text) == ("frozen", True)
    expect(bob.locator(".decision-why")).to_contain_text("Server shop is frozen")
    press(bob, "End the freeze…", "End it: take calls again")
    expect(ada.locator("#stops .stop")).to_have_count(0)


def test_break_glass_takes_a_second_person_and_shows_what_ran(real: Real, sign_in: SignIn) -> None:
    ada, bob = sign_in(ADA), sign_in(BOB)
    ada.goto(real.url + "/stops")
    press(ada, "Ask for break-glass…")
    ada.get_by_label("Calls to one server").check()
    ada.get_by_label("Which server").fill("shop")
    ada.get_by_label("Why").fill("The desk is down")
    press(ada, "Ask for a second person")
    expect(ada.get_by_role("button", name="Confirm…")).to_have_count(0)
    press(bob, "Confirm…", "Confirm: open it now")
    expect(bob.locator("#stops .stop.open")).to_contain_text("confirmed by bob@example.com")
    said = called(real)
    assert (said.code, said.verdict["ground"]) == ("approved", "break_glass")
    ran = ada.get_by_role("table", name="Ran by break-glass")
    expect(ran).to_contain_text("send_mail")
    press(ada, "Close it…", "Close it")
    expect(bob.locator("#stops .stop")).to_have_count(0)


def test_an_agent_is_added_stopped_and_revoked_on_its_page(real: Real, sign_in: SignIn) -> None:
    page = sign_in(ADA)
    page.goto(real.url + "/agents")
    press(page, "Add an agent…")
    page.get_by_label("Name").fill("helper")
    page.get_by_label("The human behind it").fill(BOB)
    page.get_by_label("shop").check()
    press(page, "Add it and show its token")
    token = tokens.parse(tokens.Kind.AGENT, page.get_by_label("Token", exact=True).inner_text())
    assert token is not None
    press(page, "I have kept it")
    expect(page.get_by_role("heading", name="Agent helper")).to_be_visible()
    status_of(real, token, 200)
    press(page, "Pause…", "Pause it")
    expect(page.locator(".page-head")).to_contain_text("Paused since")
    assert called(real, token).code == "agent_paused"
    press(page, "Revoke…")
    page.get_by_label("This cannot be undone").fill("helper")
    press(page, "Revoke it for good")
    expect(page.locator(".page-head")).to_contain_text("Revoked for good")
    status_of(real, token, 401)


def test_a_person_is_added_signs_in_is_changed_and_removed(real: Real, sign_in: SignIn) -> None:
    page = sign_in(ADA)
    page.goto(real.url + "/people")
    press(page, "Add a person…")
    page.get_by_label("Address").fill(CY)
    page.get_by_label("Name").fill("Cy")
    press(page, "Add this person")
    expect(page.get_by_role("heading", name="Cy")).to_be_visible()
    press(page, "Sign-in link…", "Make the link")
    link: Any = page.get_by_label("Link", exact=True).inner_text()
    press(page, "I have kept it")
    cy = sign_in(link, "status of 401")
    expect(cy.get_by_role("button", name="Stop", exact=True)).to_have_count(0)
    press(page, "Change…")
    page.get_by_label("Operator:").check()
    page.get_by_label("Groups").fill("finance, shop")
    press(page, "Save")
    expect(page.locator(".facts")).to_contain_text("operator, reviewer")
    expect(page.locator(".facts")).to_contain_text("finance, shop")
    cy.reload()
    expect(cy.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    press(page, "Remove…", "Remove them")
    expect(page.get_by_role("heading", name="People")).to_be_visible()
    expect(page.get_by_role("table", name="People")).not_to_contain_text(CY)
    cy.reload()
    expect(cy).to_have_url(re.compile("/login"))
    page.goto(f"{real.url}/people?id={BOB}")
    expect(page.locator(".facts")).to_contain_text("the configuration file, which is where to change it")
    expect(page.get_by_role("button", name="Change…")).to_have_count(0)
