"""What is wrong with the running service, said alike on `/readyz`, on every page, and in the gauges."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from approvals.domain import break_glass
from approvals.domain.break_glass import Opening
from approvals.domain.plain import clock_time
from approvals.domain.stops import Freeze, named
from approvals.errors import Unavailable
from approvals.outbox import ChannelHealth, Outbox
from approvals.storage import migrate
from approvals.storage.engine import Database
from approvals.storage.numbers import Change
from approvals.storage.tx import Tx
from approvals.web.parts import Notice
from gateway.crowding import Crowding
from gateway.health import Check
from gateway.in_force import standings
from gateway.journal import Journal
from gateway.metrics import Metrics
from gateway.reload import Reloader
from gateway.servers import Servers
from gateway.switches import Switches

DECIDED = frozenset({"approved", "denied"})
CHANGES_AT_ONCE = 5_000


@dataclass(slots=True, kw_only=True)
class Status:
    """Looks at the parts that can be in trouble."""

    db: Database
    journal: Journal
    servers: Servers
    outbox: Outbox
    reloader: Reloader
    metrics: Metrics
    slack_problem: Callable[[], str | None]
    switches: Switches
    alert_problem: Callable[[], str | None]
    crowding: Crowding
    _row: int = 0
    _reading: int = 0

    async def checks(self) -> Sequence[Check]:
        """What `/readyz` lists."""
        current = await self._schema_is_current()
        text = "answers, and its schema is current" if current else "does not answer, or its schema is not current"
        waiting = self.journal.waiting
        unrecorded = f"{waiting} calls are not recorded yet" if waiting else "every call is recorded"
        found = [
            Check(id="database", ok=current, text=text, stops=True),
            Check(id="audit", ok=self.journal.room, text=unrecorded, stops=True),
        ]
        found += [Check(id="policy", ok=False, text=text) for text in (*self._unruled(), *self._not_in_force())]
        found += [Check(id="freeze", ok=False, text=_frozen(freeze)) for freeze in self.switches.freezes()]
        found += [Check(id="break-glass", ok=False, text=_opened(one)) for one in self.switches.openings()]
        groups = self.reloader.settings.groups
        if groups.on_call:
            empty = groups.uncovered(await self.db.read(lambda tx: tx.now))
            found += [Check(id=f"on call {name}", ok=False, text="nobody is on call now") for name in empty]
        if self.reloader.difference is not None:
            found.append(Check(id="configuration", ok=False, text=self.reloader.difference))
        for server in self.servers:
            ok, said = server.health
            found.append(Check(id=f"server {server.name}", ok=ok, text=said))
        found += [_channel(name, state) for name, state in self.outbox.delivery_health().items()]
        if (problem := self.alert_problem()) is not None:
            found.append(Check(id="alerts", ok=False, text=problem))
        if (problem := self.slack_problem()) is not None:
            found.append(Check(id="slack", ok=False, text=problem))
        return found

    def notices(self) -> Sequence[Notice]:
        """What every page shows on top."""
        notices = [Notice(level="error", text=text) for text in (*self._unruled(), *self._not_in_force())]
        if self.reloader.difference is not None:
            text = f"The configuration on disk is not the one in force: {self.reloader.difference}"
            notices.append(Notice(level="error", text=text))
        notices += [
            Notice(level="warning", text=f"Messages to {name} fail ({state.last_error}). This page needs none of them.")
            for name, state in self.outbox.delivery_health().items()
            if state.failing_since is not None
        ]
        notices += [
            Notice(level="warning", text=f"Server {server.name} {server.upstream.trouble}.")
            for server in self.servers
            if server.upstream.trouble is not None
        ]
        notices += [Notice(level="warning", text=text) for text in self.crowding.texts()]
        if (problem := self.alert_problem()) is not None:
            notices.append(Notice(level="error", text=f"An alert could not be posted to {problem}"))
        if (problem := self.slack_problem()) is not None:
            notices.append(Notice(level="warning", text=f"Nothing can be decided in Slack now: {problem}"))
        notices += [
            Notice(level="warning", text=f"Agent {agent.name} needs no token. Use this on your own machine only.")
            for agent in self.reloader.settings.agents.values()
            if agent.anonymous
        ]
        return notices

    async def begin(self) -> None:
        """Count requests from now on."""
        newest = await self.db.read(lambda tx: (tx.requests.last_event_id(), tx.attention.last_id()))
        self._row, self._reading = newest

    async def measure(self) -> None:
        """Bring the numbers up to date."""
        snapshot = self.metrics.snapshot
        snapshot.upstream_up = {s.name: s.upstream.up for s in self.servers if s.upstream.up is not None}
        snapshot.upstream_left_alone = {s.name: s.upstream.trouble is not None for s in self.servers}
        snapshot.unrecorded = self.journal.waiting
        snapshot.frozen = [freeze.scope for freeze in self.switches.freezes()]
        snapshot.opened = [opening.scope for opening in self.switches.openings()]
        snapshot.policies = await asyncio.to_thread(standings, self.reloader.settings)
        snapshot.deliveries = {
            (name, result): count
            for name, health in self.outbox.delivery_health().items()
            for result, count in (("delivered", health.delivered), ("retried", health.retried), ("dead", health.dead))
        }
        snapshot.decoys = await self.db.read(lambda tx: tx.decoys.totals())
        while changes := await self.db.read(self._look):
            for change in changes:
                snapshot.outcomes[change.after, change.cause or ""] += 1
                if change.after in DECIDED and change.ground is None:
                    self.metrics.decision_seconds.observe((change.at - change.created_at).total_seconds())
            self._row = changes[-1].row
        while given := await self.db.read(lambda tx: tx.attention.after(self._reading, CHANGES_AT_ONCE)):
            for one in given:
                self.metrics.decisions.labels(one.answer, "too_fast" if one.too_fast else "in_time").inc()
            self._reading = given[-1].id

    def _look(self, tx: Tx) -> Sequence[Change]:
        snapshot, oldest = self.metrics.snapshot, tx.requests.oldest_pending()
        snapshot.open_by_state = {state.value: count for state, count in tx.requests.count_by_state().items()}
        snapshot.oldest_pending_seconds = (tx.now - oldest).total_seconds() if oldest is not None else 0
        return tx.numbers.changes_after(self._row, CHANGES_AT_ONCE)

    def _unruled(self) -> list[str]:
        servers = self.reloader.settings.servers.values()
        none = [f"Server {one.name} has no policy: every tool of it is denied." for one in servers if not one.policies]
        unsaved = [
            f"Nothing is saved yet on the policy page of server {one.name}: every tool of it is denied."
            for one in servers
            if one.page == 0
        ]
        return none + unsaved

    def _not_in_force(self) -> list[str]:
        return [*map(str, self.reloader.differing), *self.reloader.not_taken.values()]

    async def _schema_is_current(self) -> bool:
        try:
            return await migrate.current(self.db) == migrate.head()
        except Unavailable:
            return False


def _frozen(freeze: Freeze) -> str:
    # Who and why is for people: machines ask without a name.
    return f"{named(freeze.scope)} is frozen until {clock_time(freeze.until)}"


def _opened(opening: Opening) -> str:
    until = clock_time(opening.until or opening.at)
    return f"calls to {break_glass.named(opening.scope)} run without approval until {until}"


def _channel(name: str, state: ChannelHealth) -> Check:
    # The last error is kept after the channel has recovered; it is no news then.
    works = state.failing_since is None
    return Check(id=f"channel {name}", ok=works, text="delivers" if works else state.last_error or "fails")
