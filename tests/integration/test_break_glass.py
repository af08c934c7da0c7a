"""Break-glass against the rows: who opens it, what it lets through, and that it stands in for a yes and no more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from approvals.acting import Actor
from approvals.break_glass import BreakGlass
from approvals.domain.break_glass import Mode, Opening
from approvals.domain.card import make_card
from approvals.domain.happening import Event
from approvals.domain.lifecycle import Note
from approvals.domain.model import Cause, Ground, Role, State
from approvals.errors import AlreadyDecided, Invalid, NotClaimable, NotFound, NotPermitted, QueueFull, Refusal
from approvals.filing import Caps, FiledAs
from approvals.stops import Surroundings
from approvals.testing import samples
from approvals.testing.samples import BOB
from tests.fakes.desk import House, filing, house, make_desk

OTTO = samples.person("otto", roles=(Role.OPERATOR,))
ALMA = samples.person("alma", roles=(Role.ADMIN,))
HOUR = timedelta(hours=1)
HERE = ("recording", "here")


@pytest.fixture
async def at(database_url: str) -> AsyncIterator[House]:
    people = {**samples.PEOPLE, OTTO.id: OTTO, ALMA.id: ALMA}
    async with house(database_url, people=people) as made:
        yield made


def glass(at: House, mode: Mode = Mode.ALERT) -> BreakGlass:
    around = Surroundings(servers=lambda: ["binance", "files"], targets=lambda: [HERE], url="https://placet.test/stops")
    return BreakGlass(at.desk, around, lambda: mode)


def by(person: Any, via: str = "web") -> Actor:
    return Actor(id=person.id, via=via)


async def opened(at: House, scope: str = "all", lasts: timedelta = HOUR) -> Opening:
    return await glass(at).open(scope, reason="the desk is down", lasts=lasts, actor=by(OTTO))


async def told(at: House) -> list[str]:
    """The first lines of what channels are owed."""
    due = await at.db.write(lambda tx: tx.alerts.take_due("test", timedelta(seconds=90), 20))
    return [row.text.splitlines()[0] for row in due]


async def acts(at: House) -> list[tuple[str, str]]:
    entries = await at.db.read(lambda tx: tx.audit.entries())
    return [(e.act.action, e.act.actor) for e in entries if e.act.action.startswith("break_glass")]


async def test_two_people_open_it_and_it_lasts_from_then_on(at: House) -> None:
    two = glass(at, Mode.TWO_PEOPLE)
    asked = await two.open("server:binance", reason="the desk is down", lasts=2 * HOUR, actor=by(OTTO))
    assert (asked.opened_at, asked.until, asked.confirm_until) == (None, None, at.clock.now + timedelta(minutes=15))
    waiting = await at.desk.file(filing({"n": 1}, bypass=True))
    assert waiting.request.state is State.PENDING, "one of two people is not two"
    at.clock.move(minutes=10)
    opening = await two.confirm("server:binance", actor=by(ALMA))
    assert (opening.by, opening.confirmed_by, opening.until) == (OTTO.id, ALMA.id, at.clock.now + 2 * HOUR)
    assert (await at.desk.file(filing({"n": 2}, bypass=True))).request.state is State.APPROVED
    assert await told(at) == [
        "Break-glass asked for: server binance, by otto@example.com, for 2 h.",
        "BREAK-GLASS IS OPEN: server binance, by otto@example.com, confirmed by alma@example.com, until "
        "2026-11-24 16:12:00 UTC.",
    ]
    assert await acts(at) == [("break_glass.asked", OTTO.id), ("break_glass.opened", ALMA.id)]


async def test_one_person_opens_it_where_an_alert_is_enough(at: House) -> None:
    opening = await opened(at)
    assert (opening.confirmed_by, opening.until) == (None, at.clock.now + HOUR)
    assert await told(at) == ["BREAK-GLASS IS OPEN: every server, by otto@example.com, until 2026-11-24 15:02:00 UTC."]


@pytest.mark.parametrize(
    ("actor", "refusal", "said"),
    [
        pytest.param(by(OTTO), Invalid, "it takes a second person", id="who asked"),
        pytest.param(Actor(id=OTTO.id, via="cli"), Invalid, "it takes a second person", id="who asked, elsewhere"),
        pytest.param(by(BOB), NotPermitted, "operator or admin", id="who has no such role"),
        pytest.param(Actor(id="cli:root", via="cli"), Invalid, "a person opens it", id="the account of a command"),
    ],
)
async def test_the_second_person_is_another_one_who_may(
    at: House, actor: Actor, refusal: type[Refusal], said: str
) -> None:
    two = glass(at, Mode.TWO_PEOPLE)
    await two.open("all", reason="r", lasts=None, actor=by(OTTO))
    with pytest.raises(refusal, match=said):
        await two.confirm("all", actor=actor)
    assert (await at.desk.file(filing(bypass=True))).request.state is State.PENDING


async def test_who_asked_and_may_no_longer_is_not_one_of_the_two(at: House) -> None:
    two = glass(at, Mode.TWO_PEOPLE)
    await two.open("all", reason="r", lasts=None, actor=by(OTTO))
    at.directory.replace({**samples.PEOPLE, ALMA.id: ALMA, OTTO.id: replace(OTTO, roles=frozenset())}, {})
    with pytest.raises(NotPermitted):
        await two.confirm("all", actor=by(ALMA))


async def test_what_nobody_confirms_in_time_is_gone(at: House) -> None:
    two = glass(at, Mode.TWO_PEOPLE)
    await two.open("all", reason="r", lasts=None, actor=by(OTTO))
    at.clock.move(minutes=15)
    with pytest.raises(NotFound, match="that waits to be confirmed"):
        await two.confirm("all", actor=by(ALMA))
    assert (await acts(at))[-1] == ("break_glass.ran_out", "placet")
    assert (await told(at))[-1] == "Break-glass was not opened: every server (nobody confirmed it in time)."
    await two.open("all", reason="again", lasts=None, actor=by(ALMA))


async def test_of_two_who_confirm_one_does(at: House) -> None:
    two = glass(at, Mode.TWO_PEOPLE)
    at.directory.replace({**samples.PEOPLE, OTTO.id: OTTO, ALMA.id: ALMA, BOB.id: replace(BOB, roles=ALMA.roles)}, {})
    await two.open("all", reason="r", lasts=None, actor=by(OTTO))
    done = await asyncio.gather(
        two.confirm("all", actor=by(ALMA)), two.confirm("all", actor=by(BOB)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in done) == ["NotThere", "Opening"]


@pytest.mark.parametrize(
    ("mode", "actor", "scope", "lasts", "refusal", "said"),
    [
        pytest.param(Mode.NEVER, by(OTTO), "all", None, Invalid, "never opened here", id="the default"),
        pytest.param(Mode.ALERT, by(BOB), "all", None, NotPermitted, "operator or admin", id="a reviewer"),
        pytest.param(Mode.ALERT, Actor(id="cli:root", via="cli"), "all", None, Invalid, "a person", id="a command"),
        pytest.param(Mode.ALERT, by(OTTO), "all", 8 * HOUR + HOUR / 60, Invalid, "at most 8 hours", id="too long"),
        pytest.param(Mode.ALERT, by(OTTO), "server:bank", None, Invalid, "no server bank", id="no such server"),
    ],
)
async def test_it_is_not_opened_by_just_anybody_for_just_anything(
    at: House, mode: Mode, actor: Actor, scope: str, lasts: timedelta | None, refusal: type[Refusal], said: str
) -> None:
    with pytest.raises(refusal, match=said):
        await glass(at, mode).open(scope, reason="r", lasts=lasts, actor=actor)
    assert await glass(at).standing() == []


async def test_there_is_one_of_a_scope_at_a_time(at: House) -> None:
    await opened(at)
    with pytest.raises(Invalid, match="there is one of every server already"):
        await opened(at)
    await opened(at, "server:files")
    at.clock.move(hours=1)
    assert (await opened(at)).until == at.clock.now + HOUR, "one whose time is over is in nobody's way"


async def test_a_call_that_passes_is_saved_announced_and_recorded_as_such(at: House) -> None:
    opening = await opened(at)
    filed = await at.desk.file(filing(bypass=True, waiting=True))
    passed = filed.request
    assert (filed.kind, passed.state, passed.ground, passed.cause) == (
        FiledAs.SAVED,
        State.APPROVED,
        Ground.BREAK_GLASS,
        Cause.BREAK_GLASS,
    )
    rows = await at.ledger(passed)
    assert [(row.event, row.actor) for row in rows] == [(Note.FILED, "agent:claude-ada"), (Event.BYPASSED, OTTO.id)]
    assert (rows[-1].detail["break_glass"], rows[-1].detail["note"]) == (opening.id, "the desk is down")
    cards = await at.db.read(lambda tx: tx.messages.for_request(passed.id))
    assert {card.wanted_revision for card in cards} == {passed.revision}
    done = [e.act for e in await at.db.read(lambda tx: tx.audit.entries()) if e.act.request == passed.id]
    assert [act.action for act in done] == ["request.filed", "request.bypassed"]
    card = make_card(passed, needs=(), people={OTTO.id: OTTO}, url="u", now=at.clock.now, history=rows)
    assert card.answers == ()
    assert card.status_line == (
        "Not approved by anybody: break-glass was open at 14:02 UTC, opened by Otto (“the desk is down”); about to run"
    )


async def test_it_runs_while_it_is_open_and_not_afterwards(at: House) -> None:
    await opened(at)
    first, second, third = [(await at.desk.file(filing({"n": n}, bypass=True))).request for n in range(3)]
    assert (await at.claim(first)).ground is Ground.BREAK_GLASS
    await glass(at).close("all", actor=Actor(id="cli:root", via="cli"))
    with pytest.raises(NotClaimable):
        await at.claim(second)
    ended = await at.now(second)
    assert (ended.state, ended.cause) == (State.CANCELLED, Cause.REVOKED)
    await opened(at, lasts=timedelta(minutes=1))
    assert (await at.claim(third)).state is State.EXECUTING, "another opening covers it"


async def test_it_ends_by_itself(at: House) -> None:
    await opened(at)
    passed = (await at.desk.file(filing({"n": 1}, terms=samples.terms(collect_within=3 * HOUR), bypass=True))).request
    at.clock.move(hours=1)
    with pytest.raises(NotClaimable):
        await at.claim(passed)
    assert (await at.desk.file(filing({"n": 2}, bypass=True))).request.state is State.PENDING
    ended = [one for found in await asyncio.gather(glass(at).end_due(), glass(at).end_due()) for one in found]
    assert [one.ended_by for one in ended] == ["placet"]
    assert (await told(at))[-1] == "Break-glass is closed: every server (its time is over)."


@pytest.mark.parametrize(
    ("scope", "state"),
    [("all", State.APPROVED), ("server:binance", State.APPROVED), ("server:files", State.PENDING)],
)
async def test_it_is_about_the_servers_it_was_opened_for(at: House, scope: str, state: State) -> None:
    await opened(at, scope)
    assert (await at.desk.file(filing(bypass=True))).request.state is state


async def test_without_a_look_at_the_rows_nothing_passes(at: House) -> None:
    """What a process remembers is a hint: the row decides, in both directions."""
    assert (await at.desk.file(filing({"n": 1}, bypass=True))).request.state is State.PENDING
    await opened(at)
    assert (await at.desk.file(filing({"n": 2}))).request.state is State.PENDING


async def test_a_call_that_waits_already_passes_when_it_is_made_again(at: House) -> None:
    asked = await at.file()
    await opened(at)
    assert (await at.now(asked)).state is State.PENDING
    again = await at.desk.file(filing(bypass=True))
    assert (again.kind, again.request.id, again.request.state) == (FiledAs.JOINED, asked.id, State.APPROVED)
    with pytest.raises(AlreadyDecided, match="Already approved by break-glass"):
        await at.deny(asked)


async def test_a_person_s_no_is_kept_to(at: House) -> None:
    asked = await at.file()
    await at.deny(asked)
    await opened(at)
    again = await at.desk.file(filing(bypass=True))
    assert again.request.state is State.DENIED


async def test_what_is_frozen_stays_frozen(at: House) -> None:
    await opened(at)
    passed = (await at.desk.file(filing({"n": 1}, bypass=True))).request
    await at.db.write(lambda tx: tx.switches.freeze("all", reason="r", by=ALMA.id, at=tx.now))
    assert (await at.desk.file(filing({"n": 2}, bypass=True))).request.state is State.PENDING
    with pytest.raises(NotClaimable):
        await at.claim(passed)
    assert (await at.now(passed)).cause is Cause.FROZEN


async def test_a_full_queue_is_in_nobody_s_way(database_url: str) -> None:
    people = {**samples.PEOPLE, OTTO.id: OTTO}
    async with house(database_url, people=people) as at:
        at.desk = make_desk(at.db, at.directory, holder="one", ids=at.ids, caps=Caps(per_agent=1))
        await at.file({"n": 1})
        with pytest.raises(QueueFull):
            await at.file({"n": 2})
        await opened(at)
        assert (await at.desk.file(filing({"n": 2}, bypass=True))).request.state is State.APPROVED
