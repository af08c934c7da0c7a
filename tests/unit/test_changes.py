"""What an edit changed: every place once, by its pointer, and nothing that a viewer may not read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.domain.changes import ABSENT, MOST, VALUE_KEPT, Change, changes, kept, masked, read
from approvals.domain.redact import HIDDEN

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "a", "token"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b/c", "~", "password"]), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param({"a": 1}, {"a": 1.0}, [], id="the-same-number-written-otherwise"),
        pytest.param({"a": 1}, {"a": 2}, ["/a: 1 → 2"], id="a-value"),
        pytest.param({"a": 1}, {"a": True}, ["/a: 1 → true"], id="one-is-not-true"),
        pytest.param({"a": None}, {}, ["/a: removed null"], id="null-is-not-absent"),
        pytest.param({}, {"a": {"b": 1}}, ['/a: added {"b": 1}'], id="a-whole-object"),
        pytest.param({"a": {"b": 1}}, {"a": {"b": 2, "c": 3}}, ["/a/b: 1 → 2", "/a/c: added 3"], id="within"),
        pytest.param({"a": [1, 2, 3]}, {"a": [1, 9]}, ["/a/1: 2 → 9", "/a/2: removed 3"], id="a-shorter-list"),
        pytest.param({"a": [1]}, {"a": {"0": 1}}, ['/a: [1] → {"0": 1}'], id="another-kind"),
        pytest.param({"x/y": 1, "~": 1}, {"x/y": 2, "~": 2}, ["/x~1y: 1 → 2", "/~0: 1 → 2"], id="names-are-escaped"),
        pytest.param({"a": "x"}, {"a": "\u202ey\n"}, ['/a: "x" → "⟦U+202E⟧y\\n"'], id="what-cannot-be-seen-is-spelled"),
    ],
)
def test_every_place_that_differs_is_named_with_what_stood_and_stands_there(
    before: Any, after: Any, expected: list[str]
) -> None:
    assert [one.words() for one in changes(before, after)] == expected


@pytest.mark.parametrize(
    ("before", "after", "places", "path"),
    [
        pytest.param({"password": "a"}, {"password": "b"}, (), "/password", id="by-its-name"),
        pytest.param({"note": "x"}, {"note": "ghp_0123456789abcdefghij"}, (), "/note", id="by-its-shape"),
        pytest.param({"to": {"iban": "1"}}, {"to": {"iban": "2"}}, (("to", "iban"),), "/to/iban", id="by-its-rule"),
        pytest.param(
            {"h": [{"name": "api_key", "value": "1"}]},
            {"h": [{"name": "api_key", "value": "2"}]},
            (),
            "/h/0/value",
            id="by-the-name-beside-it",
        ),
        pytest.param({}, {"auth": {"token": "abc"}}, (), "/auth", id="inside-what-was-added"),
    ],
)
def test_a_secret_change_is_seen_to_have_happened_and_not_what_it_was(
    before: Any, after: Any, places: Any, path: str
) -> None:
    (found,) = changes(before, after, places)
    (shown,) = masked([found])
    assert found.secret
    assert shown.path == path
    assert {shown.was, shown.now} - {ABSENT} == {HIDDEN}


def test_a_secret_that_is_a_name_is_hidden_in_the_pointer_too() -> None:
    (found,) = changes({}, {"ghp_0123456789abcdefghij": 1})
    assert masked([found])[0].path == f"/{HIDDEN}"


def test_what_is_kept_is_bounded_and_says_what_is_missing() -> None:
    found = changes({}, {**{f"k{n}": n for n in range(MOST + 5)}, "k0": "x" * 10_000})
    detail = kept(found)
    assert (len(detail["changes"]), detail["more_changes"]) == (MOST, 5)
    assert len(detail["changes"][0]["to"]) < VALUE_KEPT + 60


@given(JSON, JSON)
def test_nothing_is_told_of_equal_values_and_something_of_all_others(before: Any, after: Any) -> None:
    found = changes(before, after)
    assert (found == ()) == (json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True))
    assert read(json.loads(json.dumps(kept(found)))) == found
    assert all(isinstance(one, Change) for one in masked(found))
