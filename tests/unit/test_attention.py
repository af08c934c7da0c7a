"""What a reviewer can have read, when an approval is too fast, and what the meter asks for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from approvals.domain import attention
from approvals.domain.attention import Friction, Known, Meter, Mode, Moments, Reading
from approvals.domain.model import Answer
from approvals.testing import samples

T = samples.NOW
YES, NO = Answer.APPROVE, Answer.DENY


def after(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("characters", "seconds"),
    [
        pytest.param(0, 2, id="an empty call still has to be seen"),
        pytest.param(50, 3, id="a second for fifty characters"),
        pytest.param(1_000, 22, id="a screen"),
        pytest.param(1_000_000, 120, id="a megabyte asks for no more than two minutes"),
    ],
)
def test_reading_takes_its_time(characters: int, seconds: float) -> None:
    assert attention.reading_time(characters) == after(seconds)


def test_what_is_read_is_what_the_card_shows_of_this_call() -> None:
    card = samples.card()
    longer = replace(card, justification="x" * 100, warnings=("w" * 10,), over=("o" * 5,))
    assert attention.shown_length(longer) == attention.shown_length(card) + 115


@pytest.mark.parametrize(
    ("moments", "seconds", "known"),
    [
        pytest.param({}, 0, Known.FILED, id="nobody knows, so from when it was filed"),
        pytest.param({"delivered": 5}, 5, Known.CARD, id="the card came"),
        pytest.param({"opened": 9}, 9, Known.PAGE, id="the page was opened"),
        pytest.param({"opened": 9, "delivered": 5}, 5, Known.CARD, id="the first that showed it"),
        pytest.param({"opened": 9, "before": 7}, 9, Known.PAGE, id="they were done with the other before"),
        pytest.param({"opened": 9, "before": 11}, 11, Known.BEFORE, id="nobody reads two things at once"),
        pytest.param({"before": 11}, 11, Known.BEFORE, id="filed long ago, busy until just now"),
    ],
)
def test_a_reviewers_time_begins_when_they_could_read(moments: dict[str, int], seconds: int, known: Known) -> None:
    given = Moments(filed=T, **{name: T + after(at) for name, at in moments.items()})
    assert attention.since(given) == (T + after(seconds), known)


@pytest.mark.parametrize(
    ("answer", "took", "fast"),
    [
        pytest.param(YES, 1.9, True, id="an approval before it could be read"),
        pytest.param(YES, 4, False, id="an approval in time"),
        pytest.param(NO, 0, False, id="a no may be quick"),
        pytest.param(YES, -3, True, id="a clock that went back gives no time"),
    ],
)
def test_only_approvals_are_too_fast(answer: Answer, took: float, *, fast: bool) -> None:
    one = Reading(person="a", answer=answer, at=T + after(took), since=T, known=Known.PAGE, needed=after(4))
    assert (one.too_fast, one.took >= after(0)) == (fast, True)


def of(fast: int, slow: int, denied: int = 0) -> Meter:
    return attention.meter([*[(YES, True)] * fast, *[(YES, False)] * slow, *[(NO, False)] * denied])


@pytest.mark.parametrize(
    ("found", "level"),
    [
        pytest.param(of(19, 0), 0, id="too few to say anything"),
        pytest.param(of(9, 11), 0, id="less than half"),
        pytest.param(of(10, 10), 1, id="half"),
        pytest.param(of(15, 5), 1, id="three quarters"),
        pytest.param(of(16, 4), 2, id="four fifths"),
        pytest.param(of(9, 0, 11), 0, id="denials count as read"),
    ],
)
def test_friction_rises_with_what_was_not_read_and_falls_by_itself(found: Meter, level: int) -> None:
    assert attention.level(Friction(), found) == level


@pytest.mark.parametrize(
    ("friction", "via", "sent"),
    [
        pytest.param(Friction(), "web", "pay", id="asked on the page"),
        pytest.param(Friction(type_at=100), "slack", "yes", id="a confirmation is enough"),
        pytest.param(Friction(), "api", None, id="a program reads nothing anyway"),
        pytest.param(Friction(surfaces=frozenset({"api"})), "api", "pay", id="unless it is said"),
        pytest.param(Friction(mode=Mode.TELL), "web", None, id="only told"),
    ],
)
def test_the_step_is_asked_for_where_it_is_configured(friction: Friction, via: str, sent: str | None) -> None:
    step = attention.step(friction, of(18, 2), tool="pay", via=via)
    assert (step.send if step else None) == sent
    assert step is None or step.why == "You approved 18 of your last 20 calls faster than they can be read"


@pytest.mark.parametrize(
    ("fast", "said", "done"),
    [
        pytest.param(12, None, False, id="nothing was said"),
        pytest.param(12, " ", False, id="nothing but space"),
        pytest.param(12, "yes", True, id="confirmed"),
        pytest.param(12, "pay", True, id="who types the name has confirmed"),
        pytest.param(18, "yes", False, id="a confirmation is not the name"),
        pytest.param(18, "Pay", False, id="the name is exact"),
        pytest.param(18, "pay ", True, id="but for space around it"),
        pytest.param(0, None, True, id="nothing was asked for"),
    ],
)
def test_a_step_is_done_by_what_was_asked_for(fast: int, said: str | None, *, done: bool) -> None:
    step = attention.step(Friction(), of(fast, 20 - fast), tool="pay", via="web")
    assert attention.is_done(step, said) is done
