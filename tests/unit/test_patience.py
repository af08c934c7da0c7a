"""How long a client is kept waiting, and how (protocol.md 2.1, 2.5)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from approvals.domain.model import Client
from gateway.protocol.patience import PROGRESS_EVERY, Carrier, Hold, Plan, clock_ran_out, plan


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


LONG = timedelta(hours=1)


def planned(
    *,
    name: str | None = "claude-code",
    token: bool = True,
    streams: bool = True,
    hold: Hold | None = None,
    remaining: timedelta = LONG,
    learned: timedelta | None = None,
) -> Plan:
    return plan(
        client=Client(name=name),
        has_progress_token=token,
        streams=streams,
        hold=hold or Hold(),
        remaining=remaining,
        learned=learned,
    )


@pytest.mark.parametrize(
    ("found", "hold", "carrier", "progress_every"),
    [
        pytest.param(planned(), 210, Carrier.STREAM, PROGRESS_EVERY, id="progress token: the long hold"),
        pytest.param(planned(token=False), 50, Carrier.STREAM, None, id="no progress token: the short hold"),
        pytest.param(planned(streams=False), 50, Carrier.PLAIN, None, id="JSON only: short, and no progress to send"),
        pytest.param(planned(name=None), 210, Carrier.STREAM, PROGRESS_EVERY, id="a client that gave no name"),
        pytest.param(
            planned(hold=Hold(plain=seconds(5), with_progress=seconds(8))), 8, Carrier.STREAM, PROGRESS_EVERY,
            id="the configuration says how long",
        ),
        pytest.param(planned(remaining=seconds(30)), 32, Carrier.STREAM, PROGRESS_EVERY, id="deadline plus grace"),
        pytest.param(planned(remaining=seconds(-60)), 0, Carrier.STREAM, PROGRESS_EVERY, id="past the deadline"),
        pytest.param(planned(learned=seconds(100)), 90, Carrier.STREAM, PROGRESS_EVERY, id="a learned wall"),
        pytest.param(planned(learned=seconds(900)), 210, Carrier.STREAM, PROGRESS_EVERY, id="never lengthened"),
        pytest.param(planned(learned=seconds(3)), 1, Carrier.STREAM, PROGRESS_EVERY, id="a wall inside the margin"),
        pytest.param(planned(name="codex-mcp-client"), 50, Carrier.STREAM, PROGRESS_EVERY, id="a known wall of 60 s"),
        pytest.param(
            planned(name="codex-mcp-client", learned=seconds(30)), 20, Carrier.STREAM, PROGRESS_EVERY,
            id="the lower of a known and a learned wall",
        ),
    ],
)  # fmt: skip
def test_the_plan(found: Plan, hold: float, carrier: Carrier, progress_every: timedelta | None) -> None:
    assert found == Plan(hold=seconds(hold), carrier=carrier, progress_every=progress_every)


@pytest.mark.parametrize(
    ("reason", "ran_out"),
    [
        ("McpError: MCP error -32001: Request timed out", True),
        ("Error: Maximum total timeout exceeded", True),
        ("AbortError: The operation was aborted due to timeout", True),
        ("TimeoutError", True),
        ("deadline exceeded", True),
        ("client time-out", True),
        ("User pressed stop", False),
        ("AbortError: This operation was aborted", False),
        ("no longer needed", False),
        ("", False),
        (None, False),
    ],
)
def test_a_reason_tells_a_clock_from_a_wish(reason: str | None, ran_out: bool) -> None:
    assert clock_ran_out(reason) is ran_out
