"""Approving with other arguments on the page: one story, over the fake API."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Screen, request_id, settled

Screens = Callable[..., Screen]


def test_a_call_is_changed_checked_and_approved_where_it_is_read(screen: Screen) -> None:
    screen.expected = ("422",)
    page = settled(screen, f"/requests/{request_id(1)}")
    expect(page.get_by_role("button", name="Change the arguments…")).to_be_visible()
    page.keyboard.press("e")
    area = page.get_by_label("Arguments, as JSON")
    approve = page.get_by_role("button", name="Approve with changes and run refund_payment")
    expect(page.get_by_role("status").filter(has_text="Nothing is changed yet")).to_be_visible()
    expect(approve).to_have_attribute("aria-disabled", "true")
    whole = area.input_value()
    area.fill(whole.replace('"note"', "note"))
    expect(page.locator(".edit .problems")).to_contain_text("Line 5")
    keys = json.loads(whole)
    moved = dict(reversed(keys.items()))
    area.fill(json.dumps(moved, indent=4))
    expect(page.get_by_role("status").filter(has_text="Nothing is changed yet")).to_be_visible()
    expect(page.locator(".edit-diff .diff")).to_have_count(0)
    area.fill(json.dumps({**moved, "amount": 9}))
    expect(page.locator(".edit-diff .gone")).to_have_count(1)
    expect(page.locator(".edit-diff .new")).to_have_count(1)
    area.fill(whole.replace("1250", '"125"'))
    expect(page.locator(".edit-diff")).to_contain_text('"amount": "125"')
    approve.click()
    page.locator("dialog[open]").get_by_role("button", name="Approve with changes and run").click()
    expect(page.locator(".edit .problems")).to_contain_text('Line 2: "125" is not of type "number"')
    area.fill(whole.replace("1250", "125"))
    approve.click()
    dialog = page.locator("dialog[open]")
    expect(dialog).to_contain_text("amount 125")
    dialog.get_by_role("button", name="Approve with changes and run").click()
    expect(page.locator(".verdict")).to_contain_text("Approved by")
    expect(page.get_by_role("region", name="What a reviewer changed")).to_contain_text("/amount was 1250 now 125")
    expect(page.locator(".timeline")).to_contain_text("edited the arguments; earlier votes no longer count")


@pytest.mark.parametrize("scenario", ["over"])
def test_who_comes_second_sees_what_was_changed_and_leaves_it_or_changes_it_again(screen: Screen) -> None:
    page = settled(screen, f"/requests/{request_id(44)}")
    changed = page.get_by_role("region", name="What a reviewer changed")
    expect(changed).to_contain_text("/amount was 4000 now 1250")
    expect(changed).to_contain_text("/rush was 1 removed")
    page.get_by_role("button", name="Change the arguments…").click()
    expect(page.get_by_role("button", name="Approve with changes, 1 more needed")).to_be_visible()
    page.get_by_role("button", name="Leave the call as it is").click()
    expect(page.get_by_role("button", name="Approve and run refund_payment")).to_be_visible()
    page.goto(page.url.replace(f"/requests/{request_id(44)}", "/"))
    expect(page.locator("a.row", has_text="edited")).to_have_count(1)


@pytest.mark.parametrize("scenario", ["over"])
def test_an_approved_call_counts_down_until_it_is_pulled_back(screen: Screen) -> None:
    page = settled(screen, f"/requests/{request_id(45)}")
    bar = page.get_by_role("region", name="Pull back")
    expect(bar).to_contain_text("left")
    expect(page.locator(".verdict")).to_contain_text("unless somebody pulls it back")
    bar.get_by_role("button", name="Pull back").click()
    expect(page.locator(".verdict")).to_contain_text("Cancelled")
    expect(bar).to_have_count(0)
