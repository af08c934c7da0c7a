"""Slack's own do-not-disturb of a person: until when what can wait is not sent to them.

Asked with `dnd.info`, remembered for a few minutes. Where it cannot be asked (no scope `dnd:read`, Slack away), nobody
is taken to be asleep: a message too many is better than one that never comes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from approvals.channels import RetryLater
from approvals.channels.slack_client import SlackClient, SlackDown, SlackRefused

REMEMBERED_SECONDS = 300.0
REMEMBERED_MAX = 10_000


class SlackHours:
    """Do-not-disturb, person by person."""

    def __init__(self, client: SlackClient, *, now: Callable[[], float] = time.time) -> None:
        self._client, self._now = client, now
        self._known: dict[str, tuple[float, Mapping[str, Any]]] = {}

    async def quiet_until(self, user: str) -> datetime | None:
        """When the do-not-disturb of a person ends that they are in now; None: they are in none."""
        at, said = self._known.get(user, (0.0, {}))
        if at <= self._now():
            said = await self._ask(user)
            if len(self._known) >= REMEMBERED_MAX:
                self._known.clear()
            self._known[user] = (self._now() + REMEMBERED_SECONDS, said)
        return ends(said, self._now())

    async def _ask(self, user: str) -> Mapping[str, Any]:
        try:
            return await self._client.call("dnd.info", user=user)
        except (SlackRefused, SlackDown, RetryLater):
            return {}


def ends(said: Mapping[str, Any], now: float) -> datetime | None:
    """When the do-not-disturb ends that holds now, by what `dnd.info` says: the regular one, or a pause."""
    spans = []
    if said.get("dnd_enabled") is True:
        spans.append((said.get("next_dnd_start_ts"), said.get("next_dnd_end_ts")))
    if said.get("snooze_enabled") is True:
        spans.append((0, said.get("snooze_endtime")))
    held = [
        end
        for start, end in spans
        if isinstance(start, int | float) and isinstance(end, int | float) and start <= now < end
    ]
    return datetime.fromtimestamp(max(held), UTC) if held else None
