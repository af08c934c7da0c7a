"""Calls that are alike are one row and one table: decided row by row, and only what was on the screen."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import RunningConsole
from tests.browser.conftest import Screen, request_id, settled
from tests.fakes import console_samples as samples
from tests.fakes.console_folds import FOLD, one

STORM = pytest.mark.parametrize("scenario", ["storm"])


def send(page: Page, words: str, typed: str) -> None:
    page.locator(".fold-bar").get_by_role("button", name=words).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name=words)).to_be_disabled()
    dialog.locator("input.mono").fill(typed)
    dialog.get_by_role("button", name=words).click()
    expect(dialog).to_have_count(0)


@STORM
@pytest.mark.must_have(22)
@pytest.mark.pain(18, 30)
def test_a_storm_is_decided_row_by_row_and_what_joins_later_is_not(screen: Screen, console: RunningConsole) -> None:
    fake, page = console.fake, settled(screen, "/")
    rows = page.locator("a.row")
    expect(rows).to_have_count(2)
    rows.filter(has_text="7 calls").click()
    table = page.locator(".fold-table tbody tr")
    expect(table).to_have_count(7)
    expect(page.locator(".fold-facts")).to_contain_text("EUR")
    expect(page.locator(".fold-table thead")).to_contain_text("amount")
    expect(page.locator(".fold-table")).to_contain_text("U+202E")
    assert page.locator(".fold-table img, .fold-table script").count() == 0
    expect(table.nth(4).get_by_role("button", name="Approve")).to_be_disabled()
    page.keyboard.press("Shift+A")
    expect(page.locator(".fold-count")).to_have_text("7 calls waiting here, 6 marked")
    table.nth(1).get_by_role("button", name="Deny").click()
    table.nth(1).get_by_label("Reason").fill("Not this one")
    console.call(lambda: fake.add(one(datetime.now(UTC), 8)))
    expect(page.get_by_role("button", name="1 call more like these: show")).to_be_visible()
    other = samples.vote(samples.BEN, "deny", datetime.now(UTC))
    console.call(lambda: fake.record(request_id(3), other))
    expect(table.nth(2)).to_contain_text("Denied by ben@example.com")
    send(page, "Approve 4, deny 1", "4")
    expect(table.nth(0)).to_contain_text("Recorded: Approved")
    expect(table.nth(1)).to_contain_text("Recorded: Denied")
    states = {number: fake.requests[request_id(number)]["state"] for number in range(1, 9)}
    assert states == dict.fromkeys((1, 4, 6, 7), "approved") | {2: "denied", 3: "denied", 5: "pending", 8: "pending"}
    assert fake.requests[request_id(2)]["votes"][-1]["reason"] == "Not this one"
    page.get_by_role("button", name="1 call more like these: show").click()
    expect(table).to_have_count(8)
    expect(table.nth(7).get_by_role("button", name="Approve")).to_have_attribute("aria-pressed", "false")


@STORM
@pytest.mark.pain(20)
def test_a_flood_hides_nothing_and_the_list_goes_on_to_its_end(screen: Screen, console: RunningConsole) -> None:
    fake, start = console.fake, datetime.now(UTC)
    fake.requests = {row["id"]: row for row in (one(start, number) for number in range(1, 501))}
    for number in range(501, 751):
        row = samples.sample(number, start, age=1_000 + number, tool=f"tool_{number}", fold=None)
        fake.requests[row["id"]] = row
    page = settled(screen, "/")
    rows = page.locator("a.row")
    expect(rows).to_have_count(100)
    expect(rows.filter(has_text="alike")).to_contain_text("500 calls that are alike")
    expect(page.locator("#nav-count")).to_contain_text("750")
    for count in (200, 251):
        page.get_by_role("button", name="Show more").click()
        expect(rows).to_have_count(count)
    expect(page.get_by_role("button", name="Show more")).to_have_count(0)
    expect(rows.last).to_contain_text("tool_750")
    fake.requests[request_id(1)]["state"] = "denied"
    console.call(lambda: fake.tell(request_id(1)))
    expect(rows.filter(has_text="alike")).to_contain_text("499 calls")
    expect(rows).to_have_count(251)


@STORM
@pytest.mark.must_have(17)
@pytest.mark.pain(4, 5)
def test_what_stands_over_rows_is_true_of_each_and_each_says_what_became_of_it(
    screen: Screen, console: RunningConsole
) -> None:
    fake, page = console.fake, settled(screen, f"/?fold={FOLD}")
    table = page.locator(".fold-table tbody tr")
    expect(table).to_have_count(7)
    for number in (1, 2, 3, 4, 6, 7):
        ben = samples.vote(samples.BEN, "deny" if number == 2 else "approve", datetime.now(UTC))
        console.call(lambda number=number, ben=ben: fake.record(request_id(number), ben))  # type: ignore[misc]
    expect(table.nth(0)).to_contain_text("Approved by ben@example.com")
    expect(page.locator(".fold-facts")).not_to_contain_text("amount")
    assert [row.locator('[data-name="amount"]').inner_text() for row in table.all()] == [
        str(20 * number) for number in range(1, 8)
    ]
    expect(table.nth(0)).not_to_contain_text("left")
    expect(table.nth(4)).to_contain_text("left")
    expect(page.locator("a.row", has_text="alike")).to_have_count(0)

    def ran(number: int) -> None:
        fake.requests[request_id(number)].update(state="succeeded", revision=9)
        fake.tell(request_id(number))

    for number in (1, 3):
        console.call(lambda number=number: ran(number))  # type: ignore[misc]
        expect(table.nth(number - 1)).to_contain_text("Ran, approved by ben@example.com")
    expect(table.nth(1)).to_contain_text("Denied by ben@example.com")
    five = samples.vote(samples.BEN, "deny", datetime.now(UTC))
    console.call(lambda: fake.record(request_id(5), five))
    expect(page.locator(".fold")).to_contain_text("None waits any more")
    expect(page.get_by_role("button", name="Approve all shown")).to_be_hidden()
    expect(table).to_have_count(7)


@STORM
def test_a_group_under_a_pause_offers_no_approval_and_says_why(screen: Screen, console: RunningConsole) -> None:
    for number in range(1, 8):
        row = console.fake.requests[request_id(number)]
        stop = {"kind": "pause", "scope": f"agent:{row['agent']}", "at": row["created_at"]}
        row.update(stopped=stop | dict.fromkeys(("by", "name", "reason", "until")), may_approve=False)
    page = settled(screen, f"/?fold={FOLD}")
    expect(page.locator(".fold-notes")).to_contain_text("is paused. Until somebody resumes it you can deny this")
    expect(page.get_by_role("button", name="Approve all shown")).to_be_disabled()
    expect(page.locator(".fold-table").get_by_role("button", name="Approve", disabled=False)).to_have_count(0)
    expect(page.locator(".fold-table").get_by_role("button", name="Deny", disabled=False)).to_have_count(6)


@STORM
def test_arguments_that_change_take_the_mark_away(screen: Screen, console: RunningConsole) -> None:
    page = settled(screen, f"/?fold={FOLD}")
    first = page.locator(".fold-table tbody tr").first
    first.get_by_role("button", name="Approve").click()

    def edited() -> None:
        row = console.fake.requests[request_id(1)]
        row.update(arguments={**row["arguments"], "amount": 9_999}, binding="another", revision=2)
        console.fake.tell(row["id"])

    console.call(edited)
    expect(first).to_contain_text("9999")
    expect(first).to_contain_text("changed since they were shown")
    expect(first.get_by_role("button", name="Approve")).to_have_attribute("aria-pressed", "false")
