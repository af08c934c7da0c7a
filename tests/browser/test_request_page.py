"""What the page of one request says before and after a decision: to this person, and where they look."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import RunningConsole
from tests.browser.conftest import Screen, request_id, settled
from tests.fakes.console_samples import vote

Screens = Callable[..., Screen]
Needs = list[tuple[str, int, int]]

AT_ONCE = "The agent is waiting. Once approved, the call runs at once, exactly as shown."
EFFECTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "one-person-fills-both": (
        {"needs_after": [("finance", 1, 1), ("security", 1, 1)]},
        "Approve and run pay",
        AT_ONCE,
    ),
    "a-group-that-is-met-already": (
        {"needs_after": [("finance", 1, 2), ("security", 1, 0)]},
        "Approve pay, 1 more needed",
        "It does not run yet: 1 more from security has to approve.",
    ),
    "two-groups-may-be-one-person": (
        {"needs_after": [("finance", 2, 1), ("security", 1, 0), ("legal", 1, 1)]},
        "Approve pay, more needed",
        "It does not run yet: 1 more from finance and 1 more from security have to approve.",
    ),
    "two-of-one-group": (
        {"needs_after": [("finance", 3, 1)]},
        "Approve pay, 2 more needed",
        "It does not run yet: 2 more from finance have to approve.",
    ),
    "who-may-not-decide-is-promised-nothing": ({"needs_after": None}, "Approve pay", AT_ONCE),
    "nobody-waits": (
        {"needs_after": [("finance", 1, 1)], "waiting": False},
        "Approve pay",
        "The agent is not waiting any more. Once approved, the call runs only if the agent repeats it in time.",
    ),
    "an-answer-that-needs-more": (
        {"needs_after": [("finance", 2, 1)], "answer_to": "req_1"},
        "Approve this answer, 1 more needed",
        "It does not go on yet: 1 more from finance has to approve.",
    ),
    "an-edit-counts-alone": (
        {"needs_after": [("finance", 2, 2)], "needs_after_edit": [("finance", 2, 1)], "edit": True},
        "Approve with changes, 1 more needed",
        "It does not run yet: 1 more from finance has to approve.",
    ),
    "an-edit-that-is-enough": (
        {"needs_after": [("finance", 1, 1)], "needs_after_edit": [("finance", 1, 1)], "edit": True},
        "Approve with changes and run pay",
        AT_ONCE,
    ),
}
IN_THE_PAGE = """async (cases) => {
  const { approveWords, asEdited, effectWords } = await import("/static/js/request/effect.js");
  const said = (one) => (one.edit ? asEdited(one, {}) : one);
  return cases.map((one) => [approveWords(said(one)), effectWords(said(one))]);
}"""


def needs(of: Needs | None) -> list[dict[str, Any]] | None:
    return None if of is None else [{"members": [f"group:{g}"], "count": c, "have": h} for g, c, h in of]


def test_what_an_approval_does_is_said_of_this_persons_own(screen: Screen) -> None:
    page = screen.open("/grants")
    plain = {"tool": "pay", "waiting": True, "votes": [], "answer_to": None}
    cases = [
        {**plain, **given, **{name: needs(given[name]) for name in given if name.startswith("needs")}}
        for given, _, _ in EFFECTS.values()
    ]
    said = page.evaluate(IN_THE_PAGE, cases)
    assert dict(zip(EFFECTS, map(tuple, said), strict=True)) == {
        name: (button, effect) for name, (_, button, effect) in EFFECTS.items()
    }


def change(console: RunningConsole, number: int, **fields: Any) -> None:
    """The request is otherwise from now on, and open pages hear of it."""

    def both() -> None:
        row = console.fake.requests[request_id(number)]
        console.fake.requests[row["id"]] = {**row, "revision": row["revision"] + 1, **fields}
        console.fake.tell(row["id"])

    console.call(both)


def test_an_edit_is_confirmed_as_an_edit_that_voids_the_other_votes(console: RunningConsole, screen: Screen) -> None:
    two = [{"group": "finance", "members": ["group:finance"], "count": 2, "have": 1}]
    bob = {**vote("bob@example.com", "approve", datetime.now(UTC)), "name": "Bob"}
    done = [{**need, "have": 2} for need in two]
    change(console, 1, needs=two, votes=[bob], needs_after=done, needs_after_edit=two)
    page = settled(screen, f"/requests/{request_id(1)}")
    expect(page.get_by_role("button", name="Approve and run refund_payment")).to_be_visible()
    page.get_by_role("button", name="Change the arguments…").click()
    area = page.get_by_label("Arguments, as JSON")
    area.fill(area.input_value().replace("1250", "125"))
    page.get_by_role("button", name="Approve with changes, 1 more needed").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Approve refund_payment with your changes?")
    expect(dialog).to_contain_text("It does not run yet: 1 more from finance has to approve.")
    expect(dialog).to_contain_text("what Bob (bob@example.com) said of it so far no longer counts")
    expect(dialog.get_by_role("button", name="Approve with changes, 1 more needed")).to_be_visible()


def at_the_foot(page: Page, text: str) -> None:
    """What came of a press stands in sight, above the buttons."""
    note = page.get_by_role("alert").filter(has_text=text)
    expect(note).to_be_in_viewport(ratio=1)
    assert note.evaluate("e => e.closest('.slot-decision') !== null")


LONG = {f"line_{n}": "some words that stand here" for n in range(60)}


def test_a_refusal_stands_where_the_buttons_are_and_has_the_focus(console: RunningConsole, screen: Screen) -> None:
    screen.expected = ("403",)
    change(console, 1, arguments=LONG)
    page = settled(screen, f"/requests/{request_id(1)}")
    page.get_by_role("button", name="Deny and tell the agent").click()
    console.call(lambda: console.fake.requests[request_id(1)].update(may_decide=False))
    page.get_by_role("dialog").get_by_role("button", name="Deny and tell the agent").click()
    at_the_foot(page, "You may not decide this")
    expect(page.get_by_role("alert")).to_be_focused()
    page.get_by_role("button", name="Close", exact=True).click()
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator(".request-title")).to_be_focused()


def test_who_handed_it_on_is_not_told_that_the_call_changed(console: RunningConsole, screen: Screen) -> None:
    page = settled(screen, f"/requests/{request_id(1)}")
    expect(page.get_by_role("button", name="Approve and run refund_payment")).to_be_visible()
    change(console, 1, binding=None, arguments_sha256=None, redacted=True, may_decide=False, needs_after=None)
    expect(page.get_by_text("Secrets in this call are masked")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    change(console, 1, binding="b" * 64, redacted=False, may_decide=True)
    expect(page.get_by_text("Secrets in this call are masked")).to_have_count(0)
    expect(page.get_by_role("alert")).to_have_count(0)
    change(console, 1, binding="c" * 64)
    at_the_foot(page, "The arguments changed since you opened this.")


def test_an_editor_is_not_told_of_their_own_edit_and_offered_no_other(console: RunningConsole, screen: Screen) -> None:
    two = [{"group": "finance", "members": ["group:finance"], "count": 2, "have": 0}]
    one = [{**two[0], "have": 1}]
    change(console, 1, needs=two, needs_after=one, needs_after_edit=one, risk="read", severity="low")
    page = settled(screen, f"/requests/{request_id(1)}")
    page.get_by_role("button", name="Change the arguments…").click()
    area = page.get_by_label("Arguments, as JSON")
    area.fill(area.input_value().replace("1250", "125"))
    page.get_by_role("button", name="Approve with changes, 1 more needed").click()
    expect(page.get_by_role("region", name="What a reviewer changed")).to_contain_text("/amount was 1250 now 125")
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_role("button", name="Change the arguments…")).to_have_count(0)


def test_what_was_typed_is_not_lost_by_a_refusal_nor_by_somebody_elses_edit(
    console: RunningConsole, screen: Screen
) -> None:
    screen.expected = ("409", "403")
    change(console, 1, risk="read", severity="low")
    page = settled(screen, f"/requests/{request_id(1)}")
    page.get_by_role("button", name="Change the arguments…").click()
    area = page.get_by_label("Arguments, as JSON")
    area.fill(area.input_value().replace("1250", "125"))
    approve = page.get_by_role("button", name="Approve with changes and run")
    pause = {"kind": "pause", "scope": "agent:claude-ada", "by": None, "name": None, "reason": None, "until": None}
    at = console.fake.requests[request_id(1)]["created_at"]
    change(console, 1, stopped={**pause, "at": at}, may_approve=False)
    expect(approve).to_have_attribute("aria-disabled", "true")
    foot = page.get_by_role("region", name="Your decision")
    expect(foot).to_contain_text("Agent claude-ada is paused. Until somebody resumes it you can deny this")
    change(console, 1, stopped=None, may_approve=True)
    expect(approve).not_to_have_attribute("aria-disabled", "true")
    console.call(lambda: console.fake.requests[request_id(1)].update(may_decide=False))
    approve.click()
    at_the_foot(page, "You may not decide this")
    expect(page.get_by_role("button", name="Copy what you had typed")).to_be_visible()
    change(console, 1, may_decide=True)
    page.get_by_role("button", name="Change the arguments…").click()
    area.fill(area.input_value().replace("1250", "7"))
    change(console, 1, binding="c" * 64)
    at_the_foot(page, "The arguments changed since you opened this.")
    expect(page.get_by_role("button", name="Copy what you had typed")).to_be_visible()
    expect(area).to_have_count(0)


def test_one_long_text_is_read_to_its_end_on_a_phone_before_it_is_approved(
    console: RunningConsole, screens: Screens
) -> None:
    change(console, 1, risk="read", severity="low", arguments={"note": "word " * 700})
    page = settled(screens(width=390, height=844), f"/requests/{request_id(1)}")
    approve = page.get_by_role("button", name="Approve and run refund_payment")
    expect(approve).to_have_attribute("aria-disabled", "true")
    expect(page.get_by_text("Read the arguments to the end first")).to_be_visible()
    page.locator(".args-end").scroll_into_view_if_needed()
    expect(approve).not_to_have_attribute("aria-disabled", "true")


@pytest.mark.parametrize("scenario", ["over"])
def test_a_call_in_its_cancel_window_is_taken_back_in_one_place(screen: Screen) -> None:
    page = settled(screen, f"/requests/{request_id(45)}")
    expect(page.get_by_role("button", name="Pull back")).to_be_visible()
    expect(page.get_by_role("button", name="Take the call back…")).to_have_count(0)


@pytest.mark.parametrize("scenario", ["trusted"])
def test_a_grant_that_was_refused_is_there_again_as_it_was_put_together(
    console: RunningConsole, screen: Screen
) -> None:
    screen.expected = ("403",)
    number = next(n for n in range(1, 99) if _trusts(console, n))
    page = settled(screen, f"/requests/{request_id(number)}")
    page.get_by_role("button", name="Approve and trust…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("How many more calls").fill("17")
    console.call(lambda: console.fake.requests[request_id(number)].update(may_decide=False))
    dialog.get_by_role("button", name="Approve and trust").click()
    at_the_foot(page, "You may not decide this")
    change(console, number, may_decide=True)
    page.get_by_role("button", name="Approve and trust…").click()
    expect(dialog.get_by_label("How many more calls")).to_have_value("17")


def _trusts(console: RunningConsole, number: int) -> bool:
    row = console.fake.requests.get(request_id(number))
    return row is not None and row["why_no_grant"] is None and row["may_decide"] is True


@pytest.mark.parametrize("scenario", ["stopped"])
def test_the_record_names_who_ended_it_or_let_it_run_without_a_vote(console: RunningConsole, screen: Screen) -> None:
    page = settled(screen, f"/requests/{request_id(51)}")
    verdict = page.locator(".verdict")
    expect(verdict).to_contain_text("without approval: break-glass was open, by Cleo, confirmed by Ben")
    page.goto(page.url.replace(request_id(51), request_id(26)))
    expect(verdict).to_contain_text("Cancelled by Agent claude-ada")
    change(console, 1, may_cancel=True)
    page.goto(page.url.replace(request_id(26), request_id(1)))
    page.get_by_role("button", name="Take the call back…").click()
    page.get_by_role("dialog").get_by_role("button", name="Take the call back").click()
    expect(verdict).to_contain_text("Cancelled by You")
    expect(verdict).to_contain_text("It did not run: it was taken back.")
    page.goto(page.url.replace(f"requests/{request_id(1)}", "history"))
    expect(page.get_by_role("row", name="Cancelled").first).to_contain_text("You · it was taken back")
    expect(page.get_by_role("row", name="break-glass")).to_contain_text("break-glass by Cleo and Ben")


def test_a_place_that_is_wrong_is_called_as_people_call_it(screen: Screen) -> None:
    page = settled(screen, f"/requests/{request_id(1)}")
    screen.expected = ("422",)
    bodies = {
        "/to/0: at least 3 characters": "/to/0",
        "grant/arguments/url: it begins with too little": "grant/arguments/url",
        "to: nobody is in group:nobody": "to",
    }
    told = []
    for detail, field in bodies.items():
        body = {"code": "invalid", "detail": detail, "field": field, "status": 422}
        page.route(
            "**/api/v1/requests/*/reassign", lambda route, _request, body=body: route.fulfill(status=422, json=body)
        )
        page.get_by_role("button", name="Hand on…").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("textbox").first.fill("x")
        dialog.get_by_role("button", name="Hand it on").click()
        expect(dialog.get_by_role("alert")).to_be_visible()
        told.append(dialog.get_by_role("alert").text_content())
        dialog.get_by_role("button", name="Go back").click()
        page.unroute("**/api/v1/requests/*/reassign")
    assert told == [
        "to, no. 1: at least 3 characters",
        "url: it begins with too little",
        "to: nobody is in group:nobody",
    ]


@pytest.mark.parametrize("scenario", ["over"])
def test_a_change_stands_in_one_line_of_the_timeline(screen: Screen) -> None:
    page = settled(screen, f"/requests/{request_id(44)}")
    amount = page.locator(".timeline .changes li", has_text="/amount")
    expect(amount.locator("ins")).to_contain_text("1250")
    # Both in one look: what comes in above moves them.
    top = "[...e.querySelectorAll('.change-at, ins')].map((one) => Math.round(one.getBoundingClientRect().top))"
    path, new = amount.evaluate(f"(e) => {top}")
    assert abs(path - new) <= 4
