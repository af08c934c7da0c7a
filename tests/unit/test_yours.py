"""What one person's approval comes to, as every surface says it to that person."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from approvals.channels import slack_buttons, slack_views
from approvals.domain.quorum import Need
from approvals.domain.sentences import yours_line
from approvals.domain.terms import Factor
from approvals.testing import samples
from approvals.testing.samples import FINANCE, SECURITY
from approvals.web.shape import needed
from gateway.cli import requests_lines
from gateway.protocol.verdict import ended

TWO, ONE = Factor(members=(FINANCE,), count=2), Factor(members=(SECURITY,))


@pytest.mark.parametrize(
    ("after", "line", "in_a_terminal"),
    [
        pytest.param(
            (Need(factor=TWO, have=2), Need(factor=ONE, have=1)),
            "Your approval is all that is still needed.",
            "your approval is all that is still needed",
            id="it completes all",
        ),
        pytest.param(
            (Need(factor=TWO, have=1), Need(factor=ONE, have=0)),
            "With your approval it still needs 1 of finance and 1 of security.",
            "your approval leaves 1 of finance and 1 of security to approve",
            id="others are needed in both",
        ),
        pytest.param(
            (Need(factor=TWO, have=3), Need(factor=ONE, have=0)),
            "With your approval it still needs 1 of security.",
            "your approval leaves 1 of security to approve",
            id="the own group has enough already",
        ),
    ],
)
def test_what_an_approval_comes_to(after: tuple[Need, ...], line: str, in_a_terminal: str) -> None:
    assert yours_line(after) == line
    nothing: dict[str, Any] = dict.fromkeys(("questions", "votes", "changes", "over"), ())
    shown = {
        **nothing,
        "arguments": {},
        "stopped": None,
        "outcome": None,
        "needs_after": [needed(one) for one in after],
    }
    assert in_a_terminal in requests_lines.page(samples.request(), shown, told="Waiting")
    card = replace(samples.card(), yours=line)
    assert line in str(slack_views.full_call(card)["blocks"])


def test_nobody_is_told_of_an_approval_that_they_cannot_give() -> None:
    assert "pproval" not in str(slack_views.full_call(samples.card(stopped="it is frozen"))["blocks"])


@pytest.mark.parametrize(("factor", "said"), [(TWO, True), (ONE, False)])
def test_slack_promises_no_run_by_one_of_several_approvals(factor: Factor, said: bool) -> None:
    sure = slack_buttons.approve_button(samples.card(samples.request(given=samples.terms(factor))))["confirm"]
    assert ("once all who must have approved, new_order" in sure["text"]["text"]) is said


@pytest.mark.parametrize(
    ("words", "quote"), [("unpaid.", '"unpaid."'), ("unpaid", '"unpaid".'), ("Why?", '"Why?"'), ("", '"".')]
)
def test_a_quotation_ends_its_sentence_once(words: str, quote: str) -> None:
    assert ended(words) == quote
