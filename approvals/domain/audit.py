"""The audit chain: one entry for every change, each with the hash of the one before (security.md 5e).

What is free text or could be guessed (reasons, notes, addresses) stands in `detail`, and the chain holds only a
salted commitment to it: when a detail is destroyed, the chain still verifies. A chain alone does not see that its
end was cut off, so its head is signed from time to time (`Checkpoint`); whether the entries fit together and
whether they are all there are two verdicts. Nothing here signs: keys are the shell's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from approvals.domain.fingerprint import canonical, sha256_hex

START = "0" * 64
"""What the first entry names as the one before it."""
_ENTRY, _DETAIL, _HEAD = b"placet/audit/1\x00", b"placet/audit-detail/1\x00", b"placet/checkpoint/1\x00"
SALT_BYTES = 16
UNHASHABLE = (ValueError, TypeError, RecursionError)
"""What has no canonical form, is of another kind or too deep: it was never hashed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something somebody did, before it has its place in the chain.

    `actor` is a person's address, `agent:NAME`, or `placet`; `via` how they were known (`web`, `slack`, `api`,
    `cli`, …); `subject` what it was done to, where that is no request (`agent:NAME`, `policy:SERVER`).
    """

    action: str
    actor: str
    at: datetime
    via: str = ""
    request: str | None = None
    subject: str | None = None
    binding: str | None = None
    before: str | None = None
    after: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One link. `salt` is None and the detail empty once they were destroyed; the hash does not need them."""

    seq: int
    act: Act
    detail_sha256: str
    prev: str
    hash: str
    salt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The chain as it stood: its head after `seq` entries, signed by the key `key`. Hex throughout."""

    seq: int
    head: str
    at: datetime
    key: str
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """What is wrong with the chain, and from which entry on."""

    seq: int
    what: str


def link(act: Act, *, seq: int, prev: str, salt: str) -> Entry:
    """Give an act its place in the chain. `salt` is fresh random hex."""
    committed = commitment(act.detail, salt)
    return Entry(
        seq=seq, act=act, detail_sha256=committed, prev=prev, salt=salt, hash=entry_hash(act, seq, prev, committed)
    )


def commitment(detail: Mapping[str, Any], salt: str) -> str:
    """What the chain holds of a detail: nothing can be told from it without the salt."""
    return sha256_hex(_DETAIL + bytes.fromhex(salt) + canonical(dict(detail)))


def entry_hash(act: Act, seq: int, prev: str, detail_sha256: str) -> str:
    """The hash of one link: of everything but the detail itself, which it has only the commitment of."""
    return sha256_hex(
        _ENTRY
        + canonical(
            {
                "seq": seq,
                "at": stamp(act.at),
                "action": act.action,
                "actor": act.actor,
                "via": act.via,
                "request": act.request,
                "subject": act.subject,
                "binding": act.binding,
                "before": act.before,
                "after": act.after,
                "detail_sha256": detail_sha256,
                "prev": prev,
            }
        )
    )


def head_bytes(seq: int, head: str, at: datetime) -> bytes:
    """The bytes that the signature of a checkpoint is over."""
    return _HEAD + canonical({"seq": seq, "head": head, "at": stamp(at)})


def flaws(entries: Iterable[Entry], *, after: int = 0, head: str = START) -> Iterator[Flaw]:
    """Everything that does not fit together, from the entry that follows `after` (whose hash is `head`) on."""
    for entry in entries:
        if entry.seq != after + 1:
            missing = f"{after + 1}" if entry.seq == after + 2 else f"{after + 1} to {entry.seq - 1}"
            yield Flaw(seq=entry.seq, what=f"entry {missing} is missing" if entry.seq > after else "out of order")
        if entry.prev != head:
            yield Flaw(seq=entry.seq, what="it does not follow the entry before it")
        if not _is_itself(entry):
            yield Flaw(seq=entry.seq, what="it was changed after it was written")
        if entry.salt is not None and not _is_committed(entry.act.detail, entry.salt, entry.detail_sha256):
            yield Flaw(seq=entry.seq, what="its detail was changed after it was written")
        after, head = entry.seq, entry.hash


def _is_itself(entry: Entry) -> bool:
    try:
        return entry_hash(entry.act, entry.seq, entry.prev, entry.detail_sha256) == entry.hash
    except UNHASHABLE:
        return False


def _is_committed(detail: Mapping[str, Any], salt: str, committed: str) -> bool:
    try:
        # Hex has one form here: in capitals it would be the same salt, and another file.
        return bytes.fromhex(salt).hex() == salt and commitment(detail, salt) == committed
    except UNHASHABLE:
        return False


def stamp(at: datetime) -> str:
    """A moment in the one form that is hashed: RFC 3339, UTC, microseconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
