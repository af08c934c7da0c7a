"""What the page of one request says before and after a decision: to this person, and where they look."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from playwright.sync_api import expect

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
    page.keyboard.press("e")
    area = page.get_by_label("Arguments, as JSON")
    area.fill(area.input_value().replace("1250", "125"))
    page.get_by_role("button", name="Approve with changes, 1 more needed").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Approve refund_payment with your changes?")
    expect(dialog).to_contain_text("It does not run yet: 1 more from finance has to approve.")
    expect(dialog).to_contain_text("what Bob (bob@example.com) said of it so far no longer counts")
    expect(dialog.get_by_role("button", name="Approve with changes, 1 more needed")).to_be_visible()
