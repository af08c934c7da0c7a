"""The office of the machine: its people, agents and rules, and the process that serves it, which may start again."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from approvals.break_glass import BreakGlass
from approvals.directory import Directory
from approvals.domain import fingerprint, shapes
from approvals.domain.audit import flaws
from approvals.domain.break_glass import Mode
from approvals.domain.model import ApprovalRequest, Person, PersonId, Role, Ruled, ToolCall
from approvals.domain.shapes import Proposal
from approvals.domain.terms import Escalation, Factor, OnTimeout
from approvals.errors import PolicyRefuses, Refusal
from approvals.outbox import Outbox
from approvals.stops import Stops, Surroundings
from approvals.storage.agents import AgentRow
from approvals.storage.engine import Tx
from approvals.storage.requests import Query
from approvals.sweeper import Sweeper
from approvals.testing import samples
from approvals.testing.samples import ADA, BOB, CARL, DORA, EVE, FINANCE, SECURITY
from tests.fakes.desk import Clock, make_desk
from tests.properties.desk_machine import judged, surfaces
from tests.properties.desk_machine.facts import Case, Facts
from tests.properties.desk_machine.straight import Straight, fresh
from tests.properties.desk_machine.surfaces import Wall

FAY = samples.person("fay", roles=(Role.OPERATOR, Role.ADMIN))
GUS = samples.person("gus", "finance", roles=(Role.OPERATOR, Role.REVIEWER))
VIC = samples.person("vic", roles=(Role.VIEWER,))
CROWD = (ADA, BOB, CARL, DORA, EVE, GUS)
EVERYBODY = (*CROWD, FAY, VIC)
PEOPLE = {str(one.id): one for one in EVERYBODY}
AGENTS: dict[str, str | None] = {"claude-ada": ADA.id, "claude-bob": BOB.id, "claude-nobody": None}
SERVERS = ("binance", "shop")
AROUND = Surroundings(servers=lambda: SERVERS, targets=lambda: (), url="https://p/stops")
WINDOW = timedelta(seconds=30)
TRUSTED_FOR = timedelta(minutes=10)
TEN, FIVE = timedelta(minutes=10), timedelta(minutes=5)
TWO_OF_FINANCE = Factor(members=(FINANCE,), count=2)
TERMS = {
    "one": samples.terms(),
    "two": samples.terms(TWO_OF_FINANCE),
    "both": samples.terms(Factor(members=(FINANCE,)), Factor(members=(SECURITY,))),
    "two and one": samples.terms(TWO_OF_FINANCE, Factor(members=(SECURITY, EVE.id)), edit=False),
    "four eyes": samples.terms(four_eyes=True),
    "four eyes of two": samples.terms(TWO_OF_FINANCE, four_eyes=True),
    "himself": samples.terms(Factor(members=(BOB.id, FINANCE)), delegation=False),
    "silence": samples.terms(on_timeout=OnTimeout.ALLOW),
    "silence, later": samples.terms(on_timeout=OnTimeout.ALLOW, cancel_window=WINDOW, four_eyes=True),
    "escalates": samples.terms(on_timeout=OnTimeout.ESCALATE, escalate=(Escalation(to=(SECURITY,), timeout=TEN),)),
    "chain": samples.terms(
        TWO_OF_FINANCE,
        channels=("slack:#money",),
        escalate=(
            Escalation(to=(SECURITY,), after=FIVE),
            Escalation(to=(EVE.id,), undelivered=True, timeout=TEN),
            Escalation(to=(GUS.id,), after=TEN, timeout=TEN),
        ),
    ),
    "window": samples.terms(cancel_window=WINDOW),
    "window of two": samples.terms(TWO_OF_FINANCE, cancel_window=WINDOW, edit=False),
    "trusting": samples.terms(grants="always"),
    "trusting both": samples.terms(Factor(members=(FINANCE,)), Factor(members=(SECURITY,)), grants="always"),
    "never trusting": samples.terms(grants="never"),
}


class Edited:
    """Judges edited calls by their number: one in four is refused, the others need others, more, or the same people.

    `meanwhile` happens while it is asked, once: whoever edits is not alone.
    """

    ASKS = (None, samples.terms(TWO_OF_FINANCE), samples.terms(Factor(members=(SECURITY,))))

    def __init__(self) -> None:
        self.meanwhile: Callable[[], Awaitable[Any]] | None = None

    async def ruled(self, request: ApprovalRequest, call: ToolCall) -> Ruled:
        """What the policy says."""
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        number = json.loads(call.arguments)["n"] % 4
        if number == 3:
            raise PolicyRefuses(rule="/r", why="one in four")
        return Ruled(rule=f"/tools/new_order/approve_if/{number}", policy_version="v1", terms=self.ASKS[number])


class World:
    """The process, and what is known of everything around it."""

    def __init__(self) -> None:
        self.clock, self.ids, self.lives = Clock(), itertools.count(), itertools.count(1)
        self.facts = Facts(clock=self.clock, people=dict(PEOPLE))
        self.directory = Directory(self._known(), {})
        self.path, self.runner = fresh(), asyncio.Runner()
        self.walls = {name: Wall(name, self.facts) for name in ("slack", "hook")}
        self.mark, self.stricter = "f" * 64, False
        self.touched: set[str] = set()
        self.looks = 0
        self.edits = Edited()
        self.start()
        self.do(self.db.write(_agents))

    def start(self) -> None:
        """Begin to serve, as a process that knows nothing yet."""
        self.db = Straight(self.path, self.clock)
        life = next(self.lives)
        self.desks = [make_desk(self.db, self.directory, holder=f"{life}-{n}", ids=self.ids) for n in ("one", "two")]
        heard = self.db.on_commit

        def commit(subjects: frozenset[str]) -> None:
            self.touched |= subjects
            heard(subjects)

        self.db.on_commit = commit
        for desk in self.desks:
            desk.edits = self.edits
        self.sweeper = Sweeper(self.desks[1])
        self.outbox = Outbox(desk=self.desks[0], channels=self.walls, page=str, chance=lambda: 0.5)
        self.do(Sweeper(self.desks[0]).begin())

    def die(self) -> None:
        """The process is gone, in the middle of whatever it did."""
        self.db.leave()
        for case in self.facts.cases.values():
            if case.state == "executing":
                case.lease_until = self.clock.now

    def do(self, work: Any, done: Callable[[], object] | None = None) -> Any:
        """The work's result, or the Refusal it met; then every new row is judged. `done`: what is so from now on."""
        try:
            result = self.runner.run(_bounded(work))
        except Refusal as refused:
            result = refused
        if done is not None and not isinstance(result, Refusal):
            done()
        self.absorb()
        return result

    def absorb(self) -> None:
        """Judge what has been written since, and look at every surface of what has changed."""
        touched, self.touched = self.touched, set()
        for subject in sorted(touched):
            if subject.startswith("req_"):
                self.judge(subject)

    def judge(self, request_id: str) -> None:
        """Hold the new rows of one ledger against the facts."""
        self.runner.run(self.db.read(lambda tx: self.judge_in(tx, request_id)))

    def judge_in(self, tx: Tx, request_id: str) -> None:
        """The same, inside a transaction."""
        request = tx.requests.get(request_id)
        assert request is not None
        case = self.facts.cases.get(request_id)
        if case is None:
            case = self.facts.cases[request_id] = judged.opened(self.facts, request)
        history = tx.requests.events(request_id)
        for row in history[case.rows :]:
            judged.judge(self.facts, case, row, request)
        case.rows = len(history)

    def look(self, case: Case, *, everybody: bool = False) -> None:
        """Look at every surface of one request, on the page as two people or as everybody."""
        self.looks += 1

        def work(tx: Tx) -> None:
            request = tx.requests.get(case.id)
            assert request is not None
            names = sorted(self.facts.people)
            some = names if everybody else [names[(self.looks + n) % len(names)] for n in range(2)]
            viewers = [self.desks[0].room(tx).person(one) for one in some]
            surfaces.check(tx, self.desks[0], self.facts, case, request, viewers)

        self.runner.run(self.db.read(work))

    def stops(self) -> Stops:
        """The acts of stopping."""
        return Stops(self.desks[0], AROUND)

    def glass(self) -> BreakGlass:
        """The acts of break-glass, which take two."""
        return BreakGlass(self.desks[1], AROUND, lambda: Mode.TWO_PEOPLE)

    def become(self, who: str, now: Person | None) -> None:
        """A person changes, or is gone."""
        if now is None:
            self.facts.people.pop(who, None)
        else:
            self.facts.people[who] = now
        self.directory.replace(self._known(), {})

    def _known(self) -> dict[PersonId, Person]:
        return {PersonId(key): person for key, person in self.facts.people.items()}

    def whole_database(self) -> None:
        """The chain of the audit fits together, and everything saved is what is known."""

        def work(tx: Tx) -> None:
            assert list(flaws(tx.audit.entries(limit=10_000))) == []
            saved = tx.requests.search(Query(limit=200))
            assert {one.id for one in saved} == set(self.facts.cases)
            for grant in self.facts.grants.values():
                found = tx.grants.get(grant.id)
                assert found is not None
                assert 0 <= found.used == grant.used <= grant.uses
                assert found.spent >= 0
            open_now = [one.call_key for one in saved if one.state.value in ("pending", "approved", "executing")]
            assert len(open_now) == len(set(open_now))

        self.runner.run(self.db.read(work))

    def close(self) -> None:
        """The end."""
        self.db.leave()
        self.runner.close()


def made(number: int, server: str, mark: str) -> ToolCall:
    """A call with its number."""
    return fingerprint.make_call(server=server, tool="new_order", arguments={"n": number}, tool_fingerprint=mark)


def up_to(most: int, uses: int) -> Proposal:
    """Calls with numbers up to this."""
    shape = {"/n": {"range": {"max": most}}}
    return shapes.read({"arguments": shape, "for_seconds": TRUSTED_FOR.total_seconds(), "uses": uses, "budget": None})


def variants(who: Person) -> tuple[Person | None, ...]:
    """What may become of a person; None: they are gone."""
    return (
        who,
        None,
        replace(who, disabled=True),
        replace(who, roles=frozenset({Role.VIEWER})),
        replace(who, groups=frozenset()),
        replace(who, groups=frozenset({"finance"})),
        replace(who, groups=frozenset({"finance", "security"})),
    )


async def _bounded(work: Any) -> Any:
    async with asyncio.timeout(30):
        return await work


def _agents(tx: Tx) -> None:
    for name, owner in AGENTS.items():
        human = PersonId(owner) if owner is not None else None
        tx.agents.upsert(AgentRow(name=name, owner=human, servers=SERVERS, source="config", created_at=tx.now))
