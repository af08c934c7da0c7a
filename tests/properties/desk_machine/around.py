"""What changes around the requests: time, people, stops, break-glass, tools, channels, processes."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from approvals.absences import Absences
from approvals.acting import Actor
from approvals.domain.break_glass import CONFIRM_WITHIN
from approvals.domain.model import Role
from approvals.errors import Refusal
from gateway.agents import Agents
from tests.properties.desk_machine import authority
from tests.properties.desk_machine.answers import (
    STEWARDS,
    STEWARDS_ROLES,
    WHO,
    people,
)
from tests.properties.desk_machine.facts import MINUTE
from tests.properties.desk_machine.running import Runs
from tests.properties.desk_machine.world import (
    AGENTS,
    FAY,
    GUS,
    PEOPLE,
    variants,
)


class Around(Runs):
    """The world does not stand still."""

    @rule(minutes=st.sampled_from([0.1, 0.6, 4, 6, 14, 16, 60]), sweeps=st.booleans())
    def time_passes(self, minutes: float, sweeps: bool) -> None:
        self.world.clock.move(minutes=minutes)
        if sweeps:
            self.sweep()

    @rule()
    def sweep(self) -> None:
        """The sweeper leaves nothing that is over."""
        for _ in range(8):
            if not self.do(self.world.sweeper.sweep()):
                break
        now = self.facts.now
        for case in self.facts.cases.values():
            assert case.state != "pending" or now < case.deadline
            assert case.state != "approved" or (case.collect_by is not None and now < case.collect_by)
            assert case.state != "executing" or (case.lease_until is not None and now < case.lease_until)

    @rule(who=people, which=st.integers(0, 6))
    def person_changes(self, who: str, which: int) -> None:
        self.world.become(who, variants(PEOPLE[who])[which])

    @rule(who=people, to=st.sampled_from([*WHO, None]), hours=st.sampled_from([0.2, 2]), later=st.booleans())
    def goes_away(self, who: str, to: str | None, hours: float, later: bool) -> None:
        since = self.facts.now + (5 * MINUTE if later else timedelta(0))
        until = since + timedelta(hours=hours)
        begin = Absences(self.world.desks[0]).begin(
            who, since=since, until=until, to=to, actor=Actor(id=FAY.id, via="web")
        )
        result = self.do(begin, lambda: self.facts.absences.update({who: (since, until, to)}))
        possible = who in self.facts.people and to != who
        possible = possible and (to is None or authority.is_reviewer(self.facts, to))
        assert isinstance(result, Refusal) is not possible

    @rule(who=people)
    def comes_back(self, who: str) -> None:
        self.do(
            Absences(self.world.desks[0]).end(who, actor=Actor(id=FAY.id, via="web")),
            lambda: self.facts.absences.pop(who, None),
        )

    @rule(scope=st.sampled_from(["all", "agent:claude-ada", "server:shop"]), by=STEWARDS)
    def freeze(self, scope: str, by: str) -> None:
        until = self.facts.now + 20 * MINUTE
        froze = self.world.stops().freeze(scope, reason="r", lasts=20 * MINUTE, actor=Actor(id=by, via="web"))
        result = self.do(froze, lambda: self.facts.freezes.update({scope: until}))
        assert isinstance(result, Refusal) is not authority.has_role(self.facts, by, Role.OPERATOR, Role.ADMIN)

    @rule(scope=st.sampled_from(["all", "agent:claude-ada", "server:shop"]))
    def thaw(self, scope: str) -> None:
        thawed = self.world.stops().thaw(scope, actor=Actor(id=FAY.id, via="web"))
        self.do(thawed, lambda: self.facts.freezes.pop(scope, None))

    @rule(agent=st.sampled_from(sorted(AGENTS)), on=st.booleans())
    def pause(self, agent: str, on: bool) -> None:
        agents, actor = Agents(desk=self.world.desks[0]), Actor(id=FAY.id, via="web")
        if on:
            self.do(agents.pause(agent, actor=actor), lambda: self.facts.paused.add(agent))
        else:
            self.do(agents.resume(agent, actor=actor), lambda: self.facts.paused.discard(agent))

    @precondition(lambda self: self.steps > 10)
    @rule(agent=st.sampled_from(["claude-bob", "claude-nobody"]))
    def revoke(self, agent: str) -> None:
        agents, actor = Agents(desk=self.world.desks[0]), Actor(id=FAY.id, via="web")
        self.do(agents.revoke(agent, actor=actor), lambda: self.facts.revoked.add(agent))
        held = [case for case in self.facts.cases.values() if case.agent == agent]
        assert not any(case.state in ("pending", "approved") for case in held)

    @rule(scope=st.sampled_from(["all", "server:binance"]), by=STEWARDS, confirms=st.booleans())
    def break_glass(self, scope: str, by: str, confirms: bool) -> None:
        """It takes two; the other one may confirm at once, or later, or never."""
        now, actor = self.facts.now, Actor(id=by, via="web")
        opening = self.world.glass().open(scope, reason="r", lasts=20 * MINUTE, actor=actor)
        wait = (by, now + CONFIRM_WITHIN)
        asked = self.do(opening, lambda: self.facts.glass_asked.update({scope: wait}))
        assert isinstance(asked, Refusal) or authority.has_role(self.facts, by, *STEWARDS_ROLES)
        self.confirm_glass(scope, by)
        if confirms:
            self.confirm_glass(scope, GUS.id if by == FAY.id else FAY.id)

    def confirm_glass(self, scope: str, by: str) -> None:
        """One who may confirms what another one who may has asked for, in time."""
        asker, until = self.facts.glass_asked.get(scope, (by, self.facts.now))
        may = all(authority.has_role(self.facts, one, *STEWARDS_ROLES) for one in (asker, by))
        may = may and asker != by and self.facts.now < until

        def opened() -> None:
            self.facts.glass[scope] = self.facts.now + 20 * MINUTE
            del self.facts.glass_asked[scope]

        confirmed = self.do(self.world.glass().confirm(scope, actor=Actor(id=by, via="web")), opened)
        assert isinstance(confirmed, Refusal) is not may

    @rule(scope=st.sampled_from(["all", "server:binance"]))
    def close_glass(self, scope: str) -> None:
        def closed() -> None:
            self.facts.glass.pop(scope, None)
            self.facts.glass_asked.pop(scope, None)

        self.do(self.world.glass().close(scope, actor=Actor(id=FAY.id, via="web")), closed)

    @rule(what=st.sampled_from(["tool", "policy", "back"]))
    def upstream_changes(self, what: str) -> None:
        self.world.mark = "e" * 64 if what == "tool" else "f" * 64
        self.world.stricter = what == "policy"

    @rule(broken=st.sampled_from([False, False, True]))
    def channels(self, broken: bool) -> None:
        self.facts.broken = broken

    @rule()
    def deliver(self) -> None:
        """Every card comes to show what is so, also after channels were away."""
        for _ in range(40):
            if not self.do(self.world.outbox.deliver_due()):
                break
        for wall in self.world.walls.values():
            for case in self.facts.cases.values():
                asked = case.ground not in ("grant", "break_glass")
                if case.id in wall.given_up or (self.facts.broken and case.id not in wall.shown):
                    continue
                if asked or case.id in wall.shown:
                    shown = wall.shown[case.id]
                    assert (shown.revision, shown.state, shown.cause) == (case.moves + 1, case.state, case.cause)

    @rule(request_id=Runs.asked, wall=st.sampled_from(["slack", "hook"]))
    def deliver_while_it_changes(self, request_id: str, wall: str) -> None:
        """A card is under way when what it shows is over: it is drawn again."""
        self.meddle(request_id, GUS.id, "extend")
        self.world.walls[wall].meanwhile = self.longer
        self.deliver()
        self.world.walls[wall].meanwhile = None

    async def longer(self, request_id: str) -> None:
        """There is more time than the card says."""
        try:
            await self.world.desks[0].extend(request_id, reviewer=GUS.id, by=10 * MINUTE)
        except Refusal:
            return
        await self.world.db.read(lambda tx: self.world.judge_in(tx, request_id))

    @precondition(lambda self: self.steps % 5 == 4)
    @rule()
    def crash(self) -> None:
        """The process ends in the middle of everything, and another begins."""
        self.world.die()
        self.running.clear()
        self.world.start()
