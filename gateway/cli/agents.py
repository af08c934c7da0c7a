"""`placet agents`: who may call, and their tokens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from approvals.storage.agents import LEFT, AgentRow, TokenRow
from approvals.storage.tx import Tx
from gateway.agents import Agents, Issued, agents_of
from gateway.callers import sync
from gateway.cli.common import config_option, json_option, run, say
from gateway.cli.session import Session, as_option, opened


@click.group()
def command() -> None:
    """Add agents, rotate and revoke their tokens, pause and resume them.

    A token is shown once and kept as a hash. Changes count in a running service within a second. You act as the person
    of --as or $PLACET_PERSON, who must be operator or admin, else as the account on this machine.
    """


@command.command()
@click.argument("name")
@click.option("--owner", metavar="EMAIL", required=True, help="The human behind the agent (four-eyes looks at them).")
@click.option("--server", "servers", multiple=True, help="A server it may use; repeat it. Default: every server.")
@as_option
@config_option
@json_option
def add(name: str, owner: str, servers: tuple[str, ...], actor: str | None, config: Path | None, as_json: bool) -> None:
    """Add an agent and print its token, once."""

    async def job() -> None:
        async with opened(config) as session:
            issued = await _acts(session).add(
                name, owner=owner, servers=servers, known=tuple(session.settings.servers), actor=session.somebody(actor)
            )
            _print(session, issued, as_json=as_json)

    run(job)


@command.command(name="list")
@config_option
@json_option
def list_(config: Path | None, as_json: bool) -> None:
    """List agents and their tokens."""

    async def job() -> None:
        async with opened(config) as session:
            await session.db.write(lambda tx: sync(tx, session.settings.agents))
            rows = await session.db.read(_read)
        shown = [_shown(row, tokens) for row, tokens in rows]
        text = (
            "\n".join(_line(one) for one in shown) or "No agents yet. `placet agents add NAME --owner EMAIL` adds one."
        )
        say({"agents": shown}, text, as_json=as_json)

    run(job)


@command.command()
@click.argument("name")
@as_option
@config_option
@json_option
def rotate(name: str, actor: str | None, config: Path | None, as_json: bool) -> None:
    """Give an agent a new token; the old one works a day longer."""

    async def job() -> None:
        async with opened(config) as session:
            issued = await _acts(session).rotate(name, actor=session.somebody(actor))
            _print(session, issued, as_json=as_json)

    run(job)


@command.command()
@click.argument("name")
@click.option("--token", metavar="PREFIX", help="Only this token, by what `list` shows of it; the agent stays.")
@as_option
@config_option
@json_option
def revoke(name: str, token: str | None, actor: str | None, config: Path | None, as_json: bool) -> None:
    """End an agent for good, with its tokens and its calls that were not sent yet."""

    async def job() -> None:
        async with opened(config) as session:
            ended = await _acts(session).revoke(name, actor=session.somebody(actor), token=token)
        what = name if token is None else f"Token {token} of {name}"
        gone = f"{ended} waiting call{'' if ended == 1 else 's'} ended"
        say({"agent": name, "token": token, "ended": ended}, f"{what} is revoked; {gone}.", as_json=as_json)

    run(job)


@command.command()
@click.argument("name")
@as_option
@config_option
@json_option
def pause(name: str, actor: str | None, config: Path | None, as_json: bool) -> None:
    """Refuse an agent's calls until it is resumed; what waits for people goes on waiting."""

    async def job() -> None:
        async with opened(config) as session:
            await _acts(session).pause(name, actor=session.somebody(actor))
        say({"agent": name, "paused": True}, f"{name} is paused.", as_json=as_json)

    run(job)


@command.command()
@click.argument("name")
@as_option
@config_option
@json_option
def resume(name: str, actor: str | None, config: Path | None, as_json: bool) -> None:
    """Take a paused agent's calls again."""

    async def job() -> None:
        async with opened(config) as session:
            await _acts(session).resume(name, actor=session.somebody(actor))
        say({"agent": name, "paused": False}, f"{name} is active.", as_json=as_json)

    run(job)


def _acts(session: Session) -> Agents:
    return agents_of(session.desk, session.settings)


def _print(session: Session, issued: Issued, *, as_json: bool) -> None:
    servers = issued.servers
    base = f"{session.settings.public_url}/mcp"
    name = servers[0] if len(servers) == 1 else "placet"
    url = f"{base}/{servers[0]}" if len(servers) == 1 else base
    value = {"agent": issued.agent, "token": issued.token, "expires_at": issued.expires_at.isoformat(), "url": url}
    text = f"""\
Token of {issued.agent}, shown only now, good until {issued.expires_at:%Y-%m-%d}:

  {issued.token}

Claude Code:
  claude mcp add --transport http {name} {url} --header "Authorization: Bearer {issued.token}"

Cursor (.cursor/mcp.json), with the token in the environment variable PLACET_TOKEN:
  {{"mcpServers": {{"{name}": {{"url": "{url}", "headers": {{"Authorization": "Bearer ${{env:PLACET_TOKEN}}"}}}}}}}}
"""
    say(value, text, as_json=as_json)


def _read(tx: Tx) -> list[tuple[AgentRow, Sequence[TokenRow]]]:
    return [(row, tx.agents.tokens(row.name)) for row in tx.agents.list()]


def _shown(row: AgentRow, tokens: Sequence[TokenRow]) -> dict[str, Any]:
    now = datetime.now(UTC)
    state = "revoked" if row.revoked_at else "paused" if row.paused_at else "active"
    state = "removed" if row.source == LEFT else state
    return {
        "name": row.name,
        "owner": row.owner,
        "servers": list(row.servers),
        "state": state,
        "source": row.source,
        "anonymous": row.anonymous,
        "tokens": [
            {"prefix": token.prefix, "live": token.live(now), "expires_at": token.expires_at} for token in tokens
        ],
    }


def _line(agent: dict[str, Any]) -> str:
    live = sum(1 for token in agent["tokens"] if token["live"])
    how = "anonymous" if agent["anonymous"] else f"{live} live token{'' if live == 1 else 's'}"
    owner, servers = agent["owner"] or "nobody", ", ".join(agent["servers"]) or "no server"
    return f"{agent['name']:<20} {agent['state']:<8} {how:<14} for {owner}, may use {servers}"
