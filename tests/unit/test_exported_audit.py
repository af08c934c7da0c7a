"""An exported audit chain has one form: with any byte of it changed it is not accepted, and never by a traceback."""

import json
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


ODD = {
    "nothing": None, "a number": 7, "a fraction": 0.5, "a huge number": 10**30, "another text": "x", "a list": [1],
    "an object": {"a": 1}, "a truth": True, "too deep": json.loads("[" * 700 + "]" * 700), "half a pair": "\ud800",
    "the first year": "0001-01-01T00:00:00.000000Z",
}  # fmt: skip


def oddly() -> Iterator[tuple[str, bytes]]:
    """The export with each value of each line replaced by each that it cannot have."""
    lines = [json.loads(line) for line in exported().splitlines()]
    for at, line in enumerate(lines):
        for name, before in line.items():
            for kind, value in ODD.items():
                if value != before:
                    odd = [*lines[:at], {**line, name: value}, *lines[at + 1 :]]
                    yield f"{name} of line {at} is {kind}", "".join(f"{json.dumps(one)}\n" for one in odd).encode()


def test_no_value_of_another_kind_is_accepted_or_ends_in_a_traceback(tmp_path: Path) -> None:
    unchecked = {"salt of line 0 is nothing", "salt of line 1 is nothing", "salt of line 2 is nothing"}
    said = {name: verify(tmp_path, data) for name, data in oddly()}
    assert {name for name, one in said.items() if not isinstance(one.exception, SystemExit | None)} == set()
    assert {name for name, one in said.items() if one.exit_code == 0} <= unchecked | {
        "detail of line 0 is nothing", "detail of line 2 is nothing",
    }  # fmt: skip
