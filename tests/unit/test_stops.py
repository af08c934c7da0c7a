"""Scopes of freezes: whose calls one is about, and which of several is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from approvals.domain.stops import Freeze, freeze_of, named, scope_of, scopes_of, told
from approvals.testing.samples import NOW

HOUR = timedelta(hours=1)
EVERYTHING = Freeze(scope="all", reason="drill", by="otto@example.com", at=NOW, until=NOW + HOUR)


@pytest.mark.parametrize(
    ("scope", "met"),
    [
        pytest.param("all", True, id="everything"),
        pytest.param("agent:ada", True, id="this agent"),
        pytest.param("server:bank", True, id="this server"),
        pytest.param("agent:ben", False, id="another agent"),
        pytest.param("server:files", False, id="another server"),
        pytest.param("agent:bank", False, id="an agent of the server's name"),
        pytest.param("server:ada", False, id="a server of the agent's name"),
        pytest.param("agent:Ada", False, id="names are exact"),
    ],
)
def test_a_freeze_is_met_by_the_calls_it_is_about(scope: str, met: bool) -> None:
    freeze = replace(EVERYTHING, scope=scope)
    assert freeze_of([freeze], agent="ada", server="bank", now=NOW) == (freeze if met else None)


@pytest.mark.parametrize(
    ("freeze", "holds"),
    [
        pytest.param(EVERYTHING, True, id="in its time"),
        pytest.param(replace(EVERYTHING, until=NOW + timedelta(microseconds=1)), True, id="to the last moment"),
        pytest.param(replace(EVERYTHING, until=NOW), False, id="its time has come"),
        pytest.param(replace(EVERYTHING, ended_at=NOW - HOUR, ended_by="ada@example.com"), False, id="it was ended"),
    ],
)
def test_a_freeze_holds_until_its_time_or_its_end(freeze: Freeze, holds: bool) -> None:
    assert freeze.holds(NOW) is holds
    assert (freeze_of([freeze], agent="ada", server="bank", now=NOW) is not None) is holds


def test_of_several_the_one_that_lasts_longest_is_told() -> None:
    longer = replace(EVERYTHING, scope="server:bank", until=NOW + 2 * HOUR)
    assert freeze_of([EVERYTHING, longer], agent="ada", server="bank", now=NOW) is longer
    assert freeze_of([longer, EVERYTHING], agent="ada", server="files", now=NOW) is EVERYTHING


def test_a_scope_is_of_one_thing_and_says_of_which() -> None:
    assert [scope_of(), scope_of(agent="ada"), scope_of(server="bank")] == list(scopes_of(agent="ada", server="bank"))
    assert [named(scope) for scope in scopes_of(agent="ada", server="bank")] == [
        "every agent",
        "agent ada",
        "server bank",
    ]
    with pytest.raises(ValueError, match="not both"):
        scope_of(agent="ada", server="bank")


def test_a_freeze_is_told_with_who_what_until_when_and_why() -> None:
    odd = replace(EVERYTHING, reason="line\none")
    assert told(odd) == "otto@example.com has frozen every agent until 2026-11-24 15:02:00 UTC (“line⟦U+000A⟧one”)"
