"""Machines that try everything in every order, and look after each step for what must never be.

One drives the pure table; the other the real desk over a SQLite file, with several reviewers whose rights change,
repeated calls, two replicas, restarts and a clock that jumps. Both judge by the ledger and by what was executed,
never by what the code under test says of itself.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from approvals.absences import Absences
from approvals.acting import Actor
from approvals.desk import Desk
from approvals.directory import Directory
from approvals.domain import shapes
from approvals.domain.break_glass import Opening
from approvals.domain.fingerprint import canonical
from approvals.domain.grants import Grant
from approvals.domain.happening import Event, Happened
from approvals.domain.lifecycle import TABLE, NoSuchArrow, Note, Record, Unfounded, advance
from approvals.domain.model import (
    OPEN_STATES,
    Answer,
    ApprovalRequest,
    Cause,
    Claim,
    Ground,
    Outcome,
    Person,
    PersonId,
    Question,
    Ruled,
    State,
    ToolCall,
    Vote,
)
from approvals.domain.terms import Escalation, Factor, OnTimeout
from approvals.errors import PolicyRefuses, Refusal
from approvals.filing import FiledAs
from approvals.grants import Grants
from approvals.storage import migrate
from approvals.storage.engine import Database
from approvals.storage.requests import Query
from approvals.storage.tx import Tx
from approvals.sweeper import Sweeper
from approvals.testing import samples
from approvals.testing.samples import ADA, BOB, CARL, DORA, EVE, FINANCE, NOW, SECURITY
from tests.fakes.desk import LEASE, Clock, decision, filing, make_desk, returned
from tests.fakes.keys import VAULT

MACHINE = Actor(id="cli:machine", via="cli")
CROWD = (ADA, BOB, CARL, DORA, EVE)
WINDOW = timedelta(seconds=30)
TO_SECURITY = Escalation(after=timedelta(minutes=5), to=(SECURITY,))
TO_ONCALL = Escalation(to=("group:oncall",), timeout=timedelta(minutes=10))
TERMS = (
    samples.terms(),
    samples.terms(Factor(members=(FINANCE,), count=2)),
    samples.terms(Factor(members=(FINANCE,)), Factor(members=(SECURITY,))),
    samples.terms(four_eyes=True),
    samples.terms(on_timeout=OnTimeout.ALLOW),
    samples.terms(on_timeout=OnTimeout.ESCALATE),
    samples.terms(escalate=(TO_SECURITY, TO_ONCALL), on_timeout=OnTimeout.ESCALATE),
    samples.terms(Factor(members=(FINANCE,), count=2), escalate=(TO_SECURITY,)),
    samples.terms(delegation=False),
    samples.terms(cancel_window=WINDOW),
    samples.terms(Factor(members=(FINANCE,), count=2), edit=False),
    samples.terms(grants="always"),
)
SAYINGS = st.tuples(st.sampled_from(CROWD), st.sampled_from([Answer.APPROVE] * 4 + [Answer.DENY]))
FINAL = frozenset(State) - OPEN_STATES


TRUSTED_FOR = timedelta(minutes=10)


@dataclass(slots=True, kw_only=True)
class Trusted:
    """What the machine knows of a grant: until when, of which numbers, how often, by whom."""

    until: datetime
    most: int
    uses: int
    by: tuple[PersonId, ...]


def _up_to(most: int, uses: int) -> shapes.Proposal:
    """Calls with numbers up to this."""
    shape = {"/n": {"range": {"max": most}}}
    return shapes.read({"arguments": shape, "for_seconds": TRUSTED_FOR.total_seconds(), "uses": uses, "budget": None})


def _grant(of: ApprovalRequest, by: Person, now: datetime, *, hours: int) -> Grant:
    """A grant of just this call, in force for as long, or over since."""
    until = now + timedelta(hours=hours)
    return Grant(id="grt_1", origin=of, proposal=_up_to(9, 1), given_by=(by.id,), at=NOW, until=until)


def _opening(by: Person, now: datetime, *, hours: int) -> Opening:
    """Break-glass, open for as long, or over since."""
    until, lasts = now + timedelta(hours=hours), timedelta(hours=1)
    return Opening(id=1, scope="all", reason="r", by=by.id, at=NOW, lasts=lasts, opened_at=NOW, until=until)


class PureMachine(RuleBasedStateMachine):
    """Any event, well or badly made, at any time."""

    @initialize(given=st.sampled_from(TERMS))
    def begin(self, given: Any) -> None:
        self.request = samples.request(given=given)
        self.now = NOW
        self.records: list[Record] = []
        self.before: ApprovalRequest = self.request

    @rule(
        event=st.sampled_from(Event),
        voter=st.sampled_from(CROWD),
        answer=st.sampled_from(Answer),
        bound=st.booleans(),
        whole=st.booleans(),
        later=st.integers(-5, 30),
    )
    def happen(self, event: Event, voter: Person, answer: Answer, bound: bool, whole: bool, later: int) -> None:
        self.now += timedelta(seconds=1)
        binding = self.request.binding if bound else "0" * 64
        vote = Vote(reviewer=voter.id, answer=answer, binding=binding, via="web", at=self.now)
        happened = Happened(
            event=event,
            actor=voter.id,
            vote=vote if whole else None,
            expires_at=self.request.expires_at + timedelta(minutes=later),
            call=samples.call({"n": later}) if whole else None,
            binding=f"{later:064d}" if whole else None,
            ruled=Ruled(rule="/r", policy_version="v2") if whole else None,
            claim=Claim(holder="one", lease_until=self.now) if whole else None,
            outcome=Outcome(kind="succeeded") if whole else None,
            question=Question(by=voter.id, via="web", at=self.now, text="Why?") if whole else None,
            answer="so" if whole else None,
            opening=_opening(voter, self.now, hours=later) if whole else None,
            grant=_grant(self.request, voter, self.now, hours=later) if whole else None,
            cause=Cause.RESOLVED_RAN if whole else None,
        )
        self.before = self.request
        try:
            step = advance(self.request, happened, self.now)
        except (NoSuchArrow, Unfounded):
            return
        self.request = step.after
        self.records.append(step.record)

    @invariant()
    def it_moves_along_the_table_one_revision_at_a_time(self) -> None:
        assert self.request.revision == 1 + len(self.records)
        _follows_the_table(self.records)

    @invariant()
    def what_ended_stays_ended(self) -> None:
        if self.before.state in FINAL:
            assert self.request.state is self.before.state

    @invariant()
    def nothing_runs_without_a_yes_to_its_binding(self) -> None:
        events = [record.event for record in self.records]
        assert events.count(Event.CLAIMED) <= 1
        if Event.CLAIMED not in events:
            return
        covered = Event.COVERED in events or Event.BYPASSED in events
        silence = Event.DEFAULTED in events and self.request.terms.on_timeout is OnTimeout.ALLOW
        said_yes = [v for v in self.request.votes if v.answer is Answer.APPROVE and v.binding == self.request.binding]
        assert covered or silence or said_yes
        assert Event.VETOED not in events


TestPureMachine = PureMachine.TestCase
TestPureMachine.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)


@functools.cache
def template() -> Path:
    """A migrated file to copy, made once."""
    path = Path(tempfile.mkdtemp(prefix="placet-machine-")) / "template.db"
    asyncio.run(migrate.upgrade(f"sqlite:///{path}"))
    return path


class Edited:
    """Judges edited calls by their number: one in four is refused, the others need others, more, or the same people."""

    ASKS = (None, samples.terms(Factor(members=(FINANCE,), count=2)), samples.terms(Factor(members=(SECURITY,))))

    async def ruled(self, request: ApprovalRequest, call: ToolCall) -> Ruled:
        number = json.loads(call.arguments)["n"] % 4
        if number == 3:
            raise PolicyRefuses(rule="/r", why="one in four")
        return Ruled(rule=f"/tools/new_order/approve_if/{number}", policy_version="v1", terms=self.ASKS[number])


class DeskMachine(RuleBasedStateMachine):
    """The real desk, its store, and people who come and go."""

    asked: Bundle[str] = Bundle("asked")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="placet-desk-")
        self.url = f"sqlite:///{shutil.copyfile(template(), Path(self.folder.name) / 'placet.db')}"
        self.runner = asyncio.Runner()
        self.clock, self.ids, self.lives = Clock(), itertools.count(), itertools.count()
        self.people: dict[PersonId, Person] = {person.id: person for person in CROWD}
        self.directory = Directory(self.people, {})
        self.executed: list[ApprovalRequest] = []
        self.own: dict[str, bytes] = {}
        self.granted: dict[str, Trusted] = {}
        self.gone: dict[PersonId, tuple[PersonId, datetime]] = {}
        """Who is away, with their delegate, and until when."""
        self.spoke: dict[tuple[str, PersonId, str], tuple[PersonId, ...]] = {}
        """For whom somebody could speak at the moment of their vote, by request, voter and binding."""
        self.stands = {"freeze": NOW, "glass": NOW}
        self.ended: dict[str, State] = {}
        self.running: list[tuple[Desk, str]] = []
        self.stack, self.steps = AsyncExitStack(), 0
        self.start()

    def do(self, work: Any) -> Any:
        """The work's result, or the Refusal it met."""
        try:
            return self.runner.run(_bounded(work))
        except Refusal as refused:
            return refused

    def start(self) -> None:
        self.db = self.do(self.stack.enter_async_context(Database.opened(self.url, VAULT, clock=self.clock)))
        life = next(self.lives)
        self.desks = [make_desk(self.db, self.directory, holder=f"{life}-{n}", ids=self.ids) for n in ("one", "two")]
        for desk in self.desks:
            desk.edits = Edited()
        self.do(Sweeper(self.desks[0]).begin())

    @rule(
        target=asked,
        number=st.integers(0, 2),
        given=st.sampled_from(TERMS),
        waiting=st.booleans(),
        bypass=st.booleans(),
    )
    def file(self, number: int, given: Any, waiting: bool, bypass: bool) -> str:
        return self._file(number, given, waiting=waiting, bypass=bypass)

    def _file(self, number: int, given: Any, *, waiting: bool, bypass: bool = False) -> str:
        call = filing({"n": number}, terms=given, owner=ADA.id, waiting=waiting, bypass=bypass)
        filed = self.do(self.desks[0].file(call))
        if filed.kind is FiledAs.COLLECT:
            assert filed.request.state in FINAL
            self.do(self.desks[0].told(filed.request.id))
        if filed.kind is FiledAs.SAVED and filed.request.ground is Ground.GRANT:
            assert self._granted_now(filed.request)
            assert not self._stands("freeze")
        if filed.kind is FiledAs.COOLDOWN:
            assert filed.request.state is State.DENIED
        self.own.setdefault(filed.request.id, call.call.arguments)
        return str(filed.request.id)

    @rule(request_id=asked, by=st.sampled_from(CROWD), number=st.integers(0, 5))
    def edit(self, request_id: str, by: Person, number: int) -> None:
        request = self.do(self.desks[0].get(request_id))
        given = replace(decision(request, by), arguments=canonical({"n": number}))
        result = self.do(self.desks[1].decide(request_id, given))
        if isinstance(result, Refusal):
            assert self.do(self.desks[0].get(request_id)).binding == request.binding
            return
        if result.votes:
            self._spoke(result, by)
        else:
            # Whose own agent's call became one with four eyes has said what it should be, and no more.
            assert result.binding != request.binding
            assert _counts(self.people[by.id], request, self._absent(by))
        assert result.call.arguments == given.arguments
        if result.binding != request.binding:
            assert request.terms.edit
            assert number % 4 != 3
            assert {vote.reviewer for vote in result.votes} <= {by.id}

    @rule(request_id=asked, said=st.lists(SAYINGS, min_size=1, max_size=3), stale=st.sampled_from([False] * 5 + [True]))
    def decide(self, request_id: str, said: list[tuple[Person, Answer]], stale: bool) -> None:
        for turn, (by, answer) in enumerate(said):
            request = self.do(self.desks[0].get(request_id))
            given = decision(request, by, answer=answer, binding="0" * 64 if stale else None)
            result = self.do(self.desks[turn % 2].decide(request_id, given))
            if not isinstance(result, Refusal):
                assert not stale
                assert request.state is State.PENDING
                assert self.clock.now < request.expires_at or request.terms.escalate
                self._spoke(result, by)
                assert result.state is not State.DENIED or answer is Answer.DENY
                assert answer is Answer.DENY or not self._stands("freeze")

    @rule(
        request_id=asked,
        said=st.lists(st.tuples(st.sampled_from(CROWD), st.sampled_from([2, 9])), min_size=1, max_size=3),
        uses=st.integers(1, 2),
    )
    def trust(self, request_id: str, said: list[tuple[Person, int]], uses: int) -> None:
        """Approve, and let more calls with numbers up to some run, which only counts if all want the same."""
        for by, most in said:
            request = self.do(self.desks[0].get(request_id))
            given = decision(request, by, grant=_up_to(most, uses))
            result = self.do(self.desks[1].decide(request_id, given))
            if isinstance(result, Refusal):
                continue
            self._spoke(result, by)
            if result.state is not State.APPROVED:
                continue
            for made in self.do(self.db.read(lambda tx: tx.grants.of_request(request_id))):
                counting = [
                    vote
                    for vote in result.votes
                    if _counts(self.people[vote.reviewer], result, self._for(result, vote))
                ]
                assert {vote.grant for vote in counting} == {made.proposal}
                self.granted[made.id] = Trusted(
                    until=self.clock.now + TRUSTED_FOR, most=most, uses=uses, by=made.given_by
                )

    @rule(by=st.sampled_from(CROWD), which=st.integers(0, 9))
    def take_back(self, by: Person, which: int) -> None:
        """Somebody takes a grant back, if they may."""
        if self.granted:
            one = sorted(self.granted)[which % len(self.granted)]
            ended = self.do(Grants(self.desks[0]).end(one, person=by.id))
            if not isinstance(ended, Refusal):
                self.granted[one].until = min(self.granted[one].until, self.clock.now)

    @rule(target=asked, number=st.integers(1, 9), given=st.sampled_from(TERMS), by=st.permutations(CROWD))
    def trusting_story(self, number: int, given: Any, by: list[Person]) -> str:
        """Approved with a grant by all who are asked, and the next call of its shape, which may run by it."""
        self.trust(self._file(number, given, waiting=True), [(one, 9) for one in by[:3]], 2)
        follower = self._file(number + 20 if number > 7 else number + 1, given, waiting=True)
        self.execute(follower, desk=0, settles=True)
        return follower

    @rule(request_id=asked, desk=st.integers(0, 1), settles=st.booleans())
    def execute(self, request_id: str, desk: int, settles: bool) -> None:
        request = self.do(self.desks[0].get(request_id))
        claimed = self.do(self.desks[desk].claim(request_id, binding=request.binding, lease=LEASE))
        if isinstance(claimed, Refusal):
            return
        assert not self._stands("freeze")
        assert self._enough_now(claimed)
        unasked = claimed.ground in {Ground.BREAK_GLASS, Ground.GRANT}
        assert unasked or self.clock.now - claimed.decided_at >= claimed.terms.cancel_window
        self.executed.append(claimed)
        self.running.append((self.desks[desk], request_id))
        if settles:
            self.settle()

    @rule(
        target=asked,
        number=st.integers(3, 9),
        given=st.sampled_from(TERMS),
        yes=st.permutations(CROWD),
        between=st.sampled_from(["nothing", "edit", "rights", "time", "restart", "deny", "expire"]),
        after=st.sampled_from(["settle", "again", "late"]),
    )
    def story(self, number: int, given: Any, yes: list[Person], between: str, after: str) -> str:
        """A whole life in one step, since single steps seldom line up: asked, approved, disturbed, run."""
        request_id: str = self._file(number, given, waiting=True)
        if between == "expire":
            self.time_passes(minutes=14.9, sweeps=False)
            self.decide(request_id, [(yes[0], Answer.APPROVE)], stale=False)
            self.time_passes(minutes=0.2, sweeps=False)
        if between == "edit":
            self.decide(request_id, [(yes[0], Answer.APPROVE)], stale=False)
            self.edit(request_id, yes[1], number % 3)
        self.decide(request_id, [(by, Answer.APPROVE) for by in yes], stale=False)
        if between == "rights":
            self.rights_change(yes[0], ())
            self.rights_change(yes[1], ())
        elif between == "time":
            self.time_passes(minutes=14, sweeps=True)
        elif between == "restart":
            self.restart()
        elif between == "deny":
            self.decide(request_id, [(yes[0], Answer.DENY)], stale=False)
        self.execute(request_id, desk=number % 2, settles=after == "settle")
        if after == "late":
            self.time_passes(minutes=6, sweeps=True)
            self.settle()
        self.execute(request_id, desk=0, settles=False)
        for who in yes[:2]:
            self.rights_change(who, tuple(sorted(who.groups)))
        return request_id

    @rule()
    def settle(self) -> None:
        if self.running:
            desk, request_id = self.running.pop()
            if desk in self.desks:
                self.do(desk.settle(request_id, returned()))

    @rule(request_id=asked, by=st.sampled_from(CROWD), cancels=st.booleans())
    def meddle(self, request_id: str, by: Person, cancels: bool) -> None:
        if cancels:
            self.do(self.desks[1].cancel(request_id, actor=by.id, cause=Cause.CANCELLED_BY_PERSON))
        else:
            self.do(self.desks[1].extend(request_id, reviewer=by.id, by=timedelta(minutes=10)))

    @rule(minutes=st.sampled_from([0.1, 4, 6, 14, 16, 60]), sweeps=st.booleans())
    def time_passes(self, minutes: float, sweeps: bool) -> None:
        self.clock.move(minutes=minutes)
        if sweeps:
            self.do(Sweeper(self.desks[1]).sweep())

    @rule(who=st.sampled_from(CROWD), groups=st.sampled_from([(), ("finance",), ("finance", "security")]))
    def rights_change(self, who: Person, groups: tuple[str, ...]) -> None:
        self.people[who.id] = replace(who, groups=frozenset(groups))
        self.directory.replace(self.people, {})

    @rule(who=st.sampled_from(CROWD), to=st.sampled_from(CROWD), minutes=st.sampled_from([3, 20]), back=st.booleans())
    def leave(self, who: Person, to: Person, minutes: int, back: bool) -> None:
        """Somebody goes away and names who decides meanwhile, or comes back."""
        acts, until = Absences(self.desks[0]), self.clock.now + timedelta(minutes=minutes)
        if back:
            if not isinstance(self.do(acts.end(who.id, actor=MACHINE)), Refusal):
                self.gone.pop(who.id)
        elif not isinstance(self.do(acts.begin(who.id, until=until, to=to.id, actor=MACHINE)), Refusal):
            assert who.id != to.id
            self.gone[who.id] = (to.id, until)

    @rule(
        target=asked,
        number=st.integers(3, 9),
        given=st.sampled_from(TERMS),
        crowd=st.permutations(CROWD),
        pause=st.sampled_from([0.0, 6.0, 16.0]),
        back=st.booleans(),
    )
    def delegated_story(self, number: int, given: Any, crowd: list[Person], pause: float, back: bool) -> str:
        """Asked, one goes, time passes, all say yes, the absent one comes back, and it runs or not."""
        request_id = self._file(number, given, waiting=True)
        self.leave(crowd[0], crowd[1], 20, back=False)
        self.time_passes(minutes=pause, sweeps=pause > 10)
        self.decide(request_id, [(one, Answer.APPROVE) for one in crowd[1:]], stale=False)
        if back:
            self.leave(crowd[0], crowd[1], 20, back=True)
        self.execute(request_id, desk=number % 2, settles=True)
        return request_id

    def _spoke(self, result: ApprovalRequest, by: Person) -> None:
        """A vote was taken: it must have counted by what is so now, and that is kept."""
        absent = self._absent(by)
        self.spoke[result.id, by.id, result.binding] = tuple(one.id for one in absent)
        assert result.votes[-1].reviewer == by.id
        assert set(result.votes[-1].on_behalf) <= {one.id for one in absent}
        assert _counts(self.people[by.id], result, absent)

    def _absent(self, by: Person) -> list[Person]:
        """Whom somebody stands for now."""
        return [self.people[one] for one, (to, until) in self.gone.items() if to == by.id and self.clock.now < until]

    def _for(self, request: ApprovalRequest, vote: Vote) -> list[Person]:
        return [self.people[one] for one in self.spoke.get((request.id, vote.reviewer, vote.binding), ())]

    @rule(what=st.sampled_from(["freeze", "glass"]), minutes=st.sampled_from([5, 30]), on=st.booleans())
    def switch(self, what: str, minutes: int, on: bool) -> None:
        """Everything is frozen, or break-glass is open, for a while; or that is ended."""
        now, lasts = self.clock.now, timedelta(minutes=minutes)
        self.do(self.db.write(lambda tx: tx.openings.end_due(by="placet")))
        if self.do(self.db.write(lambda tx: _switched(tx, what, lasts if on else None))) is not None:
            self.stands[what] = now + lasts if on else now

    def _stands(self, what: str) -> bool:
        return self.clock.now < self.stands[what]

    @precondition(lambda self: self.steps % 7 == 6)
    @rule()
    def restart(self) -> None:
        self.do(self.stack.aclose())
        self.start()

    @invariant()
    def the_ledgers_hold(self) -> None:
        self.steps += 1
        everything = self.do(self.db.read(_everything))
        covered = Counter(request.covered.grant for request, _ in everything if request.covered is not None)
        assert all(count <= self.granted[one].uses for one, count in covered.items())
        for request, ledger in everything:
            rows = [row for row in ledger if not isinstance(row.event, Note)]
            _follows_the_table(rows)
            assert request.revision == 1 + len(rows)
            assert not rows or rows[-1].after is request.state
            self._holds(request, [row.event for row in rows])

    def _holds(self, request: ApprovalRequest, events: list[Any]) -> None:
        runs = [run for run in self.executed if run.id == request.id]
        assert len(runs) == events.count(Event.CLAIMED) <= 1
        assert all(run.binding == request.binding and run.call == request.call for run in runs)
        assert (request.edited_from or request.call.arguments) == self.own[request.id]
        assert request.edited_from != request.call.arguments
        assert events.count(Event.ESCALATED) <= 2
        assert events.count(Event.ESCALATED) + len(request.terms.escalate) <= 2
        silence = Event.DEFAULTED in events
        assert not silence or request.terms.on_timeout is OnTimeout.ALLOW
        assert not runs or silence or {Event.QUORUM_MET, Event.BYPASSED, Event.COVERED} & set(events)
        assert not (runs and Event.VETOED in events)
        known = self.ended.setdefault(request.id, request.state) if request.state in FINAL else None
        assert known in (None, request.state)
        assert request.id not in self.ended or request.state in FINAL

    def _enough_now(self, claimed: ApprovalRequest) -> bool:
        if claimed.ground is Ground.BREAK_GLASS:
            return self._stands("glass")
        if claimed.ground is Ground.GRANT:
            return self._granted_now(claimed)
        spoken = {vote.reviewer: self._for(claimed, vote) for vote in claimed.votes}
        if not claimed.votes or not _met(claimed, self.people, spoken):
            return claimed.terms.on_timeout is OnTimeout.ALLOW
        return all(vote.answer is Answer.APPROVE for vote in claimed.votes)

    def _granted_now(self, request: ApprovalRequest) -> bool:
        """Said here again, in other words than the code's: does the grant that covers it let it run?"""
        assert request.covered is not None
        grant = self.granted[request.covered.grant]
        yes = tuple(
            Vote(reviewer=one, answer=Answer.APPROVE, binding=request.binding, via="", at=NOW) for one in grant.by
        )
        inside = 0 <= json.loads(request.call.arguments)["n"] <= grant.most
        return inside and self.clock.now < grant.until and _met(replace(request, votes=yes), self.people)

    def teardown(self) -> None:
        self.do(self.stack.aclose())
        self.runner.close()
        self.folder.cleanup()


def _everything(tx: Tx) -> list[tuple[ApprovalRequest, list[Record]]]:
    return [(request, tx.requests.events(request.id)) for request in tx.requests.search(Query(limit=200))]


def _switched(tx: Tx, what: str, lasts: timedelta | None) -> object:
    if what == "freeze":
        if lasts is None:
            return tx.switches.thaw("all", by=EVE.id, at=tx.now)
        return tx.switches.freeze("all", reason="r", by=EVE.id, at=tx.now, until=tx.now + lasts)
    if lasts is None:
        return tx.openings.end("all", by=EVE.id)
    return tx.openings.open_alone("all", reason="r", by=EVE.id, lasts=lasts)


async def _bounded(work: Any) -> Any:
    async with asyncio.timeout(5):
        return await work


def _follows_the_table(rows: list[Record]) -> None:
    state = State.PENDING
    for number, row in enumerate(rows, start=2):
        assert isinstance(row.event, Event)
        assert row.before is state
        assert TABLE[state, row.event] is row.after
        assert row.seq == number
        state = row.after


def _places(person: Person, request: ApprovalRequest, factor: Factor, absent: Sequence[Person]) -> set[PersonId]:
    """Said here again, in other words than the code's: in whose place may this person's word count?"""
    owner, four_eyes = request.caller.owner, request.terms.four_eyes
    if four_eyes and person.id == owner:
        return set()
    lent = (
        []
        if person.id == owner or not request.terms.delegation
        else [a for a in absent if not (four_eyes and a.id == owner)]
    )
    return {one.id for one in (person, *lent) if {f"group:{name}" for name in one.groups} & set(factor.members)}


def _counts(person: Person, request: ApprovalRequest, absent: Sequence[Person] = ()) -> bool:
    return any(_places(person, request, factor, absent) for factor in request.terms.factors)


def _met(
    request: ApprovalRequest, people: dict[PersonId, Person], spoken: Mapping[PersonId, Sequence[Person]] = {}
) -> bool:
    """By trying everything: can so many voters each take a place of their own, factor by factor?"""
    yes = {v.reviewer for v in request.votes if v.answer is Answer.APPROVE and v.binding == request.binding}

    def fits(factor: Factor) -> bool:
        choices = [_places(people[who], request, factor, spoken.get(who, ())) for who in yes]
        choices = [one for one in choices if one]
        return any(
            len(set(taken)) == factor.count
            for some in itertools.combinations(choices, factor.count)
            for taken in itertools.product(*some)
        )

    return all(map(fits, request.terms.factors))


TestDeskMachine = DeskMachine.TestCase
TestDeskMachine.settings = settings(
    max_examples=30, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
