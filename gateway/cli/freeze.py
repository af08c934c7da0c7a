"""`placet freeze`: stop agents at once, and let them go on. A running service takes it over within a second."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from approvals.domain.plain import clock_time, visible
from approvals.domain.stops import Freeze, named, scope_of
from gateway.cli.common import FAILED, USAGE, config_option, fail, json_option, run, say
from gateway.cli.session import as_option, opened
from gateway.policy.durations import duration

_agent_option = click.option("--agent", metavar="NAME", help="One agent only.")
_server_option = click.option("--server", metavar="NAME", help="One server only, whoever calls it.")


@click.group()
def command() -> None:
    """Stop every agent at once, or one, or one server.

    Nothing runs that is frozen, whatever its policy says and whoever approved it; what is running keeps its result.
    You act as the person of --as or $PLACET_PERSON, who must be operator or admin, else as the account on this machine.
    """


@command.command()
@click.option("--reason", required=True, help="Why; agents and people are told.")
@click.option("--for", "lasts", metavar="TIME", help="How long, as 1h or 2d; at most, and by default, 7d.")
@_agent_option
@_server_option
@as_option
@config_option
@json_option
def on(
    reason: str,
    lasts: str | None,
    agent: str | None,
    server: str | None,
    actor: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Freeze, in place of an earlier freeze of the same."""
    scope, length = _scope(agent, server), _length(lasts)

    async def job() -> None:
        async with opened(config) as session:
            freeze, ended = await session.stops.freeze(
                scope, reason=reason, lasts=length, actor=session.somebody(actor)
            )
        gone = f"; {ended} approved calls that had not run are cancelled" if ended else ""
        text = f"Frozen: {named(scope)}, until {clock_time(freeze.until)}{gone}."
        say({**_shown(freeze), "ended": ended}, text, as_json=as_json)

    run(job)


@command.command()
@_agent_option
@_server_option
@as_option
@config_option
@json_option
def off(agent: str | None, server: str | None, actor: str | None, config: Path | None, as_json: bool) -> None:
    """End a freeze; of everything, where no agent or server is named."""
    scope = _scope(agent, server)

    async def job() -> None:
        async with opened(config) as session:
            others = [one for one in await session.stops.in_force() if one.scope != scope]
            freeze = await session.stops.thaw(scope, actor=session.somebody(actor))
        still = f" Still frozen: {', '.join(named(one.scope) for one in others)}." if others else ""
        text = f"No longer frozen: {named(scope)}, which {freeze.by} had frozen at {clock_time(freeze.at)}.{still}"
        say(_shown(freeze), text, as_json=as_json)

    run(job)


@command.command()
@config_option
@json_option
def status(config: Path | None, as_json: bool) -> None:
    """Say what is frozen now; exit code 1 if anything is."""

    async def job() -> list[Freeze]:
        async with opened(config) as session:
            return await session.stops.in_force()

    standing = run(job)
    text = "\n".join(_line(one) for one in standing) or "Nothing is frozen."
    say({"freezes": [_shown(one) for one in standing]}, text, as_json=as_json)
    if standing:
        raise SystemExit(FAILED)


def _scope(agent: str | None, server: str | None) -> str:
    try:
        return scope_of(agent=agent, server=server)
    except ValueError as err:
        fail(f"{str(err).capitalize()}.", USAGE)


def _length(text: str | None) -> timedelta | None:
    try:
        return duration(text) if text is not None else None
    except ValueError as err:
        fail(f"--for: {err}.", USAGE)


def _line(freeze: Freeze) -> str:
    since, until = clock_time(freeze.at), clock_time(freeze.until)
    return f"{named(freeze.scope)}: frozen by {freeze.by} at {since} until {until}: {visible(freeze.reason)}"


def _shown(freeze: Freeze) -> dict[str, Any]:
    return {
        "scope": freeze.scope,
        "reason": freeze.reason,
        "by": freeze.by,
        "at": freeze.at.isoformat(),
        "until": freeze.until.isoformat(),
        "ended_at": freeze.ended_at.isoformat() if freeze.ended_at is not None else None,
        "ended_by": freeze.ended_by,
    }
