"""Tools on pages of our own: every tool once and in order, whatever changes between two pages."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import paging
from gateway.paging import PAGE_BYTES, PAGE_ITEMS, Cursors, Shown, ToolPage

CURSORS = Cursors(bytes(32))
SERVERS = ["b", "a", ""]


def tools(*names: str, filler: str = "") -> list[Shown]:
    """`a.read` is the tool `read` of the server `a`."""
    split = [name.partition(".") for name in names]
    return [Shown(server=server, name=own, listing={"name": own, "x": filler}) for server, _, own in split]


def page(shown: Sequence[Shown], cursor: str | None = None, *, agent: str = "ada", path: str = "") -> ToolPage | None:
    return CURSORS.tools(shown, cursor, agent=agent, path=path, servers=SERVERS)


def walk(shown: Sequence[Shown]) -> list[list[str]]:
    """The names on every page."""
    pages, cursor = [], None
    while True:
        found = page(shown, cursor)
        assert found is not None
        pages.append([str(one["name"]) for one in found.tools])
        cursor = found.next_cursor
        if cursor is None:
            return pages


def test_few_tools_are_one_page() -> None:
    assert walk(tools("b.one", "a.two")) == [["one", "two"]]
    assert walk([]) == [[]]


def test_a_page_holds_so_many_tools() -> None:
    many = tools(*(f"a.t{number:04}" for number in range(2 * PAGE_ITEMS + 1)))
    assert [len(one) for one in walk(many)] == [PAGE_ITEMS, PAGE_ITEMS, 1]


def test_a_page_holds_so_many_bytes_and_one_tool_at_least() -> None:
    large = tools("a.1", "a.2", "a.3", filler="x" * (PAGE_BYTES // 2))
    assert walk(large) == [["1"], ["2"], ["3"]]
    assert walk(tools("a.1", "a.2", filler="x" * (2 * PAGE_BYTES))) == [["1"], ["2"]]


@given(st.sets(st.tuples(st.sampled_from(SERVERS), st.text(max_size=3)), max_size=40), st.integers(1, 7))
def test_every_tool_is_on_one_page_and_in_order(names: set[tuple[str, str]], most: int) -> None:
    ordered = sorted(names, key=lambda one: (SERVERS.index(one[0]), one[1]))
    shown = [Shown(server=server, name=own, listing={"name": f"{server}.{own}"}) for server, own in ordered]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paging, "PAGE_ITEMS", most)
        pages = walk(shown)
    assert [name for one in pages for name in one] == [f"{server}.{own}" for server, own in ordered]
    assert all(len(one) <= most for one in pages)


def test_what_comes_and_goes_meanwhile_shifts_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "PAGE_ITEMS", 2)
    first = page(tools("b.k", "b.m", "b.p", "a.k"))
    assert first is not None
    later = page(tools("b.a", "b.k", "b.n", "b.p", "a.k"), first.next_cursor)
    assert later is not None
    assert [one["name"] for one in later.tools] == ["n", "p"], "the page before ended with m, which is gone"


@pytest.mark.parametrize(
    ("agent", "path", "servers"),
    [
        pytest.param("eve", "", SERVERS, id="another agent's"),
        pytest.param("ada", "b", SERVERS, id="another path's"),
        pytest.param("ada", "", ["a", ""], id="into a server the agent may use no longer"),
    ],
)
def test_a_cursor_is_good_for_its_agent_and_list(
    agent: str, path: str, servers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "PAGE_ITEMS", 1)
    shown = tools("b.k", "b.m")
    first = page(shown)
    assert first is not None
    assert page(shown, first.next_cursor) is not None
    assert CURSORS.tools(shown, first.next_cursor, agent=agent, path=path, servers=servers) is None


@pytest.mark.parametrize("cursor", ["", "x", "AAAA" * 20, "é"])
def test_what_is_no_cursor_of_ours_opens_nothing(cursor: str) -> None:
    assert page(tools("b.k"), cursor) is None
