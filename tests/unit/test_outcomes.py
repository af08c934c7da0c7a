"""What the human behind an agent is told of how a call ended, and when nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from approvals.domain import outcomes
from approvals.domain.model import Answer, Cause, PersonId, State
from approvals.testing import samples
from approvals.testing.samples import ADA, BOB, CARL

ASKED = samples.request(owner="Ada@example.com")
URL = "https://placet.example.com/requests/req_sample"


@pytest.mark.parametrize(
    ("changes", "actor", "told"),
    [
        pytest.param({"state": State.DENIED}, BOB.id, True, id="denied by somebody else"),
        pytest.param({"state": State.SUCCEEDED}, "placet", True, id="ran"),
        pytest.param({"state": State.APPROVED}, BOB.id, False, id="not ended"),
        pytest.param({"state": State.DENIED}, ADA.id, False, id="they ended it themselves"),
        pytest.param(
            {"state": State.SUCCEEDED, "votes": (samples.vote(ASKED, ADA),)}, "placet", False, id="they approved it"
        ),
        pytest.param(
            {"state": State.CANCELLED, "cause": Cause.CLIENT_CANCELLED}, "agent:claude-ada", False, id="taken back"
        ),
        pytest.param({"state": State.EXPIRED, "cause": Cause.TIMED_OUT}, "placet", True, id="nobody decided"),
        pytest.param(
            {"state": State.DENIED, "caller": samples.caller(owner=None)}, BOB.id, False, id="nobody is behind it"
        ),
    ],
)
def test_the_owner_is_told_of_what_others_or_time_made_of_a_call(
    changes: dict[str, Any], actor: str, told: bool
) -> None:
    found = outcomes.to_tell(ASKED, replace(ASKED, **changes), actor)
    assert found == ((ADA.id,) if told else ())


@pytest.mark.parametrize(
    ("changes", "actor", "told"),
    [
        pytest.param({"state": State.DENIED}, CARL.id, (ADA.id, BOB.id), id="others decided"),
        pytest.param(
            {"state": State.DENIED, "votes": (samples.vote(ASKED, BOB),)}, CARL.id, (ADA.id,), id="they voted"
        ),
        pytest.param({"state": State.CANCELLED}, BOB.id, (ADA.id,), id="they ended it themselves"),
        pytest.param({"state": State.EXECUTING}, "placet", (), id="it goes on"),
        pytest.param({"state": State.DENIED, "handed_by": (ADA.id,)}, CARL.id, (ADA.id,), id="the owner handed it on"),
    ],
)
def test_who_handed_it_on_is_told_how_it_ended(changes: dict[str, Any], actor: str, told: tuple[PersonId, ...]) -> None:
    before = replace(ASKED, handed_by=(BOB.id,))
    assert outcomes.to_tell(before, replace(before, **changes), actor) == told


@pytest.mark.parametrize("state", [State(one) for one in outcomes._HOW])
def test_every_end_is_told_in_a_sentence_without_anybody_elses_words(state: State) -> None:
    no = samples.vote(ASKED, BOB, Answer.DENY, reason="Not for Ada")
    said = outcomes.line(replace(ASKED, state=state, votes=(no,)), url=URL)
    assert said.startswith("new_order on binance, which claude-ada asked for, ")
    assert said.endswith(f".\n{URL}")
    assert "Not for Ada" not in said


def test_what_expired_says_why() -> None:
    ended = replace(ASKED, state=State.EXPIRED)
    assert "reached no reviewer" in outcomes.line(replace(ended, cause=Cause.UNDELIVERED), url=URL)
    assert "did not come back" in outcomes.line(replace(ended, cause=Cause.NOT_COLLECTED), url=URL)
    assert "not decided in time" in outcomes.line(replace(ended, cause=Cause.TIMED_OUT), url=URL)
