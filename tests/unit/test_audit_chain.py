"""The audit chain as arithmetic: what fits together, and that each change of it is seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from approvals.domain.audit import START, Act, Entry, flaws, link

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def act(number: int, **more: Any) -> Act:
    """One of several acts that differ."""
    return Act(
        action="request.vetoed",
        actor="ada@example.com",
        at=NOON + timedelta(seconds=number),
        via="web",
        request=f"req_{number}",
        binding="ab" * 32,
        before="pending",
        after="denied",
        detail={"reason": f"no {number}"},
        **more,
    )


def chain(length: int) -> list[Entry]:
    """A chain of so many entries."""
    entries: list[Entry] = []
    for number in range(1, length + 1):
        prev = entries[-1].hash if entries else START
        entries.append(link(act(number), seq=number, prev=prev, salt=f"{number:032x}"))
    return entries


def test_an_untouched_chain_has_no_flaw() -> None:
    assert list(flaws(chain(5))) == []


def test_a_chain_goes_on_from_any_entry() -> None:
    entries = chain(5)
    assert list(flaws(entries[3:], after=3, head=entries[2].hash)) == []


def test_a_destroyed_detail_is_no_flaw() -> None:
    entries = chain(3)
    entries[1] = replace(entries[1], salt=None, act=replace(entries[1].act, detail={}))
    assert list(flaws(entries)) == []


def test_a_low_entropy_detail_cannot_be_guessed_from_what_the_chain_holds() -> None:
    same = [link(act(1), seq=1, prev=START, salt=f"{salt:032x}").detail_sha256 for salt in range(2)]
    assert same[0] != same[1]


def changed(**fields: Any) -> Callable[[Entry], Entry]:
    """The entry with other words in its act."""
    return lambda entry: replace(entry, act=replace(entry.act, **fields))


CHANGES: dict[str, Callable[[Entry], Entry]] = {
    "another actor": changed(actor="eve@example.com"),
    "another surface": changed(via="api"),
    "another moment": changed(at=NOON),
    "another action": changed(action="request.quorum_met"),
    "another request": changed(request="req_9"),
    "another subject": changed(subject="agent:x"),
    "another binding": changed(binding=None),
    "another state before": changed(before="approved"),
    "another state after": changed(after="approved"),
    "another reason": changed(detail={"reason": "yes"}),
    "another commitment": lambda entry: replace(entry, detail_sha256="0" * 64),
    "another hash": lambda entry: replace(entry, hash="0" * 64),
    "another predecessor": lambda entry: replace(entry, prev=START),
    "another number": lambda entry: replace(entry, seq=9),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_entry_is_seen(change: Callable[[Entry], Entry]) -> None:
    entries = chain(4)
    entries[2] = change(entries[2])
    assert [flaw for flaw in flaws(entries) if flaw.seq in {3, 4, 9}]


def test_a_missing_entry_is_seen_and_named() -> None:
    entries = chain(5)
    assert any("entry 3 is missing" in flaw.what for flaw in flaws([*entries[:2], *entries[3:]]))
    assert any("entry 2 to 4 is missing" in flaw.what for flaw in flaws([entries[0], entries[4]]))


def test_swapped_entries_are_seen() -> None:
    one, two, three = chain(3)
    assert any("out of order" in flaw.what for flaw in flaws([one, three, two]))
