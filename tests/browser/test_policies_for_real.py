"""A policy edited in a real Chromium changes what the official client of the protocol gets from a real service."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.agents import Said, heard, sdk
from tests.acceptance.harness import Placet, policy
from tests.browser.conftest import Screen
from tests.browser.real import Real

ADA = "ada@example.com"
ORDER = {"order": "4711"}
PATH = "/policies?server=shop"


def with_a_page(placet: Placet) -> None:
    """The shop's policy has a layer on the page, and Ada may save it."""
    placet.config["servers"]["shop"]["policy"] = ["policies/shop.json", "page"]
    placet.config["people"][ADA]["roles"] = ["reviewer", "operator"]
    placet.write_config()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    running = Real(tmp_path_factory.mktemp("policies"), with_a_page)
    yield running
    running.close()


@pytest.fixture(scope="module")
def signed_in(real: Real, chromium: Browser) -> Any:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(real.login_link(ADA))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Inbox")).to_be_visible()
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def page(real: Real, chromium: Browser, signed_in: Any) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, storage_state=signed_in)
    screen = Screen(context.new_page(), real.url)
    screen.expected = ("net::ERR",)  # one test kills the service
    yield screen.open(PATH)
    context.close()
    assert screen.unexpected() == []


def listed(real: Real) -> list[str]:
    """What the official client is shown."""

    async def ask() -> list[str]:
        async with sdk(real.placet, "shop", "auto") as client:
            return [tool.name for tool in (await client.list_tools()).tools]

    return real.wait(ask())


def called(real: Real, tool: str, arguments: dict[str, Any]) -> Said:
    """What the official client gets for a call that nobody holds."""

    async def ask() -> Said:
        async with sdk(real.placet, "shop", "auto") as client:
            return heard(await client.call_tool(tool, arguments))

    return real.wait(ask())


def saved(page: Page, text: str, number: int) -> None:
    """Write a text in the editor, look at what changes, save it."""
    page.get_by_role("button", name=re.compile("^(Edit|Write the first version)$")).click()
    page.get_by_label("Policy of shop").fill(text)
    page.keyboard.press("Control+s")
    page.get_by_role("button", name=f"Save version {number} and enforce it").click()
    expect(page.locator(".layer-head")).to_contain_text(f"version {number} by Ada")


def narrowing(tools: str) -> str:
    return f'version: "1"\ndefault: allow\ntools: {tools}\n'


def test_what_is_saved_on_the_page_is_what_an_agent_gets_and_it_outlives_the_service(real: Real, page: Page) -> None:
    expect(page.locator("#notices")).to_contain_text("Nothing is saved yet on the policy page of server shop")
    assert listed(real) == []
    assert called(real, "find_order", ORDER).code == "policy_denied"

    saved(page, narrowing("{send_mail: {action: deny, reason: Mail is down today}}"), 1)
    said = called(real, "send_mail", {"to": "Grace", "text": "Hello"})
    assert (said.code, said.verdict["reason"]) == ("policy_denied", "Mail is down today")
    assert not called(real, "find_order", ORDER).refused
    assert "send_mail" not in listed(real)

    saved(page, narrowing("{find_order: {action: deny, reason: No orders today}}"), 2)
    assert called(real, "find_order", ORDER).verdict["reason"] == "No orders today"
    assert "send_mail" in listed(real)

    real.kill()
    real.start()
    assert called(real, "find_order", ORDER).verdict["reason"] == "No orders today"

    page.reload()
    page.get_by_role("button", name="Bring back… version 1").click()
    page.get_by_role("button", name="Save it as version 3 and enforce it").click()
    expect(page.get_by_role("row", name="3 in force")).to_contain_text("Version 1 once more")
    assert not called(real, "find_order", ORDER).refused


def test_a_call_is_tried_with_the_tools_and_agents_that_there_are(real: Real, page: Page) -> None:
    expect(page.locator("#try-tools option[value='find_order']")).to_have_count(1)
    page.get_by_label("Tool").fill("refund_payment")
    expect(page.get_by_label("Arguments, as JSON")).to_have_value(re.compile('"amount"'))
    page.get_by_label("As agent").fill("claude-ada")
    page.get_by_role("button", name="Judge this call").click()
    head = page.locator(".ruling-head")
    expect(head).to_contain_text("Held for a person")
    expect(head).to_contain_text("Waits for 1 of group:finance")
    head.get_by_role("button", name="/tools/refund_payment/action").click()
    expect(page.locator("li.here")).to_contain_text("require_approval")


def test_calls_that_were_made_are_replayed_before_a_text_is_saved(real: Real, page: Page) -> None:
    page.get_by_role("button", name=re.compile("^(Edit|Write the first version)$")).click()
    page.get_by_label("Policy of shop").fill(narrowing("{find_order: {action: require_approval}}"))
    page.get_by_role("button", name="Test first").click()
    tested = page.locator(".tested")
    expect(tested).to_contain_text("It is a policy. There is no test in it")
    expect(tested.get_by_role("row").filter(has_text="Newly held for a person").first).to_contain_text("find_order")
    page.get_by_role("button", name="Leave").click()
    page.get_by_role("dialog").get_by_role("button", name="Throw my text away").click()


def test_a_broken_file_is_told_with_both_hashes_and_the_page_can_still_be_saved(real: Real, page: Page) -> None:
    file = real.placet.folder / "policies" / "shop.json"
    good = file.read_text()
    newest = int(page.get_by_role("row", name="in force").first.inner_text().split()[0])
    broken = policy({"find_order": {"acton": "deny"}})
    stays = "the old one stays in force"
    real.wait(real.placet.saying(stays, lambda: real.placet.write_policy("shop", broken)))
    try:
        page.goto(real.url + PATH)
        alert = page.locator(".differing")
        expect(alert).to_contain_text(re.compile(r"On disk [0-9a-f]{12}, enforced [0-9a-f]{12}"))
        expect(alert).to_contain_text("did you mean 'action'?")
        saved(page, narrowing("{find_order: {action: deny, reason: Closed}}"), newest + 1)
        assert called(real, "find_order", ORDER).verdict["reason"] == "Closed"
        page.goto(real.url + "/")
        expect(page.locator("#notices")).to_contain_text(re.compile("on disk .* is not the policy in force for shop"))
    finally:
        file.write_text(good)
