"""Going away and coming back on the page: for oneself, with a delegate, and seen by others."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Screen, settled


def test_a_reviewer_goes_away_and_comes_back(screen: Screen) -> None:
    page = settled(screen, "/people?id=you@example.com")
    page.get_by_role("button", name="Away…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Who decides meanwhile, by address").fill("ben@example.com")
    dialog.get_by_role("button", name="Set").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_text("ben@example.com")).to_be_visible()
    page.get_by_role("button", name="Back…").click()
    page.get_by_role("dialog").get_by_role("button", name="Back", exact=True).click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Away…")).to_be_visible()
