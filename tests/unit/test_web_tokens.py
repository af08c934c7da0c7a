"""The token format of security.md 5a: what is made can be checked, everything else is no token."""

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals import tokens
from approvals.tokens import RANDOM_BYTES, Kind

ZEROS, ONES = bytes(RANDOM_BYTES), b"\xff" * RANDOM_BYTES


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("random", [ZEROS, ONES, bytes(range(RANDOM_BYTES))], ids=["zeros", "ones", "counting"])
def test_a_token_has_the_documented_shape_and_is_stored_by_the_hash_of_the_whole(kind: Kind, random: bytes) -> None:
    token = tokens.make(kind, random)
    assert re.fullmatch(rf"plc_{kind}_[0-9A-Za-z]{{8}}_[0-9A-Za-z]{{43}}_[0-9A-Za-z]{{6}}", token.text)
    assert token.sha256 == hashlib.sha256(token.text.encode()).hexdigest()
    assert token.text.startswith(f"{token.prefix}_")
    assert tokens.parse(kind, token.text) == token


def test_the_secret_does_not_show_in_a_log_line() -> None:
    token = tokens.make(Kind.PERSON, ONES)
    assert token.text not in repr(token)


@pytest.mark.parametrize("asked", list(Kind))
@pytest.mark.parametrize("made", list(Kind))
def test_a_token_is_only_ever_a_token_of_its_own_kind(asked: Kind, made: Kind) -> None:
    found = tokens.parse(asked, tokens.make(made, ONES).text)
    assert (found is not None) == (asked is made)


GOOD = tokens.make(Kind.PERSON, bytes(range(RANDOM_BYTES))).text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(None, id="none"),
        pytest.param("", id="empty"),
        pytest.param(GOOD[:-1], id="cut"),
        pytest.param(GOOD + "0", id="longer"),
        pytest.param(GOOD + "\n", id="newline after"),
        pytest.param(" " + GOOD, id="space before"),
        pytest.param(GOOD.replace("_", "-"), id="other separator"),
        pytest.param(GOOD.upper(), id="other case"),
        pytest.param(GOOD[:-1] + ("0" if GOOD[-1] != "0" else "1"), id="wrong checksum"),
        pytest.param(GOOD[:14] + "\u0661" + GOOD[15:], id="a digit that is not ASCII"),
        pytest.param("plc_person_" + "A" * 10_000, id="endless"),
    ],
)
def test_anything_else_is_not_a_token(text: str | None) -> None:
    assert tokens.parse(Kind.PERSON, text) is None


@pytest.mark.parametrize("count", [0, RANDOM_BYTES - 1, RANDOM_BYTES + 1])
def test_a_token_cannot_be_made_of_less_randomness(count: int) -> None:
    with pytest.raises(ValueError, match="exactly 38"):
        tokens.make(Kind.AGENT, bytes(count))


@given(st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES), st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES))
def test_different_secrets_never_meet_in_one_token(one: bytes, other: bytes) -> None:
    same = tokens.make(Kind.AGENT, one).sha256 == tokens.make(Kind.AGENT, other).sha256
    assert same == (one == other) or one[6:] == other[6:]


@given(st.integers(min_value=0, max_value=len(GOOD) - 1), st.characters(min_codepoint=33, max_codepoint=126))
def test_one_mistyped_character_is_noticed(position: int, char: str) -> None:
    typo = GOOD[:position] + char + GOOD[position + 1 :]
    assert (tokens.parse(Kind.PERSON, typo) is None) == (typo != GOOD)
