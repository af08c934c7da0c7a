"""Approve and trust: a shape is loosened on purpose, tried before the click, seen on the page of grants, taken back."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import RunningConsole
from tests.browser.conftest import Screen, request_id, settled

pytestmark = pytest.mark.parametrize("scenario", ["trusted"])
PLAIN, PROPOSED, COVERED = (request_id(n) for n in (71, 72, 73))


def test_a_call_is_approved_and_calls_like_it_are_trusted_until_that_is_taken_back(
    screen: Screen, console: RunningConsole
) -> None:
    screen.expected = ("422",)
    page = settled(screen, f"/requests/{PLAIN}")
    expect(page.get_by_role("button", name="Approve and trust…")).to_be_enabled()
    page.keyboard.press("t")
    dialog = page.get_by_role("dialog", name="Approve and trust calls like this?")
    expect(dialog.get_by_role("listitem")).to_have_count(5)
    expect(dialog.get_by_role("status")).to_contain_text("Would have matched 3 of the last 88 calls")
    expect(dialog.get_by_label("Only in the session this call came from")).to_be_checked()
    dialog.get_by_label("How amount may vary").select_option("range")
    dialog.get_by_label("Most of amount").fill("200")
    dialog.get_by_label("How to may vary").select_option("one_of")
    dialog.get_by_label("Values of to, one a line").fill("acme\nbolt")
    dialog.get_by_label("How file may vary").select_option("prefix")
    expect(dialog.get_by_label("Beginning of file")).to_have_value("/srv/invoices/2026/")
    dialog.get_by_label("How memo may vary").select_option("any")
    expect(dialog.get_by_role("status")).to_contain_text("(1 of them was denied)")
    dialog.get_by_label("How many more calls").fill("500")
    expect(dialog.get_by_role("alert")).to_contain_text("from 1 to 100")
    dialog.get_by_label("How many more calls").fill("3")
    dialog.get_by_label("At most in all").fill("500")
    expect(dialog.get_by_role("alert")).to_be_hidden()
    with page.expect_request("**/decision") as sent:
        dialog.get_by_role("button", name="Approve and trust").click()
    body = sent.value.post_data_json
    assert body is not None
    assert body["grant"] == {
        "arguments": {
            "/amount": {"range": {"min": "0", "max": "200"}},
            "/to": {"one_of": ["acme", "bolt"]},
            "/memo": {"any": True},
            "/file": {"prefix": "/srv/invoices/2026/"},
        },
        "for": "3600s",
        "uses": 3,
        "budget": {"argument": "/amount", "max": "500"},
        "scope": "session",
    }
    given = page.get_by_role("region", name="Standing grants")
    expect(given).to_contain_text("This session only")
    expect(given).to_contain_text("3 of 3 calls left")
    given.get_by_role("link", name="Its uses").click()
    expect(page.get_by_role("dialog", name="What it let run")).to_contain_text("Nothing yet")
    page.keyboard.press("Escape")
    in_force = page.get_by_role("region", name="In force")
    expect(in_force.locator(".grant")).to_have_count(3)
    in_force.get_by_role("button", name="Take back…").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Take it back").click()
    expect(in_force.locator(".grant")).to_have_count(2)
    expect(page.get_by_role("region", name="Before", exact=True)).to_contain_text("taken back")
    expect(page.get_by_role("region", name="Before", exact=True)).to_contain_text("its session ended")
    console.fake.grants.clear()
    screen.open("/grants")
    expect(in_force).to_contain_text("No grant is in force")


def test_what_somebody_proposed_stands_in_the_form_of_the_next_one(screen: Screen) -> None:
    page = settled(screen, f"/requests/{PROPOSED}")
    expect(page.get_by_role("region", name="Votes")).to_contain_text("and to trust 10 more calls of its shape")
    page.get_by_role("button", name="Approve and trust…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("cleo@example.com proposed what stands here")
    expect(dialog.get_by_label("Most of amount")).to_have_value("200")
    expect(dialog.get_by_label("How many more calls")).to_have_value("10")
    expect(dialog.get_by_label("At most in all")).to_have_value("500")
    expect(dialog).to_contain_text("Not bound to one session: its agent has no session with Placet")
    expect(dialog.get_by_role("radio")).to_have_count(0)


def test_a_covered_call_says_whose_grant_spoke_for_it(screen: Screen) -> None:
    page = settled(screen, f"/requests/{COVERED}")
    expect(page.get_by_role("region", name="Decision")).to_contain_text("by a standing grant that Ada gave")
    page.get_by_role("link", name="the grant").click()
    expect(page.get_by_role("dialog", name="What it let run")).to_contain_text("95.83")
