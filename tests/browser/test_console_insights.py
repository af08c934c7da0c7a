"""The numbers as they are drawn, the step of who approves too fast, and answers about outcomes, on the page."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route, expect

from tests.browser.chromium import RunningConsole
from tests.browser.conftest import Screen, request_id, settled

MAIL, RAN = (request_id(n) for n in (2, 28))


@pytest.mark.must_have(25)
def test_the_numbers_are_drawn_and_each_drawing_has_its_table(screen: Screen) -> None:
    page = settled(screen, "/insights")
    expect(page.get_by_role("img", name="202 requests in 30 bars")).to_have_count(0)
    expect(page.get_by_role("img", name="requests in 30 bars")).to_be_visible()
    expect(page.get_by_role("img", name="Busiest: Mon")).to_be_visible()
    for figure in page.get_by_role("figure").all():
        figure.get_by_text("The numbers").click()
        expect(figure.get_by_role("row").nth(1)).to_be_visible()
    ada = page.get_by_role("region", name="Reviewers").get_by_role("row").nth(1)
    expect(ada).to_contain_text("74 of 96")
    expect(ada).to_contain_text("Types the tool's name")
    expect(page.get_by_role("link", name="/tools/send_mail/approve_if/0")).to_be_visible()


@pytest.mark.parametrize("scenario", ["fast"])
def test_who_approves_too_fast_types_the_tools_name_and_the_decision_carries_it(
    screen: Screen, console: RunningConsole
) -> None:
    page = settled(screen, f"/requests/{MAIL}")
    page.keyboard.press("a")
    dialog = page.get_by_role("dialog", name="Approve send_mail?")
    expect(dialog).to_contain_text("You approved 18 of your last 20 calls faster than they can be read.")
    approve = dialog.get_by_role("button", name="Approve")
    expect(approve).to_be_disabled()
    dialog.get_by_label("Type the tool's name").fill("send_mail")
    with page.expect_request("**/decision") as sent:
        approve.click()
    assert (sent.value.post_data_json or {})["confirm"] == "send_mail"
    expect(page.get_by_role("region", name="Decision")).to_contain_text("Approved")


@pytest.mark.parametrize("scenario", ["fast"])
def test_an_outcome_is_answered_and_the_answer_can_be_changed(screen: Screen) -> None:
    page = settled(screen, f"/requests/{RAN}")
    asked = page.get_by_role("region", name="As expected?")
    expect(asked).to_contain_text("Ben: not as expected (“Charged twice”)")
    asked.get_by_role("button", name="As expected", exact=True).click()
    expect(asked).to_contain_text("Ada: as expected")
    asked.get_by_role("button", name="Not as expected").click()
    dialog = page.get_by_role("dialog", name="Not as expected")
    dialog.get_by_label("Note (optional)").fill("I looked again")
    dialog.get_by_role("button", name="Note that it was not as expected").click()
    expect(asked).to_contain_text("Ada: not as expected (“I looked again”)")


def test_who_sees_their_own_numbers_is_not_told_that_nothing_was_asked(screen: Screen) -> None:
    def own(route: Route) -> None:
        body = route.fetch().json()
        nothing = {name: 0 for name, value in body["requests"].items() if isinstance(value, int)}
        body |= {"scope": "own", "requests": {**body["requests"], **nothing}, "load": [0] * 168}
        body["pace"]["decisions"] = 0
        route.fulfill(json=body)

    screen.page.route("**/api/v1/insights*", own)
    page = settled(screen, "/insights")
    expect(page.get_by_role("heading", name="You decided nothing in this time.")).to_be_visible()
    expect(page.locator("main")).to_contain_text(
        "In no full hour of the last 8 weeks was anything asked that you decided"
    )
    expect(page.locator("main")).not_to_contain_text("Nothing was asked")
