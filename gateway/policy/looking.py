"""How much of a call's arguments its policy looks at before it says that nobody can judge this.

The time of an evaluation is bounded by counting, not by a clock, so that the same call always gets the same ruling.
What is too much to look at is not judged, which counts against the call (policy.md 3.2, 3.6).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MOST_LOOKS = 20_000
"""So many values all conditions of one call may look at together."""
CHARACTERS_A_LOOK = 500
TOO_MUCH = f"the conditions would have to look at more than {MOST_LOOKS} values"


class TooMuch(Exception):
    """Nothing is left of what may be looked at."""


@dataclass(slots=True, kw_only=True)
class Looks:
    """What is left to look at for one call."""

    left: int = MOST_LOOKS

    def take(self, count: int) -> None:
        """Note that so many values are looked at.

        Raises:
            TooMuch: they are more than are left; then nothing is left.
        """
        self.left -= count
        if self.left <= 0:
            self.left = 0
            raise TooMuch(TOO_MUCH)

    def take_all_of(self, value: Any) -> None:
        """Note that a value is looked at, with everything in it; a long text counts as several.

        Raises:
            TooMuch: they are more than are left.
        """
        todo = [value]
        while todo:
            node = todo.pop()
            self.take(1 + len(node) // CHARACTERS_A_LOOK if isinstance(node, str) else 1)
            if isinstance(node, dict):
                todo += node.keys()
                todo += node.values()
            elif isinstance(node, list | tuple):
                todo += node
