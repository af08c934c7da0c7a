"""An exported audit chain has one form: with any byte of it changed it is not accepted, and never by a traceback."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from approvals.domain.audit import START, Act, Checkpoint, Entry, flaws, head_bytes, link
from approvals.notary import line as checkpoint_line
from approvals.signing import Signer
from gateway.cli.audit import command
from gateway.cli.audit_formats import json_line
from gateway.cli.proofs import read_lines

AT = datetime(2026, 11, 24, 15, 39, 40, 661_000, tzinfo=UTC)
SIGNER = Signer(seed=b"\7" * 32, salt_key=b"\10" * 32)
MASKS = (0x01, 0x20, 0x07)
"""A neighbour, the other case, and a newline for a carriage return."""


def chain() -> list[Entry]:
    """Three entries: without a detail, with one, and of nobody's request."""
    acts = [
        Act(action="request.filed", actor="agent:claude", at=AT, via="", request="req_a", before=None, after="pending"),
        Act(action="request.vetoed", actor="ada@example.com", at=AT, via="web", request="req_a", binding="ab" * 32,
            before="pending", after="denied", detail={"reason": "not \u202e é", "n": 1.5}),
        Act(action="freeze.on", actor="otto@example.com", at=AT, via="api", subject="all"),
    ]  # fmt: skip
    made, prev = [], START
    for seq, act in enumerate(acts, start=1):
        made.append(link(act, seq=seq, prev=prev, salt=f"{seq:02x}ab" * 8))
        prev = made[-1].hash
    return made


def exported() -> bytes:
    entries = chain()
    last = entries[-1]
    signature = SIGNER.sign(head_bytes(last.seq, last.hash, AT)).hex()
    head = Checkpoint(seq=last.seq, head=last.hash, at=AT, key=SIGNER.public.id, signature=signature)
    return "".join(f"{one}\n" for one in [*map(json_line, entries), checkpoint_line(head)]).encode()


def changed(data: bytes) -> Iterator[tuple[int, bytes]]:
    for place in range(len(data)):
        for mask in MASKS:
            yield place, data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :]


def verify(folder: Path, data: bytes) -> Result:
    (folder / "audit.jsonl").write_bytes(data)
    (folder / "key.pem").write_text(SIGNER.public.pem)
    return CliRunner().invoke(command, ["verify", str(folder / "audit.jsonl"), "--key", str(folder / "key.pem")])


def test_what_was_exported_is_accepted(tmp_path: Path) -> None:
    said = verify(tmp_path, exported())
    assert (said.exit_code, said.exception) == (0, None)
    assert "3 entries, 1 signed heads" in said.output


def test_no_byte_of_an_entry_can_be_changed() -> None:
    lines = "".join(f"{json_line(one)}\n" for one in chain()).encode()
    accepted = []
    for place, data in changed(lines):
        try:
            entries = [one for one in read_lines(data.decode().split("\n"), "f") if isinstance(one, Entry)]
        except ValueError:
            continue
        if not list(flaws(entries)) and len(entries) == len(chain()):
            accepted.append((place, data[max(0, place - 20) : place + 20]))
    assert accepted == []


def test_what_was_changed_is_refused_in_words(tmp_path: Path) -> None:
    data = exported()
    spots = random.Random(6).sample(list(changed(data)), 150)
    spots += [one for one in changed(data) if data[one[0]] == ord("\n")]
    for place, other in spots:
        said = verify(tmp_path, other)
        assert isinstance(said.exception, SystemExit), (place, said.exception)
        assert said.exit_code != 0, (place, other[max(0, place - 20) : place + 20])
        assert "Traceback" not in said.output


@pytest.mark.parametrize("salt", ["zz" * 8, "a", "AB" * 8])
def test_a_salt_that_is_none_is_a_flaw(salt: str) -> None:
    first, second, third = chain()
    other = Entry(
        **{name: getattr(second, name) for name in ("seq", "act", "detail_sha256", "prev", "hash")}, salt=salt
    )
    assert [flaw.seq for flaw in flaws([first, other, third])] == [2]
