"""Recorded arguments: sealed with a key of their own as soon as a call is judged, opened only to try a policy again.

Off unless `recording.arguments` says so. Opening needs the key file of the installation; what was altered, moved to
another call, or sealed with other keys does not open.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from approvals.domain.fingerprint import sha256_hex
from approvals.storage.calls import CallRow
from approvals.storage.recordings import RecordedCall, Recording
from gateway.keys import Keys
from gateway.sealing import seal, unseal

PURPOSE = "recorded-arguments"
LARGEST_BYTES = 64 * 1024
"""Arguments that are larger are not kept: a recording must not outgrow what it is for."""


@dataclass(frozen=True, slots=True)
class Recorder:
    """Seals and opens the arguments of calls."""

    key: bytes = field(repr=False)

    @classmethod
    def of(cls, keys: Keys) -> Recorder:
        """The recorder of an installation."""
        return cls(keys.for_purpose(PURPOSE))

    def record(self, row: CallRow, arguments: bytes) -> Recording | None:
        """What to keep of a call; None where its request keeps the arguments, or they are too large."""
        if row.request_id is not None or len(arguments) > LARGEST_BYTES:
            return None
        return Recording(call_id=row.id, at=row.at, sealed=seal(self.key, arguments, bound=_bound(row.id)))

    def open(self, call: RecordedCall) -> bytes | None:
        """The arguments as the agent sent them; None where nothing was kept, or it is not what was sent."""
        kept = call.held.arguments if call.held is not None else None
        if call.sealed is not None:
            kept = unseal(self.key, call.sealed, bound=_bound(call.id))
        return kept if kept is not None and sha256_hex(kept) == call.arguments_sha256 else None


def _bound(call_id: str) -> tuple[str, ...]:
    return ("placet/recorded-arguments/1", call_id)
