"""Sessions of agents' clients, from the first call in them that people were asked about until they end.

The sessions themselves live in the memory of the process that opened them (`gateway/inbound/sessions.py`). Here is what
others have to know: whether one is over, and whose it was, so that what was bound to it ends with it. One that stands
here as open is open as far as anybody knows; one that does not stand here is none.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, select, update

from approvals.storage.frame import Group
from approvals.storage.requests import LIVE_FOR
from approvals.storage.tables import replicas
from approvals.storage.tables_grants import IS_IN_FORCE, agent_sessions


class AgentSessions(Group):
    """Statements about sessions of agents."""

    def seen(self, key: str, *, agent: str, holder: str) -> None:
        """Note a session of which people are asked something; one that is known, ended or not, stays as it is."""
        fresh = self._tx.insert(agent_sessions).values(key=key, agent=agent, holder=holder, seen_at=self._tx.now)
        self._run(fresh.on_conflict_do_nothing(index_elements=["key"]))

    def is_open(self, key: str, *, lock: bool = False) -> bool:
        """Is a session known, and not over? With `lock` whoever would end it waits until this transaction is over."""
        one = select(agent_sessions.c.key).where(agent_sessions.c.key == key, IS_IN_FORCE)
        return self._run(one.with_for_update() if lock else one).first() is not None

    def end(self, key: str) -> bool:
        """A session is over. False: it was before, or nobody knows it."""
        open_now = update(agent_sessions).where(agent_sessions.c.key == key, IS_IN_FORCE)
        return bool(self._run(open_now.values(ended_at=self._tx.now)).rowcount)

    def open_of(self, holder: str) -> frozenset[str]:
        """The sessions of one process that are not over."""
        mine = select(agent_sessions.c.key).where(agent_sessions.c.holder == holder, IS_IN_FORCE)
        return frozenset(self._run(mine).scalars())

    def left_behind(self) -> Collection[str]:
        """The open sessions of processes that are not alive any more."""
        alive = select(replicas.c.holder).where(replicas.c.beat_at > self._tx.time_ago(LIVE_FOR))
        gone = select(agent_sessions.c.key).where(IS_IN_FORCE, agent_sessions.c.holder.not_in(alive))
        return list(self._run(gone.order_by(agent_sessions.c.key)).scalars())

    def sweep(self, before: datetime) -> None:
        """Forget sessions that ended before a time: what is not known is over."""
        self._run(delete(agent_sessions).where(agent_sessions.c.ended_at < before))
