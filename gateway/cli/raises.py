"""`placet raises`: the limits that people have raised for a while, and taking a raise back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from approvals.domain.model import Person
from approvals.raises import Listed, Raises
from approvals.storage.tx import Tx
from approvals.web.raises import written
from approvals.web.shape import view
from gateway.cli.common import config_option, json_option, run, say
from gateway.cli.session import Session, as_option, opened

MOST = 200


@click.group()
def command() -> None:
    """List the limits that people have raised for a while, and take a raise back.

    A limit is raised by who approves a call that goes over it: `placet requests approve ID --raise 1h`.
    """


@command.command("list")
@click.option("--all", "every", is_flag=True, help="Those that are over, too.")
@as_option
@config_option
@json_option
def list_(every: bool, actor: str | None, config: Path | None, as_json: bool) -> None:
    """List raises of requests you may see, newest first."""

    async def job() -> None:
        async with opened(config) as session:
            person = await session.actor(actor)
            found, _ = await Raises(session.desk).listed(person, only_in_force=not every, limit=MOST)
            shown = await _shown(session, found, person)
        say({"raises": shown}, "\n".join(map(_line, shown)) or "Nothing is raised.", as_json=as_json)

    run(job)


@command.command()
@click.argument("raise_id", metavar="ID")
@as_option
@config_option
@json_option
def revoke(raise_id: str, actor: str | None, config: Path | None, as_json: bool) -> None:
    """Take a raise back: from now on the limit is the policy's own again."""

    async def job() -> None:
        async with opened(config) as session:
            person = await session.actor(actor)
            ended = await Raises(session.desk).end(raise_id, person=person)
            (shown,) = await _shown(session, [ended], person)
        say(shown, f"{shown['limit']} is {shown['max']} {shown['words']} again.", as_json=as_json)

    run(job)


async def _shown(session: Session, found: list[Listed], person: Person) -> list[dict[str, Any]]:
    def look(tx: Tx) -> list[dict[str, Any]]:
        seen = view(tx, session.desk.directory, person, (name for one in found for name in one.one.by))
        return [written(one.one, one.request, seen) for one in found]

    return await session.db.read(look)


def _line(shown: Mapping[str, Any]) -> str:
    until = datetime.fromisoformat(shown["until"]).astimezone(UTC)
    over = f"until {until:%Y-%m-%d %H:%M:%S} UTC" if shown["in_force"] else "over"
    what = f"{shown['limit']}: {shown['to']} instead of {shown['max']} {shown['words']}"
    return f"{shown['id']}  {what}, {over}; for {shown['agent']}, by {', '.join(shown['names'])}, {shown['request']}"
