"""What agents ask and people say: held against what is so, in both directions.

Nothing is taken that must not be, and nothing is refused that must be taken.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, multiple, rule

from approvals.desk import Desk
from approvals.domain.fingerprint import canonical
from approvals.domain.model import Answer, Cause, Decision, PersonId, Role
from approvals.errors import Refusal
from approvals.filing import FiledAs
from approvals.grants import Grants
from approvals.testing.samples import BOB, EVE, FINANCE, SECURITY
from tests.fakes.desk import filing
from tests.properties.desk_machine import authority
from tests.properties.desk_machine.facts import MINUTE, Case
from tests.properties.desk_machine.world import (
    AGENTS,
    CROWD,
    EVERYBODY,
    FAY,
    GUS,
    SERVERS,
    TERMS,
    World,
    made,
    up_to,
)

WHO, ALL = [one.id for one in CROWD], [one.id for one in EVERYBODY]
people, everybody = st.sampled_from(WHO), st.sampled_from(ALL)
STEWARDS_ROLES = (Role.OPERATOR, Role.ADMIN)
STEWARDS = st.sampled_from([FAY.id, GUS.id, BOB.id])
SAYINGS = st.tuples(people, st.sampled_from([Answer.APPROVE] * 5 + [Answer.DENY]))
ENDED = frozenset({"denied", "expired", "cancelled", "succeeded", "failed", "unknown"})


class Answers(RuleBasedStateMachine):
    """Calls are filed, and people answer."""

    asked: Bundle[str] = Bundle("asked")

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.facts, self.do = self.world.facts, self.world.do
        self.running: list[tuple[Desk, str]] = []
        self.steps = 0
        self.lately: list[str] = []

    def act(self, request_id: str) -> Case:
        """The case that something is done to now."""
        self.lately = [request_id, *self.lately][:2]
        return self.facts.cases[request_id]

    # What agents do

    @rule(
        target=asked,
        agent=st.sampled_from(sorted(AGENTS)),
        server=st.sampled_from(SERVERS),
        number=st.integers(0, 5),
        terms=st.sampled_from(sorted(TERMS)),
        waiting=st.booleans(),
        bypass=st.booleans(),
    )
    def file(self, agent: str, server: str, number: int, terms: str, waiting: bool, bypass: bool) -> Any:
        request_id = self.filed(agent, server, number, terms, waiting=waiting, bypass=bypass)
        return request_id or multiple()

    def filed(self, agent: str, server: str, number: int, terms: str, *, waiting: bool, bypass: bool = False) -> str:
        call = made(number, server, self.world.mark)
        asks = filing(call=call, terms=TERMS[terms], agent=agent, owner=AGENTS[agent], waiting=waiting, bypass=bypass)
        filed = self.do(self.world.desks[number % 2].file(asks))
        if isinstance(filed, Refusal):
            assert agent in self.facts.revoked
            return next(iter(self.facts.cases), "")
        assert agent not in self.facts.revoked
        case = self.act(filed.request.id)
        assert (case.agent, case.server) == (agent, server)
        if filed.kind is FiledAs.COLLECT:
            assert case.state in ENDED
            self.do(self.world.desks[0].told(case.id))
        if filed.kind is FiledAs.COOLDOWN:
            assert case.state == "denied"
        if filed.kind is FiledAs.JOINED:
            assert case.state not in ENDED
        if filed.kind is FiledAs.SAVED and not bypass:
            self.is_covered_or_asked(case)
        return case.id

    def is_covered_or_asked(self, case: Case) -> None:
        """What a grant speaks for is not asked about, and nothing else runs unasked."""
        left = [g for g in self.facts.grants.values() if g.id == case.grant or g.used < g.uses]
        speaks = not self.facts.stopped(case) and any(authority.is_covered(self.facts, case, g) for g in left)
        assert case.state == ("approved" if speaks else "pending")

    @rule(request_id=asked, text=st.sampled_from(["so", "because", "no"]))
    def answer(self, request_id: str, text: str) -> None:
        case = self.act(request_id)
        result = self.do(self.world.desks[0].answer(case.id, agent=case.agent, text=text))
        assert not isinstance(result, Refusal) or (case.state == "pending" and not case.open_questions)

    @rule(request_id=asked)
    def hang_up(self, request_id: str) -> None:
        case = self.act(request_id)
        actor = f"agent:{case.agent}"
        self.do(self.world.desks[1].cancel(case.id, actor=actor, cause=Cause.CLIENT_CANCELLED))
        assert case.state not in ("pending", "approved")

    # What people say

    @rule(request_id=asked, said=st.lists(SAYINGS, min_size=1, max_size=3), stale=st.sampled_from([False] * 7 + [True]))
    def decide(self, request_id: str, said: list[tuple[str, Answer]], stale: bool) -> None:
        for turn, (by, answer) in enumerate(said):
            self.say(request_id, by, answer, desk=turn % 2, binding="0" * 64 if stale else None)

    def say(
        self,
        request_id: str,
        by: str,
        answer: Answer,
        *,
        desk: int = 0,
        binding: str | None = None,
        trust: tuple[int, int] | None = None,
        number: int | None = None,
    ) -> Any:
        """One decision, which must be taken exactly where it counts."""
        case = self.act(request_id)
        was = case.binding
        given = Decision(
            reviewer=PersonId(by),
            answer=answer,
            binding=was if binding is None else binding,
            via="web",
            grant=None if trust is None else up_to(*trust),
            arguments=None if number is None else canonical({"n": number}),
        )
        if answer is Answer.APPROVE and by not in case.yes:
            case.wants[by] = trust
        rows = case.rows
        result = self.do(self.world.desks[desk].decide(case.id, given))
        if isinstance(result, Refusal):
            right = given.binding == was == case.binding and trust is None and number is None
            yes = answer is Answer.APPROVE
            assert not (right and authority.takes_vote(self.facts, case, by, yes=yes)), result
            return result
        assert given.binding == was
        assert case.rows > rows
        return result

    @rule(request_id=asked, by=people, number=st.integers(0, 5), racing=st.sampled_from([None, None, *WHO]))
    def edit(self, request_id: str, by: str, number: int, racing: str | None) -> None:
        case = self.act(request_id)
        was, before = case.binding, case.number
        fits = authority.takes_vote(self.facts, case, by, yes=True) and number != before and number % 4 != 3
        if racing is not None:
            self.world.edits.meanwhile = lambda: self.meanwhile(case, racing)
        result = self.say(case.id, by, Answer.APPROVE, desk=1, number=number)
        self.world.edits.meanwhile = None
        if isinstance(result, Refusal):
            assert case.binding == was
            assert not (fits and racing is None and case.terms.edit and case.state == "pending"), result
        elif number != before:
            assert case.number == number
            assert set(case.yes) <= {by}

    async def meanwhile(self, case: Case, by: str) -> None:
        """Somebody else approves the call as it is, while the edited one is being judged."""
        given = Decision(reviewer=PersonId(by), answer=Answer.APPROVE, binding=case.binding, via="slack")
        case.wants.setdefault(by, None)
        try:
            await self.world.desks[0].decide(case.id, given)
        except Refusal:
            return
        await self.world.db.read(lambda tx: self.world.judge_in(tx, case.id))

    @rule(
        request_id=asked,
        said=st.lists(st.tuples(people, st.sampled_from([2, 9])), min_size=1, max_size=3),
        uses=st.integers(1, 2),
    )
    def trust(self, request_id: str, said: list[tuple[str, int]], uses: int) -> None:
        for by, most in said:
            self.say(request_id, by, Answer.APPROVE, trust=(most, uses))

    @rule(by=everybody, which=st.integers(0, 9))
    def take_back(self, by: str, which: int) -> None:
        if self.facts.grants:
            one = self.facts.grants[sorted(self.facts.grants)[which % len(self.facts.grants)]]
            case = self.facts.cases[one.case]
            held = not one.ended and self.facts.now < one.until and one.used < one.uses
            result = self.do(Grants(self.world.desks[0]).end(one.id, person=PersonId(by)))
            assert isinstance(result, Refusal) is not authority.has_part(self.facts, case, by)
            assert one.ended or not held or isinstance(result, Refusal)

    @rule(request_id=asked, by=everybody, what=st.sampled_from(["cancel", "extend", "snooze", "comment", "ask"]))
    def meddle(self, request_id: str, by: str, what: str) -> None:
        case, desk = self.act(request_id), self.world.desks[1]
        asked, open_questions = case.questions, case.open_questions
        match what:
            case "cancel":
                result = self.do(desk.cancel(case.id, actor=by, cause=Cause.CANCELLED_BY_PERSON))
                may = case.state in ("pending", "approved") and authority.has_part(self.facts, case, by)
            case "extend":
                result = self.do(desk.extend(case.id, reviewer=PersonId(by), by=10 * MINUTE))
                may = self.is_open(case) and authority.steers(self.facts, case, by)
            case "snooze":
                result = self.do(desk.snooze(case.id, by=PersonId(by), lasts=MINUTE))
                may = False
            case "comment":
                result = self.do(desk.comment(case.id, by=PersonId(by), via="web", text="I look at it."))
                may = authority.has_part(self.facts, case, by)
            case _:
                result = self.do(desk.ask(case.id, by=PersonId(by), via="web", text="Why so?"))
                may = self.is_open(case) and authority.steers(self.facts, case, by)
                may = may and open_questions < 3 and asked < 10
        assert not (isinstance(result, Refusal) and may), result

    def is_open(self, case: Case) -> bool:
        """Can it still be decided?"""
        return case.state == "pending" and self.facts.now < case.deadline

    @rule(
        request_id=asked,
        by=everybody,
        to=st.sampled_from([(SECURITY,), (FINANCE,), (EVE.id,), (EVE.id, GUS.id), (FINANCE, EVE.id)]),
        factor=st.sampled_from([None, 0, 1]),
    )
    def reassign(self, request_id: str, by: str, to: tuple[str, ...], factor: int | None) -> None:
        self.do(self.world.desks[0].reassign(self.act(request_id).id, by=PersonId(by), to=to, factor=factor))

    @rule(request_id=asked, by=everybody, ran=st.booleans())
    def resolve(self, request_id: str, by: str, ran: bool) -> None:
        case = self.act(request_id)
        result = self.do(self.world.desks[0].resolve(case.id, reviewer=PersonId(by), ran=ran))
        may = case.state == "unknown" and authority.steers(self.facts, case, by)
        assert isinstance(result, Refusal) is not may
