"""The machine: whatever people, agents, processes and clocks can do to requests, in every order.

What an act returns is held against what is so (`authority`), in both directions: nothing is taken that must not be, and
nothing is refused that must be taken. What it wrote is judged row by row (`judged`), and shown truly (`surfaces`).

Whether it would notice was tried by breaking the product, one thing at a time, each within 125 runs of 20 steps:
an owner who stands in for somebody absent at their own agent's call, a delegate of an owner whom four eyes keep out,
and an owner who passes four eyes because they stand for another (`quorum`); no repaint after an extension, a vote, a
cancellation or a result, a change that comes while a card is under way taken for shown, and a wish to
repaint that queues nothing (`storage`); a result of a process that has no claim taken as state, and a late result that
moves what has ended (`executing.settle`). A missing repaint after an edit it did not notice: the editor's vote brings
one nearly always. Before that: votes that outlive an edit, no recount at the claim, an ignored
cancel window.

Left out: budgets and raises, grants with a budget or of a session, bulk and folding, retention, decoys, "as expected?",
PostgreSQL, transactions that truly overlap, and the executor itself, which is imitated.
"""

from __future__ import annotations

import sys
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant, multiple, rule

from approvals.domain.model import Answer
from approvals.testing.samples import EVE
from tests.properties.desk_machine import authority
from tests.properties.desk_machine.answers import (
    WHO,
    Answers,
)
from tests.properties.desk_machine.around import Around
from tests.properties.desk_machine.facts import MINUTE
from tests.properties.desk_machine.world import (
    AGENTS,
    FAY,
    GUS,
    PEOPLE,
    SERVERS,
    TERMS,
    TRUSTED_FOR,
)

ANY = st.sampled_from(sorted(TERMS))
LIFE: dict[str, Any] = {
    "agent": st.sampled_from(sorted(AGENTS)),
    "number": st.integers(0, 9),
    "yes": st.permutations(WHO),
    "after": st.sampled_from(["settle", "late", "crash", "look"]),
}


class DeskMachine(Around):
    """The real desk over a real database, and people who come and go."""

    # Whole lives, since single steps seldom line up

    @rule(
        target=Answers.asked, **LIFE, terms=ANY, between=st.sampled_from(["nothing", "wait", "crash", "deny", "late"])
    )
    def life(self, between: str, **given: Any) -> Any:
        return self.lived(between, **given)

    @rule(target=Answers.asked, **LIFE, terms=st.sampled_from(["two", "both", "four eyes of two", "trusting both"]))
    def edited_life(self, **given: Any) -> Any:
        return self.lived("edit", **given)

    @rule(target=Answers.asked, **LIFE, terms=ANY, between=st.sampled_from(["delegate", "delegate", "hand on"]))
    def handed_life(self, between: str, **given: Any) -> Any:
        return self.lived(between, **given)

    @rule(
        target=Answers.asked,
        **(LIFE | {"agent": st.sampled_from(["claude-ada", "claude-bob"])}),
        terms=st.sampled_from(["one", "two", "both", "four eyes", "four eyes of two", "silence, later"]),
        between=st.sampled_from(["owner stands in", "owner is stood for"]),
    )
    def owners_life(self, between: str, **given: Any) -> Any:
        return self.lived(between, **given)

    @rule(target=Answers.asked, **LIFE, terms=ANY)
    def doubted_life(self, **given: Any) -> Any:
        return self.lived("gone", **given)

    @rule(target=Answers.asked, **LIFE, terms=ANY, between=st.sampled_from(["freeze", "pause"]))
    def stopped_life(self, between: str, **given: Any) -> Any:
        return self.lived(between, **given)

    def lived(self, between: str, agent: str, number: int, terms: str, yes: list[str], after: str) -> Any:
        """Asked, approved by those who may, run, with something in between."""
        request_id = self.filed(agent, SERVERS[0], number, terms, waiting=True)
        if not request_id:
            return multiple()
        # Those who may decide come first: a yes that is refused leads nowhere.
        yes = sorted(yes, key=lambda one: not authority.may_decide(self.facts, self.facts.cases[request_id], one))
        first, second = yes[:2]
        if number % 3 == 0:
            self.deliver()
        self.before_the_votes(request_id, between, first, second, number)
        for turn, by in enumerate(yes[:4]):
            self.say(request_id, by, Answer.APPROVE)
            if turn == number % 3:
                # What is lost in the middle of a life would be painted over by its end.
                self.deliver()
        self.before_the_run(request_id, between, first, second, number)
        self.execute(request_id, desk=number % 2, settles=after == "settle")
        if after == "late":
            self.time_passes(6, sweeps=True)
            self.settle()
        elif after == "crash":
            self.crash()
            self.sweep()
        self.execute(request_id, desk=0, settles=False)
        self.pause(agent, on=False)
        for who in (first, second):
            self.world.become(who, PEOPLE[who])
        return request_id

    def before_the_votes(self, request_id: str, how: str, first: str, second: str, number: int) -> None:
        """Something comes between the question and the answers."""
        match how:
            case "edit":
                self.say(request_id, first, Answer.APPROVE)
                self.edit(request_id, second, number % 3, None)
            case "delegate":
                self.goes_away(first, second, 2, later=False)
            case "owner stands in":
                owner = self.facts.cases[request_id].owner or EVE.id
                self.goes_away(first if first != owner else second, owner, 2, later=False)
                self.say(request_id, owner, Answer.APPROVE)
            case "owner is stood for":
                self.goes_away(self.facts.cases[request_id].owner or first, EVE.id, 2, later=False)
                self.say(request_id, EVE.id, Answer.APPROVE)
            case "late":
                self.time_passes(14, sweeps=False)
                self.say(request_id, first, Answer.APPROVE)
                self.time_passes(1.1, sweeps=False)
            case "hand on":
                self.reassign(request_id, first, (EVE.id, GUS.id), None)
            case _:
                pass

    def before_the_run(self, request_id: str, how: str, first: str, second: str, number: int) -> None:
        """Something comes between the answers and the execution."""
        match how:
            case "gone":
                self.person_changes(first, 1 + number % 6)
                self.person_changes(second, 1 + number % 4)
            case "wait":
                self.time_passes(0.6, sweeps=True)
            case "crash":
                self.crash()
            case "deny":
                self.say(request_id, first, Answer.DENY)
            case "freeze":
                self.freeze("all", FAY.id)
                self.thaw("all")
            case "pause":
                self.pause(self.facts.cases[request_id].agent, on=True)
            case _:
                pass

    @rule(
        target=Answers.asked,
        agent=st.sampled_from(sorted(AGENTS)),
        number=st.integers(1, 9),
        terms=st.sampled_from(["one", "two", "both", "trusting", "trusting both", "four eyes"]),
        by=st.permutations(WHO),
        between=st.sampled_from(["nothing", "gone", "taken back", "over", "delegate"]),
    )
    def trusting(self, agent: str, number: int, terms: str, by: list[str], between: str) -> Any:
        """Approved with a grant by all who are asked, and then the next call of its shape."""
        request_id = self.filed(agent, SERVERS[1], number, terms, waiting=True)
        if not request_id:
            return multiple()
        if between == "delegate":
            self.goes_away(by[1], by[0], 2, later=False)
        for one in by[:4]:
            self.say(request_id, one, Answer.APPROVE, trust=(9, 2))
        follower = self.filed(agent, SERVERS[1], number - 1, terms, waiting=True)
        if between == "gone":
            self.person_changes(by[0], 1 + number % 6)
        elif between == "taken back":
            self.take_back(FAY.id, number)
        elif between == "over":
            self.time_passes(TRUSTED_FOR / MINUTE, sweeps=False)
        if follower:
            self.execute(follower, desk=0, settles=True)
        self.world.become(by[0], PEOPLE[by[0]])
        return follower or multiple()

    # What must be so after each step

    @invariant()
    def what_is_shown_is_so(self) -> None:
        self.steps += 1
        for request_id in dict.fromkeys(self.lately):
            self.world.look(self.facts.cases[request_id])
        if self.steps % 2:
            # A card that is posted once, at the end, shows nothing of what was lost on the way.
            self.deliver()
        self.lately = self.lately[:1]

    def teardown(self) -> None:
        try:
            # After a step that failed, what is known is behind what is so.
            if sys.exc_info()[0] is None:
                self.facts.broken = False
                self.deliver()
                for case in self.facts.cases.values():
                    self.world.look(case, everybody=True)
                self.world.whole_database()
        finally:
            self.world.close()
