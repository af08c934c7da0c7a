"""`placet policy versions`: the history of a policy that is edited on the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from approvals.domain.plain import visible
from approvals.storage.policies import VersionEntry
from gateway.cli.common import config_option, json_option, run, say
from gateway.cli.saved import database, shown


@click.command()
@click.argument("server")
@click.option("--limit", type=click.IntRange(1, 200), default=50, help="How many, the newest first.")
@config_option
@json_option
def command(server: str, limit: int, config: Path | None, as_json: bool) -> None:
    """List what was saved for SERVER on the page, newest first."""

    async def job() -> Sequence[VersionEntry]:
        async with database(config) as db:
            return await db.read(lambda tx: tx.policies.list(server, limit=limit))

    versions = run(job)
    text = "\n".join(map(_line, versions)) or f"Nothing was saved yet for {server}."
    say({"versions": [shown(one) for one in versions]}, text, as_json=as_json)


def _line(version: VersionEntry) -> str:
    said = [f"restores {version.restores}"] if version.restores is not None else []
    said += [visible(version.note)] if version.note else []
    at = version.at.isoformat(timespec="seconds").replace("+00:00", "Z")
    return f"{version.number:>5}  {at}  {version.sha256[:12]}  {version.by:<28} {'; '.join(said)}".rstrip()
