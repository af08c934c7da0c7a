"""`placet policy save`: a file as the next version of a policy that is edited on the page."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.common import config_option, fail, json_option, run, say
from gateway.cli.saved import Save, database, save, shown
from gateway.cli.session import as_option


@click.command()
@click.argument("server")
@click.argument("file", type=click.File("rb"))
@click.option("--note", help="What changes, and why; it stands in the history.")
@as_option
@config_option
@json_option
def command(
    server: str, file: click.File, note: str | None, actor: str | None, config: Path | None, as_json: bool
) -> None:
    """Save FILE (or -) as the next version of SERVER's page.

    It is checked with the whole configuration first. A running service takes it within a second.
    """
    try:
        text = file.read().decode()  # type: ignore[attr-defined]  # click hands the open file over
    except UnicodeDecodeError as err:
        fail(f"The file is not UTF-8 text (byte {err.start}).")

    async def job() -> None:
        async with database(config) as db:
            version = await save(db, config, Save(server=server, text=text, actor=actor, note=note))
        say(shown(version), f"Version {version.number} of the policy of {server} is saved.", as_json=as_json)

    run(job)
