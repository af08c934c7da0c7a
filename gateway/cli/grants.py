"""`placet grants`: the standing grants, what they let run, and taking one back. They are given with an approval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from approvals.domain.model import Person
from approvals.grants import Grants
from approvals.storage.tx import Tx
from approvals.web.grants import told, written
from approvals.web.shape import View, view
from gateway.cli.common import config_option, json_option, run, say
from gateway.cli.session import Session, as_option, opened

MOST = 200
ENDS = {
    "taken_back": "taken back by {by}",
    "session_over": "its session is over",
    "time_over": "its time is over",
    "used_up": "used up",
}


@click.group()
def command() -> None:
    """List the standing grants, look at one, and take one back.

    A grant is given by who approves a call: on its page, or with `grant` in the decision over REST.
    """


@command.command("list")
@click.option("--all", "every", is_flag=True, help="Those that are over, too.")
@as_option
@config_option
@json_option
def list_(every: bool, actor: str | None, config: Path | None, as_json: bool) -> None:
    """List grants of requests you may see, newest first."""

    async def job() -> None:
        async with opened(config) as session:
            person = await session.actor(actor)
            found, _ = await Grants(session.desk).listed(person, only_in_force=not every, limit=MOST)
            seen = await _seen(session, person, (name for one in found for name in one.given_by))
            shown = [written(one, seen) for one in found]
        say({"grants": shown}, "\n".join(map(_line, shown)) or "No grant is in force.", as_json=as_json)

    run(job)


@command.command()
@click.argument("grant_id", metavar="ID")
@as_option
@config_option
@json_option
def show(grant_id: str, actor: str | None, config: Path | None, as_json: bool) -> None:
    """Show a grant: its shape, and the calls it let run."""

    async def job() -> None:
        async with opened(config) as session:
            person = await session.actor(actor)
            one = await Grants(session.desk).show(grant_id, person=person)
            shown = told(one, await _seen(session, person, one.grant.given_by))
        say(shown, _whole(shown), as_json=as_json)

    run(job)


@command.command()
@click.argument("grant_id", metavar="ID")
@as_option
@config_option
@json_option
def revoke(grant_id: str, actor: str | None, config: Path | None, as_json: bool) -> None:
    """Take a grant back: from now on people are asked again."""

    async def job() -> None:
        async with opened(config) as session:
            person = await session.actor(actor)
            ended = await Grants(session.desk).end(grant_id, person=person.id)
            shown = written(ended, await _seen(session, person, ended.given_by))
        say(shown, f"{shown['id']} lets nothing run any more; people are asked again.", as_json=as_json)

    run(job)


async def _seen(session: Session, person: Person, names: Iterable[str]) -> View:
    ids = list(names)

    def look(tx: Tx) -> View:
        return view(tx, session.desk.directory, person, ids)

    return await session.db.read(look)


def _line(shown: Mapping[str, Any]) -> str:
    what = f"{shown['server']}/{shown['tool']} for {shown['agent']}"
    left = f"{shown['uses_left']} of {shown['uses']} calls left"
    if shown["budget"] is not None:
        left += f", {shown['budget']['left']} of {shown['budget']['max']} of {shown['budget']['argument']}"
    only = "this session only, " if shown["scope"] == "session" else ""
    return f"{shown['id']}  {what}: {left}, {only}{_until(shown)}; by {', '.join(shown['names'])}, {shown['request']}"


def _until(shown: Mapping[str, Any]) -> str:
    if shown["ended_why"] is not None:
        return ENDS[shown["ended_why"]].format(by=shown["ended_by"])
    return f"until {datetime.fromisoformat(shown['until']).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _whole(shown: Mapping[str, Any]) -> str:
    lines = [_line(shown)]
    lines += [f"  {place['argument']} {place['words']}" for place in shown["shape"]]
    if shown["idle"] is not None:
        lines.append(f"  Just now it lets nothing run: {shown['idle']}.")
    lines += [f"  {use['at']}  {use['request']}  {use['state']}" for use in shown["history"]]
    return "\n".join(lines if shown["history"] else [*lines, "  It has let nothing run yet."])
