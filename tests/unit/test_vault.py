"""What the vault seals opens where it belongs, with the keys that sealed it, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column

from approvals.errors import Unreadable
from approvals.storage.tables import requests, votes
from approvals.storage.types import Ciphertext
from approvals.storage.vault import Masters, Vault, WrappedKey, closed
from approvals.storage.words import apart

OLD, NEW = b"o" * 32, b"n" * 32
ROOT = Path(__file__).resolve().parents[2]


def vault(*masters: bytes) -> Vault:
    return Vault(lambda: Masters(masters))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        pytest.param(requests.c.arguments, b'{"a":1}', id="bytes as they are"),
        pytest.param(requests.c.arguments, b"", id="no bytes at all"),
        pytest.param(requests.c.justification, "für Ada\n", id="a text"),
        pytest.param(requests.c.trace, [{"why": "amount is 250"}], id="JSON"),
        pytest.param(votes.c.reason, None, id="nothing stays nothing"),
    ],
)
def test_what_is_sealed_opens_as_it_was(column: Column[Any], value: Any) -> None:
    there = vault(OLD)
    key, cells = there.fresh("req_1")
    sealed = cells.seal(column, value)
    assert there.cells("req_1", key).open(column, sealed) == value
    assert value is None or (isinstance(sealed, Ciphertext) and len(sealed) > 28)


@pytest.mark.parametrize(
    ("subject", "column", "row", "change"),
    [
        pytest.param("req_2", requests.c.justification, "", 0, id="another request"),
        pytest.param("req_1", requests.c.outcome_error, "", 0, id="another column"),
        pytest.param("req_1", votes.c.reason, "", 0, id="another table"),
        pytest.param("req_1", requests.c.justification, "2", 0, id="another row"),
        pytest.param("req_1", requests.c.justification, "", 1, id="a bit that was changed"),
    ],
)
def test_what_is_sealed_opens_nowhere_else(subject: str, column: Column[Any], row: str, change: int) -> None:
    there = vault(OLD)
    key, cells = there.fresh("req_1")
    sealed = bytearray(cells.seal(requests.c.justification, "why") or b"")
    sealed[-1] ^= change
    with pytest.raises(Unreadable):
        there.cells(subject, key).open(column, bytes(sealed), row=row)


def test_two_requests_never_share_a_key_and_nothing_is_sealed_alike_twice() -> None:
    there = vault(OLD)
    (one, cells), (two, _) = there.fresh("req_1"), there.fresh("req_1")
    assert one.wrapped != two.wrapped
    assert cells.seal(votes.c.reason, "no") != cells.seal(votes.c.reason, "no")


def test_a_key_goes_on_under_a_new_master_and_the_old_one_is_needed_no_more() -> None:
    before, both, after = vault(OLD), vault(OLD, NEW), vault(NEW)
    key, cells = before.fresh("req_1")
    sealed = cells.seal(votes.c.reason, "because")
    assert both.newest() == after.newest() != before.newest()
    moved = both.rewrap("req_1", key)
    assert after.cells("req_1", moved).open(votes.c.reason, sealed) == "because"
    with pytest.raises(Unreadable, match="not in the key file"):
        after.cells("req_1", key)


def test_a_master_that_was_added_by_another_process_is_found_without_a_restart() -> None:
    file = [OLD]
    here = Vault(lambda: Masters(tuple(file)))
    here.fresh("req_0")
    file.append(NEW)
    key, cells = vault(OLD, NEW).fresh("req_1")
    assert here.cells("req_1", key).open(votes.c.reason, cells.seal(votes.c.reason, "x")) == "x"


def test_without_keys_nothing_is_sealed_and_it_says_so() -> None:
    with pytest.raises(Unreadable, match="opened without the keys"):
        Vault(closed).fresh("req_1")
    with pytest.raises(Unreadable):
        Vault(closed).cells("req_1", WrappedKey("0" * 16, b""))


def test_a_plain_value_never_gets_into_a_sealed_column() -> None:
    kind: Any = requests.c.justification.type
    with pytest.raises(TypeError, match="sealed"):
        kind.process_bind_param(b"plain", None)


def test_what_is_not_known_to_be_harmless_in_a_detail_is_sealed() -> None:
    plain, words = apart({"decision": "deny", "reason": "no", "note": None, "added one day": 1})
    assert plain == {"decision": "deny", "note": None}
    assert words == {"reason": "no", "added one day": 1}


def test_the_database_is_opened_in_one_place_which_hands_it_the_keys() -> None:
    opens = {
        path.relative_to(ROOT).as_posix()
        for folder in ("approvals", "gateway")
        for path in (ROOT / folder).rglob("*.py")
        if "Database.open" in path.read_text()
    }
    assert opens == {"gateway/store.py"}
