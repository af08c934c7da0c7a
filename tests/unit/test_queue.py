"""The list of what waits: calls that are alike are one entry that counts all of them, and pages come after: pure."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.domain.folding import Folding
from approvals.domain.queue import Entry, Order, Waiting, after, entries, place

START = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
THREE = Folding(start=3)


def one(number: int, fold: str | None = None, *, ends: int = 900, fits: bool = True, mine: bool = True) -> Waiting:
    at = START + timedelta(seconds=number)
    return Waiting(
        id=f"req_{number:04d}",
        fold=fold,
        agent=f"agent-{number % 5}",
        created_at=at,
        expires_at=START + timedelta(seconds=ends),
        fits=fits,
        mine=mine,
    )


def numbers(found: list[Entry]) -> list[tuple[int, int]]:
    """Each entry as the number of its first call and how many it counts."""
    return [(int(entry.first.id[4:]), entry.group.count if entry.group else 1) for entry in found]


FLOOD = [one(1, "a"), *[one(n, "b") for n in range(10, 510)], one(600, "a"), one(601)]


@pytest.mark.parametrize(
    ("waiting", "folding", "order", "wanted"),
    [
        pytest.param(FLOOD, THREE, Order.NEWEST, [(601, 1), (600, 1), (509, 500), (1, 1)], id="a-flood-is-one-entry"),
        pytest.param(FLOOD, THREE, Order.OLDEST, [(1, 1), (10, 500), (600, 1), (601, 1)], id="oldest-first"),
        pytest.param(FLOOD[:4], Folding(start=None), Order.NEWEST, [(12, 1), (11, 1), (10, 1), (1, 1)], id="never"),
        pytest.param([one(n, "a") for n in (1, 2)], THREE, Order.NEWEST, [(2, 1), (1, 1)], id="too-few"),
        pytest.param(
            [one(1, "a"), one(2, "a"), one(3, "a", fits=False)], THREE, Order.NEWEST, [(2, 1), (1, 1)], id="too-few-fit"
        ),
        pytest.param(
            [one(1, ends=9), *[one(n, "a", ends=20 - n) for n in (2, 3, 4)], one(5, ends=17)],
            THREE,
            Order.ENDS,
            [(1, 1), (4, 3), (5, 1)],
            id="ends-soonest",
        ),
        pytest.param([one(1, fits=False)], THREE, Order.NEWEST, [], id="nothing-fits"),
    ],
)
def test_a_queue_is_in_order_with_what_is_alike_as_one(
    waiting: list[Waiting], folding: Folding, order: Order, wanted: list[tuple[int, int]]
) -> None:
    assert numbers(entries(waiting, folding=folding, order=order)) == wanted


def test_a_group_says_how_many_fit_wait_and_may_be_decided() -> None:
    calls = [one(n, "a", fits=n > 2, mine=n != 5, ends=100 - n) for n in range(1, 9)]
    (entry,) = entries(calls, folding=THREE, order=Order.NEWEST)
    assert entry.group is not None
    assert (entry.group.count, entry.group.alike, entry.group.mine) == (6, 8, 5)
    assert entry.group.agents == ("agent-3", "agent-2", "agent-1")
    assert entry.group.agents_count == 5
    assert entry.group.expires_at == START + timedelta(seconds=92)


CALLS = st.lists(
    st.builds(
        one,
        st.integers(0, 40),
        st.sampled_from([None, "a", "b", "c"]),
        ends=st.integers(0, 20),
        fits=st.booleans(),
    ),
    unique_by=lambda call: call.id,
    max_size=40,
)


@given(CALLS, st.sampled_from(Order), st.integers(1, 7))
def test_pages_show_every_call_that_fits_exactly_once(calls: list[Waiting], order: Order, limit: int) -> None:
    seen, cursor = list[Entry](), None
    while page := after(entries(calls, folding=THREE, order=order), cursor, order)[:limit]:
        seen += page
        cursor = place(page[-1].first, order)
    assert seen == entries(calls, folding=THREE, order=order)
    counted = sum(entry.group.count if entry.group else 1 for entry in seen)
    assert counted == sum(call.fits for call in calls)
