"""A tool's definition taken apart: what its name, its description and its schema say, each on its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gateway.policy.risk.naming import Named, read_name
from gateway.policy.risk.taking import Taken, read_schema
from gateway.policy.risk.telling import Told, read_description


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What speaks of one tool. `hints` are the annotations, which speak for the severity only."""

    named: Named
    told: Told
    taken: Taken
    hints: Mapping[str, Any]

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The words of the name, as they are looked up."""
        return tuple(word.low for word in self.named.words)


def take_apart(definition: Mapping[str, Any]) -> Parts:
    """The parts of a definition as a server sent it, whatever it sent."""
    taken = read_schema(definition.get("inputSchema"))
    hints = definition.get("annotations")
    return Parts(
        named=read_name(_text(definition.get("name")), descriptive=taken.descriptive),
        told=read_description(_text(definition.get("description"))),
        taken=taken,
        hints=hints if isinstance(hints, Mapping) else {},
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
