"""A call that a grant covers lies inside the shape, by an oracle that knows nothing of the code under test."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from hypothesis import example, given, settings
from hypothesis import strategies as st

from approvals.domain import shapes
from approvals.domain.fingerprint import canonical

NUMBERS = st.one_of(st.integers(-20, 120), st.floats(-20, 120, allow_nan=False), st.sampled_from([1e15, 1e-13, 100.0]))
ODD = st.sampled_from(
    ["", "..", ".", "%2e%2e", "\u2025", "\uff0f", "a", "b.txt", "\u202e", "\x00", "\\", "a\u0301", "@"]
)
PATHS = st.lists(ODD, max_size=4).map(lambda parts: "/srv/data/" + "/".join(parts)) | st.text(max_size=12)
VALUES = st.one_of(
    NUMBERS, PATHS, st.booleans(), st.none(), st.sampled_from(["50", "1e2", "٥", "acme", "Acme", "50.0"])
)
CALLS = st.dictionaries(st.sampled_from(["amount", "to", "path", "note", "more"]), VALUES, max_size=5)
BASE = {"amount": 50, "to": "acme", "path": "/srv/data/x", "note": "rent"}
SHAPE = {
    "/amount": {"range": {"min": 1, "max": 100}},
    "/to": {"one_of": ["acme", "bolt"]},
    "/path": {"prefix": "/srv/data/"},
}
PROPOSAL = shapes.read({"arguments": SHAPE, "for_seconds": 60, "uses": 1, "budget": None})


def inside(call: dict[str, Any]) -> bool:
    """In other words: what a server would make of each argument, read as loosely as servers read."""
    if set(call) != set(BASE) or call["note"] != "rent" or call["to"] not in ("acme", "bolt"):
        return False
    amount, path = call["amount"], call["path"]
    if isinstance(amount, bool) or not isinstance(amount, int | float) or not 1 <= amount <= 100:
        return False
    loose = unquote(unquote(path)).replace("\\", "/").replace("\uff0f", "/").replace("\u2025", "..")
    stays = loose.startswith("/srv/data/") and ".." not in loose.split("/") and "\x00" not in loose
    return stays and loose.isprintable()


@settings(max_examples=600)
@given(CALLS | CALLS.map(lambda changes: {**BASE, **{k: v for k, v in changes.items() if k in BASE}}))
@example({**BASE, "amount": True})
@example({**BASE, "path": "/srv/data/../x"})
def test_what_is_covered_lies_inside_the_shape(call: dict[str, Any]) -> None:
    try:
        given_ = canonical(call)
    except ValueError:
        return
    if shapes.why_outside(PROPOSAL, canonical(BASE), given_) is None:
        assert inside(json.loads(given_))


@settings(max_examples=300)
@given(CALLS)
def test_an_exact_shape_covers_the_very_same_arguments_and_no_others(call: dict[str, Any]) -> None:
    exact = shapes.read({"arguments": {}, "for_seconds": 60, "uses": 1, "budget": None})
    try:
        given_ = canonical(call)
    except ValueError:
        return
    assert shapes.why_outside(exact, given_, given_) is None
    assert (shapes.why_outside(exact, canonical(BASE), given_) is None) == (given_ == canonical(BASE))
