"""What arguments hide is hidden wherever else it is said, whatever form it has there."""

from __future__ import annotations

from typing import Any

import pytest

from approvals.domain.fingerprint import canonical
from approvals.domain.hushing import hush_from

ROWS: list[Any] = [
    pytest.param({"password": "sesame-open"}, (), "it is sesame-open!", "it is [redacted]!", id="by its name"),
    pytest.param(
        {"card": {"number": 4111111111111111}},
        (("card", "number"),),
        "4111111111111111",
        "[redacted]",
        id="a number at a place",
    ),
    pytest.param(
        {"token": ["first-one", "first-one-more"]}, (), "first-one-more", "[redacted]", id="the longest goes first"
    ),
    pytest.param(
        {"password": 'a"b\\cdef'}, (), 'he said "a\\"b\\\\cdef"', 'he said "[redacted]"', id="as JSON writes it"
    ),
    pytest.param({"password": "schlüssel"}, (), "schl\\u00fcssel", "[redacted]", id="as JSON escapes it"),
    pytest.param({"password": "abc"}, (), "abc is the alphabet", "abc is the alphabet", id="too short to look for"),
    pytest.param({"note": "harmless"}, (), "harmless", "harmless", id="nothing is hidden"),
    pytest.param({"password": True}, (), "True", "True", id="a switch tells nothing"),
]


@pytest.mark.parametrize(("arguments", "places", "said", "shown"), ROWS)
def test_what_the_arguments_hide_is_hidden_in_a_text(arguments: Any, places: Any, said: str, shown: str) -> None:
    hush = hush_from([canonical(arguments), None], places)
    assert hush.text(said) == shown
    assert hush.value({"a": [said]}) == {"a": [shown]}
