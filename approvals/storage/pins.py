"""Tool definitions as an operator accepted them, and as they were last seen (security.md U1).

The first definition of a tool is accepted as it is met; from then on only a person accepts another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from approvals.storage.frame import Group
from approvals.storage.tables import tool_pins

FIRST_SEEN = "first seen"
"""Who accepted a definition that was the first of its tool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One tool of one server. It has drifted while what was seen last is not what was accepted."""

    server: str
    tool: str
    accepted_fingerprint: str
    accepted_definition: Mapping[str, Any]
    accepted_at: datetime
    accepted_by: str
    seen_fingerprint: str
    seen_definition: Mapping[str, Any]
    seen_at: datetime

    @property
    def drifted(self) -> bool:
        """Does the server describe the tool otherwise than it was accepted?"""
        return self.accepted_fingerprint != self.seen_fingerprint


class Pins(Group):
    """Statements about accepted tools."""

    def of(self, server: str) -> Mapping[str, Pin]:
        """Every pin of a server, by tool."""
        rows = self._run(select(tool_pins).where(tool_pins.c.server == server).order_by(tool_pins.c.tool))
        return {row["tool"]: Pin(**row) for row in rows.mappings()}

    def one(self, server: str, tool: str) -> Pin | None:
        """The pin of one tool."""
        found = select(tool_pins).where(tool_pins.c.server == server, tool_pins.c.tool == tool)
        row = self._run(found).mappings().first()
        return None if row is None else Pin(**row)

    def drifted(self) -> Sequence[Pin]:
        """Every tool that waits for an operator."""
        changed = select(tool_pins).where(tool_pins.c.accepted_fingerprint != tool_pins.c.seen_fingerprint)
        return [Pin(**row) for row in self._run(changed.order_by(tool_pins.c.server, tool_pins.c.tool)).mappings()]

    def first(self, server: str, tool: str, fingerprint: str, definition: Mapping[str, Any]) -> None:
        """Accept the first definition of a tool; if somebody was quicker, theirs stands."""
        now = self._tx.now
        values = {"server": server, "tool": tool, "accepted_fingerprint": fingerprint, "seen_fingerprint": fingerprint}
        values |= {"accepted_definition": dict(definition), "seen_definition": dict(definition)}  # type: ignore[dict-item]
        fresh = self._tx.insert(tool_pins).values(**values, accepted_at=now, accepted_by=FIRST_SEEN, seen_at=now)
        self._run(fresh.on_conflict_do_nothing(index_elements=["server", "tool"]))

    def seen(self, server: str, tool: str, fingerprint: str, definition: Mapping[str, Any]) -> None:
        """Note how a tool is described now."""
        where = (tool_pins.c.server == server, tool_pins.c.tool == tool)
        values = {"seen_fingerprint": fingerprint, "seen_definition": dict(definition), "seen_at": self._tx.now}
        self._run(update(tool_pins).where(*where).values(**values))
        self._tx.touch("tools")

    def accept(self, server: str, tool: str, fingerprint: str, by: str) -> bool:
        """Accept what was seen last, if it is still this. False: it is not, or there is no such tool."""
        where = (
            tool_pins.c.server == server,
            tool_pins.c.tool == tool,
            tool_pins.c.seen_fingerprint == fingerprint,
        )
        values = {
            "accepted_fingerprint": tool_pins.c.seen_fingerprint,
            "accepted_definition": tool_pins.c.seen_definition,
            "accepted_at": self._tx.now,
            "accepted_by": by,
        }
        self._tx.touch("tools")
        accepted = update(tool_pins).where(*where).values(**values).returning(tool_pins.c.tool)
        if self._run(accepted).first() is None:
            return False
        self._tx.did("tool.accepted", by, subject=f"tool:{server}/{tool}", fingerprint=fingerprint)
        return True
