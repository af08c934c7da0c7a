"""Every must-have and every pain has a test that says so, and docs/promises.md names it: read, not run."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

from tests.fakes.pages import ROOT

PAGE = ROOT / "docs" / "promises.md"
COUNTS = {"must_have": 25, "pain": 31}
HEADINGS = {"What it must have": "must_have", "What does not happen here": "pain"}
THROUGH_SURFACES = ("tests/acceptance/", "tests/browser/")
ROW = re.compile(r"^\| (\d+) \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)
WRITTEN = re.compile(r"mark\.(must_have|pain)\(([^)]*)\)")
LINK = re.compile(r"\[[^\]]+\]\(([\w.-]+)(?:#([\w-]+))?\)")


@cache
def marked() -> dict[tuple[str, int], dict[str, str]]:
    """For each kind and number, the names of its tests and where they are."""
    found: dict[tuple[str, int], dict[str, str]] = defaultdict(dict)
    for path in sorted((ROOT / "tests").glob("*/test_*.py")):
        text = path.read_text(encoding="utf-8")
        for node in ast.parse(text).body if WRITTEN.search(text) else ():
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                for kind, number in _marks(node):
                    found[kind, number][node.name] = str(path.relative_to(ROOT))
    return found


def _marks(test: ast.FunctionDef | ast.AsyncFunctionDef) -> list[tuple[str, int]]:
    calls = [one for one in test.decorator_list if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute)]
    return [
        (call.func.attr, arg.value)
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr in COUNTS
        for arg in call.args
        if isinstance(arg, ast.Constant) and isinstance(arg.value, int)
    ]


def rows() -> list[tuple[str, int, str, str, list[str]]]:
    """The rows of the page: kind, number, sentence, links, tests."""
    found = []
    for part in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        heading = part.partition("\n")[0]
        for number, sentence, links, tests in ROW.findall(part):
            found.append((HEADINGS[heading], int(number), sentence, links, re.findall(r"`(test_\w+)`", tests)))
    return found


@pytest.mark.parametrize("kind", COUNTS)
def test_every_number_has_a_test_through_the_real_surfaces_and_no_other_number_is_marked(kind: str) -> None:
    numbers = {number for one, number in marked() if one == kind}
    assert numbers == set(range(1, COUNTS[kind] + 1))
    lacking = [
        number
        for number in numbers
        if not any(path.startswith(THROUGH_SURFACES) for path in marked()[kind, number].values())
    ]
    assert lacking == []


@pytest.mark.parametrize("kind", COUNTS)
def test_the_page_has_a_row_for_every_number_in_order(kind: str) -> None:
    assert [number for one, number, *_ in rows() if one == kind] == list(range(1, COUNTS[kind] + 1))


def test_every_test_that_the_page_names_exists_and_is_marked_with_its_number() -> None:
    wrong = [
        (kind, number, name)
        for kind, number, _, _, tests in rows()
        for name in tests or ["none"]
        if name not in marked()[kind, number]
    ]
    assert wrong == []


def test_every_row_leads_to_a_section_that_is_there() -> None:
    for kind, number, _, links, _ in rows():
        found = LINK.findall(links)
        assert found, (kind, number)
        for page, anchor in found:
            text = (ROOT / "docs" / page).read_text(encoding="utf-8")
            assert not anchor or anchor in _anchors(text), (kind, number, page, anchor)


def _anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_no_mark_is_lost_because_it_is_not_written_as_a_number() -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in Path(ROOT / "tests").glob("*/test_*.py")}
    written = [int(one) for text in texts.values() for _, args in WRITTEN.findall(text) for one in args.split(",")]
    assert len(written) == sum(len(tests) for tests in marked().values())
