"""Strict reading: what two parsers could read differently is refused with its place."""

from __future__ import annotations

from decimal import Decimal

import pytest

from gateway.policy.reading import read
from gateway.policy.source import Problem, SourceErrors, nearest, pointer, visible


def problems(text: str, name: str) -> list[str]:
    with pytest.raises(SourceErrors) as caught:
        read(text, name)
    return [str(problem) for problem in caught.value.problems]


YAML_REFUSED = [
    ("a: 1\na: 2\n", "p.yaml:2:1: 'a' stands twice here (first in line 1) (at /a)", "duplicate key"),
    ("a: {b: 1, b: 2}", "p.yaml:1:11: 'b' stands twice here (first in line 1) (at /a/b)", "duplicate key in a flow"),
    ("a: &x 1\n", "p.yaml:1:4: the anchor &x is not allowed (at /a)", "anchor"),
    ("a: *x\n", "p.yaml:1:4: the alias *x is not allowed; write the value out (at /a)", "alias"),
    ("<<: {b: 1}\n", "p.yaml:1:1: merge keys (<<) are not allowed; write the keys out", "merge key"),
    ("a: !!str 1\n", "p.yaml:1:4: the tag 'tag:yaml.org,2002:str' is not allowed (at /a)", "standard tag"),
    ("a: !x 1\n", "p.yaml:1:4: the tag '!x' is not allowed (at /a)", "own tag"),
    ("a: no\n", "p.yaml:1:4: 'no' without quotes: some readers take it", "unquoted no"),
    ("a: On\n", "p.yaml:1:4: 'On' without quotes", "unquoted On"),
    ("off: 1\n", "p.yaml:1:1: 'off' without quotes", "unquoted off as a key"),
    ("yes: 1\n", "p.yaml:1:1: 'yes' without quotes", "unquoted yes as a key"),
    ("true: 1\n", "p.yaml:1:1: the key 'true' is not text; put it in quotes (at /true)", "boolean key"),
    ("1: 1\n", "p.yaml:1:1: the key '1' is not text", "number key"),
    ("? [a]\n: 1\n", "p.yaml:1:3: a key must be a plain word", "list as a key"),
    ("a:\tb\n", "p.yaml:1:3: a tab; YAML is indented with spaces", "tab"),
    ("a: 1\n---\nb: 2\n", "p.yaml:2:1: a second document", "two documents"),
    ("%YAML 1.1\n---\na: 1\n", "YAML directives (%YAML, %TAG) are not allowed", "directive"),
    ("a: 0x1F\n", "YAML readers differ about '0x1F'", "hexadecimal"),
    ("a: 0b101\n", "YAML readers differ about '0b101'", "binary"),
    ("a: 0755\n", "YAML readers differ about '0755'", "leading zero"),
    ("a: 1_000\n", "YAML readers differ about '1_000'", "underscore in a number"),
    ("a: .inf\n", "YAML readers differ about '.inf'", "infinity"),
    ("a: .5\n", "YAML readers differ about '.5'", "no digit before the point"),
    ("a: [1\n", "p.yaml:2:1: not valid YAML: while parsing a flow sequence", "unclosed list"),
    ("a: \x07\n", "p.yaml:1:4: the character U+0007 cannot stand in a YAML file", "control character"),
    ("", "p.yaml:1:1: the file is empty", "empty file"),
    ("a: " + "[" * 70 + "]" * 70, "nested deeper than 64 levels", "too deep"),
]


@pytest.mark.parametrize(("text", "said"), [row[:2] for row in YAML_REFUSED], ids=[row[2] for row in YAML_REFUSED])
def test_yaml_that_readers_disagree_about_is_refused_at_its_place(text: str, said: str) -> None:
    assert said in problems(text, "p.yaml")[0]


def test_everything_that_is_wrong_with_a_yaml_file_is_told_at_once() -> None:
    found = problems("a: no\nb: &x 1\nb: *x\n", "p.yaml")
    assert [line.split(": ")[0] for line in found] == ["p.yaml:1:4", "p.yaml:2:4", "p.yaml:3:1", "p.yaml:3:4"]


@pytest.mark.parametrize("text", ["0b352c4e", "0o9", "0be", "1b", "0bad_cafe"])
def test_a_hash_that_only_begins_like_a_number_is_text(text: str) -> None:
    assert read(f"a: {text}\n", "p.yaml").plain() == {"a": text}


def test_yaml_values_are_read_exactly() -> None:
    node = read('{a: 1, b: 1.10, c: "no", d: true, e: , f: 1e3, g: 12:30, h: 2026-11-24}', "p.yaml")
    assert node.plain() == {
        "a": 1,
        "b": Decimal("1.10"),
        "c": "no",
        "d": True,
        "e": None,
        "f": Decimal(1000),
        "g": "12:30",
        "h": "2026-11-24",
    }


JSON_REFUSED = [
    ('{"a": 1,\n "a": 2}', "p.json:2:2: 'a' stands twice in one object (first in line 1) (at /a)", "duplicate name"),
    ('{"a": NaN}', "p.json:1:7: 'NaN' is not a JSON value", "NaN"),
    ('{"a": -Infinity}', "p.json:1:7: a JSON value was expected here", "minus infinity"),
    ('{"a": 1} x', "p.json:1:10: there is more text after the end of the JSON value", "trailing data"),
    ('{"a": 1,}', "p.json:1:9: a comma before '}' is not JSON", "trailing comma"),
    ("{'a': 1}", "p.json:1:2: a member name in double quotes, or '}', was expected here", "single quotes"),
    ('{"a": 01}', "p.json:1:8: ',' was expected here", "leading zero"),
    ('{"a": "b\nc"}', "this text in quotes is not ended, or holds a control character", "newline in a text"),
    (r'{"a": "\ud800"}', "half of a surrogate pair is not a character", "lone surrogate"),
    ("// x\n{}", "p.json:1:1: a JSON value was expected here", "comment"),
    ("[" * 70 + "]" * 70, "nested deeper than 64 levels", "too deep"),
    ('{"a": ' + "9" * 65 + "}", "a number longer than 64 characters", "endless number"),
]


@pytest.mark.parametrize(("text", "said"), [row[:2] for row in JSON_REFUSED], ids=[row[2] for row in JSON_REFUSED])
def test_json_that_is_not_plain_json_is_refused_at_its_place(text: str, said: str) -> None:
    assert said in problems(text, "p.json")[0]


def test_json_values_are_read_exactly_and_remember_their_place() -> None:
    node = read('{\n  "a": [1, 2.50, {"b": "\\u00e9"}]\n}', "p.json")
    assert node.plain() == {"a": [1, Decimal("2.50"), {"b": "é"}]}
    assert node.find(("a", 2, "b")) == (2, 24)
    assert node.find_key(("a", 2, "b")) == (2, 19)
    assert node.find_pointer("/a/2/b/beyond") == (2, 24)


def test_a_file_without_a_known_ending_is_json_when_it_begins_with_a_brace() -> None:
    assert read('{"a": 1}', "policy").plain() == read("a: 1", "policy").plain()


def test_a_problem_prints_place_message_hint_and_pointer() -> None:
    problem = Problem(file="f", line=3, column=4, message="wrong", pointer="/a", hint="do this")
    assert str(problem) == "f:3:4: wrong; do this (at /a)"


def test_a_problem_writes_out_what_is_invisible_in_its_pointer() -> None:
    problem = Problem(file="p.yaml", line=1, column=1, message="m", pointer="/tools/a\u200b\x1b[31m")
    assert str(problem) == "p.yaml:1:1: m (at /tools/a\\u200b\\u001b[31m)"


def test_pointers_escape_slash_and_tilde() -> None:
    assert pointer(("tools", "a/b~c", 0)) == "/tools/a~1b~0c/0"


def test_a_word_far_from_everything_known_has_no_did_you_mean() -> None:
    assert nearest("limits", ["limit", "hide"]) == "did you mean 'limit'?"
    assert nearest("zzz", ["limit"]) is None


def test_text_of_a_file_is_shown_with_invisible_characters_written_out() -> None:
    assert visible("a\u200bb" + "x" * 100) == "'a\\u200bb" + "x" * 76 + "…'"


@pytest.mark.parametrize("number", ["1e99999999999999999999", "1E+401", "-1e-401", "1e999999999"])
@pytest.mark.parametrize(("file", "text"), [("p.yaml", "a: {}"), ("p.json", '{{"a": {}}}')])
def test_a_number_out_of_all_range_is_refused_at_its_place(number: str, file: str, text: str) -> None:
    with pytest.raises(SourceErrors, match=f"{file}:1:.*a number with more than 400 digits"):
        read(text.format(number), file)


def test_a_large_number_is_read_exactly() -> None:
    assert read("a: 1e400", "p.yaml").plain() == {"a": Decimal("1e400")}
