"""A real Chromium signs in at a real identity provider, and decides what only a group of the provider may decide."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.harness import PATIENCE_SECONDS, Placet
from tests.browser.conftest import Screen
from tests.browser.real import Real
from tests.fakes.authorization_server import AuthorizationServer, authorization_server

CALLBACK = "/login/oidc/callback"
NAME = "Example SSO"


class Provider:
    """An issuer on a loop of its own: Playwright has the main thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="identity provider")
        self.thread.start()
        self._running = authorization_server("/realms/main")
        self.issuer: AuthorizationServer = self._wait(self._running.__aenter__())
        self.issuer.metadata = {"end_session_endpoint": self.issuer.issuer + "/end"}

    def _wait(self, job: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(job, self.loop).result(timeout=PATIENCE_SECONDS)

    def configure(self, placet: Placet) -> None:
        """What the configuration says of it."""
        self.issuer.redirects = {placet.url + CALLBACK}
        placet.config["login"] = {
            "local": False,
            "oidc": {
                "issuer": self.issuer.issuer,
                "client_id": "placet",
                "client_secret": "s3cret",
                "name": NAME,
                "groups_claim": ["realm_access", "roles"],
                "roles": {"reviewer": ["approvers"]},
                "admit_groups": ["approvers"],
            },
        }
        placet.config["approvals"] = {"reviewers": ["group:oidc:approvers"]}
        placet.write_config()

    def is_somebody(self, email: str, *groups: str) -> None:
        """Who signs in next."""
        self.issuer.person = {
            "sub": f"sub-{email}",
            "email": email,
            "email_verified": True,
            "name": email.split("@")[0].title(),
            "realm_access": {"roles": list(groups)},
            "acr": "silver",
            "amr": ["pwd", "otp"],
        }

    def close(self) -> None:
        """End it."""
        self._wait(self._running.__aexit__(None, None, None))
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(timeout=PATIENCE_SECONDS)
        self.loop.close()


@dataclass(frozen=True)
class House:
    """The running service, its provider, and somebody in the configuration who reads along."""

    real: Real
    provider: Provider


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    provider = Provider()
    real = Real(tmp_path_factory.mktemp("placet"), provider.configure)
    yield House(real, provider)
    real.close()
    provider.close()


@pytest.fixture
def screen(house: House, chromium: Browser) -> Iterator[Screen]:
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    screen = Screen(context.new_page(), house.real.url)
    screen.expected = ("status of 401", "status of 403", "status of 404")
    yield screen
    complaints = screen.unexpected()
    context.close()
    assert complaints == []


def _press(page: Page) -> None:
    page.get_by_role("button", name=f"Continue with {NAME}").click()


@pytest.mark.must_have(13)
def test_somebody_of_the_right_group_signs_in_decides_and_signs_out(house: House, screen: Screen) -> None:
    real = house.real
    house.provider.is_somebody("zoe@example.com", "approvers", "staff")
    call = real.call("send_mail", {"to": "a customer", "text": "Dear customer"})
    page = screen.page
    page.goto(real.url + "/history")
    expect(page).to_have_url(f"{real.url}/login?next=%2Fhistory")
    expect(page.get_by_text("One-time link")).to_have_count(0)
    _press(page)
    expect(page.get_by_role("heading", name="History")).to_be_visible()
    page.goto(real.url)
    page.locator("a.row", has_text="a customer").click()
    page.get_by_role("button", name="Approve").first.click()
    if page.locator("dialog[open]").count():
        page.locator("dialog[open]").get_by_role("button", name="Approve").click()
    assert real.said(call).result.get("isError") is not True
    me = page.evaluate("async () => (await fetch('/api/v1/me')).json()")
    assert me["person"] == {
        "id": "zoe@example.com",
        "name": "Zoe",
        "roles": ["reviewer"],
        "groups": ["oidc:approvers", "oidc:staff"],
    }
    request = page.evaluate("async () => (await (await fetch('/api/v1/requests?state=succeeded')).json()).requests[0]")
    rows = page.evaluate("async (id) => (await (await fetch(`/api/v1/requests/${id}/timeline`)).json())", request["id"])
    how = next(row["detail"]["sign_in"] for row in rows["events"] if "sign_in" in row["detail"])
    assert (how["method"], how["issuer"], how["acr"], how["amr"]) == (
        "oidc",
        house.provider.issuer.issuer,
        "silver",
        ["pwd", "otp"],
    )
    page.get_by_role("button", name="Zoe").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
    page.get_by_role("button", name=f"Sign out of {NAME}, too").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    assert house.provider.issuer.asked_for("/end")[0]["client_id"] == "placet"


def test_a_stranger_is_told_on_the_page_whom_to_ask(house: House, screen: Screen) -> None:
    house.provider.is_somebody("mallory@example.com", "guests")
    page = screen.page
    page.goto(house.real.url)
    _press(page)
    expect(page.get_by_role("heading", name="You are not signed in")).to_be_visible()
    expect(page.get_by_role("alert").filter(has_text="mallory@example.com is not known here")).to_be_visible()
    page.goto(f"{house.real.url}/login#plc_login_x")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert").filter(has_text="switched off here")).to_be_visible()
