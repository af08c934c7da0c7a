"""`placet break-glass`: let calls that need approval run without it for a while. A running service takes it over."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from approvals.domain.break_glass import Mode, Opening, named, who
from approvals.domain.plain import clock_time, visible
from approvals.domain.stops import scope_of
from gateway.cli.common import FAILED, USAGE, config_option, fail, json_option, run, say
from gateway.cli.session import as_option, opened
from gateway.policy.durations import duration

_server_option = click.option("--server", metavar="NAME", help="One server only.")


@click.group()
def command() -> None:
    """Let calls that need approval run without it for a while.

    What break_glass.mode in the configuration says it takes: two people, or one and an alert; without it, it is never
    opened. Denied stays denied, frozen stays frozen, and every call is recorded as let through. You act as the person
    of --as or $PLACET_PERSON, who must be operator or admin.
    """


@command.command(name="open")
@click.option("--reason", required=True, help="Why; people are told.")
@click.option("--for", "lasts", metavar="TIME", help="How long: 1h by default, at most 8h.")
@_server_option
@as_option
@config_option
@json_option
def open_(
    reason: str, lasts: str | None, server: str | None, actor: str | None, config: Path | None, as_json: bool
) -> None:
    """Ask for it, or open it where an alert is enough."""
    try:
        length = duration(lasts) if lasts is not None else None
    except ValueError as err:
        fail(f"--for: {err}.", USAGE)

    async def job() -> None:
        async with opened(config) as session:
            opening = await session.break_glass.open(
                scope_of(server=server), reason=reason, lasts=length, actor=session.somebody(actor)
            )
        say(_shown(opening), _line(opening), as_json=as_json)

    run(job)


@command.command()
@_server_option
@as_option
@config_option
@json_option
def confirm(server: str | None, actor: str | None, config: Path | None, as_json: bool) -> None:
    """Open what somebody else has asked for."""

    async def job() -> None:
        async with opened(config) as session:
            opening = await session.break_glass.confirm(scope_of(server=server), actor=session.somebody(actor))
        say(_shown(opening), _line(opening), as_json=as_json)

    run(job)


@command.command()
@_server_option
@as_option
@config_option
@json_option
def close(server: str | None, actor: str | None, config: Path | None, as_json: bool) -> None:
    """Close it, or take back what was asked for."""

    async def job() -> None:
        async with opened(config) as session:
            opening = await session.break_glass.close(scope_of(server=server), actor=session.somebody(actor))
        say(_shown(opening), f"Closed: {named(opening.scope)}.", as_json=as_json)

    run(job)


@command.command()
@config_option
@json_option
def status(config: Path | None, as_json: bool) -> None:
    """Say where it is open or asked for; exit code 1 while it is open anywhere."""

    async def job() -> tuple[Mode, list[Opening]]:
        async with opened(config) as session:
            return session.break_glass.mode, await session.break_glass.standing()

    mode, found = run(job)
    now = datetime.now(UTC)
    standing = [one for one in found if one.is_open(now) or one.waits(now)]
    text = "\n".join(_line(one) for one in standing) or f"Break-glass is closed (mode: {mode})."
    say({"mode": mode.value, "openings": [_shown(one) for one in standing]}, text, as_json=as_json)
    if any(one.is_open(now) for one in standing):
        raise SystemExit(FAILED)


def _line(opening: Opening) -> str:
    why = visible(opening.reason)
    if opening.until is not None:
        return f"Open: {named(opening.scope)}, by {who(opening)}, until {clock_time(opening.until)}: {why}"
    until = clock_time(opening.confirm_until or opening.at)
    return f"Asked for: {named(opening.scope)}, by {opening.by}; somebody else confirms it before {until}: {why}"


def _shown(opening: Opening) -> dict[str, Any]:
    times = ("at", "confirm_until", "opened_at", "until", "ended_at")
    shown = {name: value.isoformat() if (value := getattr(opening, name)) is not None else None for name in times}
    words = ("scope", "reason", "by", "confirmed_by", "ended_by")
    return {**{name: getattr(opening, name) for name in words}, **shown}
