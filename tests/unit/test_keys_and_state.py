"""The installation's keys, and what they seal for clients to carry."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.keys import Keys, load, make
from gateway.protocol.state_token import NONCE_BYTES, Bound, seal, unseal

KEY = bytes(range(32))
BOUND = Bound(purpose="state", agent="claude-ada", digest="ab12")
TOKEN = seal(KEY, b"n" * NONCE_BYTES, BOUND, {"u": "upstream's"}, expires=1_000)


def test_keys_are_made_once_readable_by_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "placet.keys"
    make(path)
    first = load(path)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        make(path)
    assert load(path) == first


def test_keys_that_others_can_read_are_refused_with_the_command_that_mends_it(tmp_path: Path) -> None:
    path = tmp_path / "placet.keys"
    make(path)
    path.chmod(0o644)
    with pytest.raises(ValueError, match="chmod 600"):
        load(path)


def test_who_opens_what_another_process_sealed_is_told_to_bring_its_keys_and_makes_none(tmp_path: Path) -> None:
    path = tmp_path / "placet.keys"
    with pytest.raises(ValueError, match="copy it from where the service runs"):
        load(path)
    assert not path.exists()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty or cut off"),
        ("mas", "empty or cut off"),
        ("\xff", "empty or cut off"),
        ("master: %%%\n", "not base64"),
        (f"master: {base64.b64encode(b'short').decode()}\n", "5 bytes"),
    ],
)
def test_a_broken_key_file_says_what_is_wrong(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "placet.keys"
    path.write_text(text, encoding="latin-1")
    path.chmod(0o600)
    with pytest.raises(ValueError, match=why):
        load(path)


def test_every_purpose_has_a_key_of_its_own_and_the_repr_shows_none() -> None:
    keys = Keys(KEY)
    assert keys.for_purpose("state") != keys.for_purpose("cursor") != KEY
    assert keys.for_purpose("state") == Keys(KEY).for_purpose("state")
    assert "\\x" not in repr(keys)


def test_a_sealed_state_opens_for_what_it_was_sealed_for() -> None:
    assert unseal(KEY, BOUND, TOKEN, now=999) == {"u": "upstream's"}


@pytest.mark.parametrize(
    ("bound", "now"),
    [
        pytest.param(Bound(purpose="cursor", agent="claude-ada", digest="ab12"), 1, id="another purpose"),
        pytest.param(Bound(purpose="state", agent="other", digest="ab12"), 1, id="another agent"),
        pytest.param(Bound(purpose="state", agent="claude-ada", digest="ab13"), 1, id="another call"),
        pytest.param(BOUND, 1_000, id="it has run out"),
    ],
)
def test_a_sealed_state_does_not_open_for_anything_else(bound: Bound, now: int) -> None:
    assert unseal(KEY, bound, TOKEN, now=now) is None


def test_a_sealed_state_does_not_open_under_another_key() -> None:
    assert unseal(bytes(32), BOUND, TOKEN, now=1) is None


@given(at=st.integers(0, len(base64.urlsafe_b64decode(TOKEN)) - 1), flip=st.integers(1, 255))
def test_no_changed_byte_of_a_state_opens(at: int, flip: int) -> None:
    raw = bytearray(base64.urlsafe_b64decode(TOKEN))
    raw[at] ^= flip
    assert unseal(KEY, BOUND, base64.urlsafe_b64encode(bytes(raw)).decode(), now=1) is None


@given(st.text(max_size=200))
def test_no_text_that_is_not_ours_opens_or_raises(text: str) -> None:
    assert unseal(KEY, BOUND, text, now=1) is None
