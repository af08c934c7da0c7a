"""`placet agents`: who may call, and their tokens."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from approvals.domain.model import PersonId
from approvals.storage.agents import AgentRow, TokenRow
from approvals.storage.tx import Tx
from gateway import agents
from gateway.callers import LEFT, sync
from gateway.cli.common import USAGE, config_option, fail, json_option, operator, run, say
from gateway.cli.session import Session, as_option, opened

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@click.group()
def command() -> None:
    """Add agents, rotate and revoke their tokens.

    A token is shown once and kept as a hash. Changes count in a running service within a second.
    """


@command.command()
@click.argument("name")
@click.option("--owner", metavar="EMAIL", required=True, help="The human behind the agent (four-eyes looks at them).")
@click.option("--server", "servers", multiple=True, help="A server it may use; repeat it. Default: every server.")
@config_option
@json_option
def add(name: str, owner: str, servers: tuple[str, ...], config: Path | None, as_json: bool) -> None:
    """Add an agent and print its token, once."""
    if not _NAME.fullmatch(name):
        fail("An agent's name has 1 to 64 of A-Z a-z 0-9 . _ - and begins with a letter or digit.", USAGE)

    async def job() -> None:
        async with opened(config) as session:
            _takes_keys(session)
            chosen = _servers(session, servers)
            issued = await agents.add(
                session.db, name=name, owner=PersonId(owner.lower()), servers=chosen, actor=operator()
            )
            _print(session, issued, chosen, as_json=as_json)

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
@config_option
@json_option
def rotate(name: str, config: Path | None, as_json: bool) -> None:
    """Give an agent a new token; the old one works a day longer."""

    async def job() -> None:
        async with opened(config) as session:
            _takes_keys(session)
            issued = await agents.rotate(session.db, name, actor=operator())
            row = await session.db.read(lambda tx: tx.agents.get(name))
            _print(session, issued, row.servers if row is not None else (), as_json=as_json)

    run(job)


@command.command()
@click.argument("name")
@as_option
@config_option
@json_option
def revoke(name: str, actor: str | None, config: Path | None, as_json: bool) -> None:
    """End an agent for good, with its tokens and its calls that were not sent yet."""

    async def job() -> None:
        async with opened(config) as session:
            person = await session.actor(actor)
            ended = await agents.revoke(session.desk, name, actor=person.id)
        say({"agent": name, "ended": ended}, f"{name} is revoked; {ended} waiting calls ended.", as_json=as_json)

    run(job)


@command.command()
@click.argument("name")
@config_option
@json_option
def pause(name: str, config: Path | None, as_json: bool) -> None:
    """Refuse an agent's calls until it is resumed."""
    _pause(name, config, paused=True, as_json=as_json)


@command.command()
@click.argument("name")
@config_option
@json_option
def resume(name: str, config: Path | None, as_json: bool) -> None:
    """Take a paused agent's calls again."""
    _pause(name, config, paused=False, as_json=as_json)


def _pause(name: str, config: Path | None, *, paused: bool, as_json: bool) -> None:
    async def job() -> None:
        async with opened(config) as session:
            await agents.pause(session.db, name, paused=paused, actor=operator())
        say({"agent": name, "paused": paused}, f"{name} is {'paused' if paused else 'active'}.", as_json=as_json)

    run(job)


def _takes_keys(session: Session) -> None:
    if session.settings.agent_oauth is not None:
        fail(
            f"Agents come with access tokens of {session.settings.agent_oauth.issuer}, and a key would be refused. "
            "Add the agent to the configuration, with its oauth_subject.",
            USAGE,
        )


def _servers(session: Session, asked: tuple[str, ...]) -> tuple[str, ...]:
    known = tuple(session.settings.servers)
    unknown = [name for name in asked if name not in known]
    if unknown:
        fail(f"There is no server {unknown[0]!r} in the configuration. It has: {', '.join(known) or 'none'}.", USAGE)
    return asked or known


def _print(session: Session, issued: agents.Issued, servers: tuple[str, ...], *, as_json: bool) -> None:
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
