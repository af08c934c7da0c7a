"""An approval from Slack needs the whole call readable there: the rule, place by place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from approvals.channels import slack_views as views
from approvals.channels.slack_readable import Place, why_not
from approvals.domain.card import Card
from approvals.domain.group_card import Group, make_group
from approvals.testing import samples

SHORT, LONG, ENDLESS = {"n": 1}, {"memo": "safe " * 500}, {"memo": "safe " * 12_000}


def carded(arguments: Any, **but: Any) -> tuple[Card, Group]:
    """A call's card, and the card it shares with another."""
    one, other = (samples.request({**arguments, "at": at}, id=f"req_{at}", **but) for at in range(2))
    return samples.card(one), make_group([one, other], ended=(), url="/?fold=1", now=samples.NOW)


@pytest.mark.parametrize(
    ("arguments", "place", "refused"),
    [
        pytest.param(SHORT, Place.CARD, None, id="all of it is on the card"),
        pytest.param(SHORT, Place.FULL_CALL, None, id="all of it is on one page"),
        pytest.param(SHORT, Place.FORM, None, id="all of it is in the form"),
        pytest.param(SHORT, Place.NOWHERE, "only offered to be denied", id="it was not offered"),
        pytest.param(LONG, Place.CARD, "open the full call", id="the card is cut"),
        pytest.param(LONG, Place.FULL_CALL, None, id="the pages are not"),
        pytest.param(LONG, Place.FORM, None, id="nor is the form"),
        pytest.param({"memo": "safe " * 700}, Place.FORM, "cannot be changed in Slack", id="too long for the form"),
        pytest.param(
            {"api_key": "sk-live-abcdefghij"}, Place.FORM, "cannot be changed", id="the form would show a mask"
        ),
        pytest.param(ENDLESS, Place.CARD, "Decide on the page", id="too long for Slack: the card"),
        pytest.param(ENDLESS, Place.FULL_CALL, "Decide on the page", id="too long for Slack: its pages"),
        pytest.param(ENDLESS, Place.FORM, "Decide on the page", id="too long for Slack: its form"),
    ],
)
def test_a_call_is_approved_where_all_of_it_can_be_read(arguments: Any, place: Place, refused: str | None) -> None:
    why = why_not(carded(arguments)[0], place)
    assert why is None if refused is None else refused in str(why)


@pytest.mark.parametrize(
    ("arguments", "but", "refused"),
    [
        pytest.param(SHORT, {}, None, id="its row shows all of it"),
        pytest.param({"memo": "safe " * 100}, {}, "not all of it fits", id="what they share is cut"),
        pytest.param({f"k{at}": at for at in range(9)}, {}, "not all of it fits", id="they share more than is shown"),
        pytest.param({"api_key": "sk-live-abcdefghij"}, {}, "values are hidden", id="masked"),
        pytest.param(SHORT, {"risk": "destructive"}, "it destroys something", id="destroys"),
    ],
)
def test_one_of_many_is_approved_where_its_row_shows_all_of_it(
    arguments: Any, but: dict[str, Any], refused: str | None
) -> None:
    why = why_not(*carded(arguments, **but))
    assert why is None if refused is None else refused in str(why)


def test_what_has_no_row_is_not_approved_among_many() -> None:
    card, group = carded(SHORT)
    assert "no row here" in str(why_not(replace(card, request_id="req_elsewhere"), group))


def test_the_form_that_changes_a_call_shows_what_else_has_to_be_read_of_it() -> None:
    card = samples.card(samples.request({"to": "p\u0430ypal"}, justification="because " * 90))
    shown = str(views.edit(card))
    assert card.warnings
    assert all(warning in shown for warning in card.warnings)
    assert str(card.justification) in shown
