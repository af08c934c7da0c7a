"""`placet policy rollback`: an earlier version of a policy that is edited on the page, in force again."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.common import config_option, fail, json_option, run, say
from gateway.cli.saved import Save, database, save, shown
from gateway.cli.session import as_option


@click.command()
@click.argument("server")
@click.argument("number", type=click.IntRange(min=1))
@click.option("--note", help="Why; it stands in the history.")
@as_option
@config_option
@json_option
def command(server: str, number: int, note: str | None, actor: str | None, config: Path | None, as_json: bool) -> None:
    """Save version NUMBER of SERVER's page once more, as the newest. Nothing is taken away."""

    async def job() -> None:
        async with database(config) as db:
            earlier = await db.read(lambda tx: tx.policies.get(server, number))
            if earlier is None:
                fail(f"There is no version {number} of the policy of {server}.")
            wanted = Save(server=server, text=earlier.text, actor=actor, note=note, restores=number)
            version = await save(db, config, wanted)
        text = f"Version {version.number} of the policy of {server} is saved; it is version {number} once more."
        say(shown(version), text, as_json=as_json)

    run(job)
