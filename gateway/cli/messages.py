"""`placet messages`: cards and events that no channel could deliver, and trying them again."""

from __future__ import annotations

from pathlib import Path

import click

from approvals.domain.model import Role
from approvals.domain.plain import visible
from approvals.errors import NotPermitted
from approvals.storage.messages import MessageRow
from approvals.storage.tx import Tx
from approvals.web.letters import shown
from gateway.cli.common import USAGE, config_option, fail, json_option, run, say
from gateway.cli.session import as_option, opened

PAGE = 500


@click.group()
def command() -> None:
    """List cards and events that could not be delivered, and try them again."""


@command.command(name="list")
@config_option
@json_option
def list_(config: Path | None, as_json: bool) -> None:
    """List what was given up."""

    async def job() -> None:
        async with opened(config) as session:
            rows = await session.db.read(_every)
        lines = [f"{r.id}  {visible(r.channel):<20} {r.request_id}  {visible(r.error or '')}" for r in rows]
        say({"messages": [shown(row) for row in rows]}, "\n".join(lines) or "Nothing was given up.", as_json=as_json)

    run(job)


@command.command()
@click.argument("id", required=False)
@click.option("--all", "every", is_flag=True, help="Everything that was given up.")
@as_option
@config_option
@json_option
def retry(id: str | None, every: bool, actor: str | None, config: Path | None, as_json: bool) -> None:
    """Try one again, or all; it shows the request as it is then."""
    if (id is None) != every:
        fail("Name one message, or say --all.", USAGE)

    async def job() -> None:
        async with opened(config) as session:
            person = await session.actor(actor)
            if not person.roles & {Role.OPERATOR, Role.ADMIN}:
                raise NotPermitted(what="try messages again", roles="operator or admin")

            def work(tx: Tx) -> list[str]:
                ids = [row.id for row in _every(tx)] if id is None else [id]
                return [one for one in ids if tx.messages.revive(one, person.id, via="cli")]

            queued = await session.db.write(work)
        if id is not None and not queued:
            fail(f"There is no message {id} that was given up. `placet messages list` has them.")
        say({"queued": queued}, f"{len(queued)} queued; a running service sends them.", as_json=as_json)

    run(job)


def _every(tx: Tx) -> list[MessageRow]:
    found: list[MessageRow] = []
    while page := tx.messages.dead_ones(after=found[-1].id if found else "", limit=PAGE):
        found += page
    return found
