"""What another format cannot say: each loss at its place, with what becomes of the calls it is about."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from gateway.policy.collecting import Path
from gateway.policy.source import pointer


class Effect(StrEnum):
    """What a loss does to calls: nothing; some are refused that passed; some pass that were refused or asked about."""

    SAME = "same"
    STRICTER = "stricter"
    LOOSER = "looser"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """One thing that is lost. `pointer` is its place in the policy as our own format has it."""

    pointer: str
    text: str
    effect: Effect


@dataclass(slots=True)
class Losses:
    """Where a writer notes down what it loses; told twice counts once."""

    found: dict[tuple[str, str], Loss] = field(default_factory=dict)

    def same(self, path: Path, text: str) -> None:
        """Lost, but no call is decided otherwise."""
        self._note(path, text, Effect.SAME)

    def stricter(self, path: Path, text: str) -> None:
        """Lost, and calls are refused that passed or were asked about."""
        self._note(path, text, Effect.STRICTER)

    def looser(self, path: Path, text: str) -> None:
        """Lost, and calls pass that were refused or asked about."""
        self._note(path, text, Effect.LOOSER)

    def _note(self, path: Path, text: str, effect: Effect) -> None:
        loss = Loss(pointer=pointer(path), text=text, effect=effect)
        self.found.setdefault((loss.pointer, text), loss)
