"""What a text would have made of the calls of the last days, for who is about to save it.

The judging is the laboratory's (`gateway/replays.py`); here are the person's right to see what agents did, and the
patience of a page: a recording that takes longer than that belongs on the command line.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiohttp import web

from approvals.domain.model import Role
from approvals.domain.quorum import SEE_SECRETS
from approvals.web import body
from approvals.web.parts import PARTS
from approvals.web.problems import Problem
from approvals.web.sessions import VISITOR
from approvals.web.shape import answer, dumps
from gateway.policy.durations import duration
from gateway.policy_page import models
from gateway.policy_page.asking import server_of
from gateway.policy_page.trying import Places, Trying
from gateway.recording import Recorder
from gateway.replays import Bench, Period, replay

SEES_CALLS = frozenset({Role.OPERATOR, Role.ADMIN, Role.AUDITOR})
PATIENCE_SECONDS = 15.0
EXAMPLES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaying:
    """The endpoint that replays. One at a time in a process: it is much work."""

    trying: Trying
    recorder: Recorder
    patience: float = PATIENCE_SECONDS
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def replay_calls(self, request: web.Request) -> web.StreamResponse:
        """What the calls of the last days would have got with `text` on the page; nothing is sent or counted."""
        roles = request[VISITOR].person.roles
        if not roles & SEES_CALLS:
            raise Problem(403, "not_allowed", "You may not replay calls: that takes operator, admin or auditor.")
        reloader, db = self.trying.reloader, self.trying.db
        server = server_of(request, reloader)
        sent = await body.read(request, models.ReplayIn)
        layers = server.policies
        if sent.text is not None:
            layers = self.trying.instead(server, layers, await self.trying.draft(server, sent.text))
        people = await db.read(request.app[PARTS].directory.people)
        settings = reloader.settings
        agents = {agent.name: agent.policies for agent in settings.agents.values() if agent.policies}
        defaults = settings.approvals.defaults
        bench = Bench(db=db, recorder=self.recorder, people=people, defaults=defaults, agents=agents)
        now = datetime.now(UTC)
        period = Period(since=now - duration(sent.since), until=now)
        try:
            async with asyncio.timeout(self.patience), self.one_at_a_time:
                found = await replay(bench, server.name, layers, period, examples=EXAMPLES)
        except TimeoutError:
            detail = (
                f"There are more calls than can be judged in {self.patience:g} seconds. Ask for a shorter time, or use "
                f"`placet policy replay` on the command line."
            )
            raise Problem(422, "too_many_calls", detail, extra={"field": "since"}) from None
        places = Places(layers, server, reloader.settings)
        # Why a call changed says what stood in it, and a text can be written to say anything of it.
        told = (found if roles & SEE_SECRETS else found.without_reasons()).as_json()
        for group, change in zip(found.groups, told["changes"], strict=True):
            change["now"] |= places.of(group.policy, group.rule)
        return answer(request, dumps(told))
