"""The Home tabs that people have opened: set when one is opened, and again when what waits for its person changes.

Which tabs there are is known to the process that Slack told of it, and kept in memory: it is a convenience, and the
list is set anew whenever the tab is opened. A tab is published only where it differs, each at most once in a while.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from approvals.channels import slack_views as views
from approvals.channels.slack_parts import Json
from approvals.channels.slack_payloads import Who
from approvals.channels.slack_people import SlackPeople
from approvals.channels.slack_reading import Reading
from approvals.desk import Desk
from approvals.errors import Refusal, Unavailable

log = logging.getLogger(__name__)

FOLLOWED = 50
"""So many tabs are followed, those opened last: each costs a look at what waits."""
APART_SECONDS = 3.0
"""A tab follows what happens this often at most."""

Publish = Callable[[str, Json], Awaitable[None]]


class Homes:
    """The Home tabs of people."""

    def __init__(self, desk: Desk, *, people: SlackPeople, reading: Reading, publish: Publish, apart: float) -> None:
        self._desk, self._people, self._reading, self._publish = desk, people, reading, publish
        self._apart = apart
        self._shown: dict[str, tuple[Who, Json]] = {}

    async def opened(self, who: Who) -> None:
        """Somebody opened theirs."""
        self._shown.pop(who.user, None)
        await self._show(who)

    async def run(self) -> None:
        """Follow what happens, for ever."""
        async with self._desk.bus.watch_all() as watch:
            while True:
                await watch.changed()
                await self._follow()
                await asyncio.sleep(self._apart)

    async def _follow(self) -> None:
        for who, _ in list(self._shown.values()):
            try:
                await self._show(who)
            except Unavailable:
                log.info("home not looked at: the store is away", extra={"user": who.user})
            except Exception:  # the edge: a tab that cannot be made must not keep the others from their people
                log.exception("home could not be made", extra={"user": who.user})

    async def _show(self, who: Who) -> None:
        view = await self._view(who)
        before = self._shown.get(who.user)
        if before is not None and before[1] == view:
            return
        self._shown[who.user] = (who, view)
        while len(self._shown) > FOLLOWED:
            del self._shown[next(iter(self._shown))]
        await self._publish(who.user, view)

    async def _view(self, who: Who) -> Json:
        try:
            await self._people.admit(who)
            lines, more = await self._reading.waiting_for(who.user)
        except Unavailable:
            raise
        except Refusal as refused:
            return views.home_for_nobody(str(refused))
        return views.home(lines, more=more)
