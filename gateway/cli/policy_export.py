"""`placet policy export`: a version of a policy that is edited on the page, as the file it would be."""

from __future__ import annotations

from pathlib import Path

import click

from approvals.storage.policies import PolicyVersion
from approvals.storage.tx import Tx
from gateway.cli.common import config_option, fail, run
from gateway.cli.saved import database
from gateway.drafts import file_name


@click.command()
@click.argument("server")
@click.option("--number", type=click.IntRange(min=1), help="Which version (default: the newest).")
@click.option("--output", type=click.Path(path_type=Path), help="Write it here (a folder: under its own name).")
@config_option
def command(server: str, number: int | None, output: Path | None, config: Path | None) -> None:
    """Print the policy of SERVER as it was saved on the page, byte for byte."""

    def work(tx: Tx) -> PolicyVersion | None:
        return tx.policies.get(server, number or tx.policies.number(server))

    async def job() -> PolicyVersion | None:
        async with database(config) as db:
            return await db.read(work)

    version = run(job)
    if version is None:
        fail(f"There is no version {number} of {server}." if number else f"Nothing was saved yet for {server}.")
    if output is None:
        click.echo(version.text, nl=False)
        return
    path = output / file_name(server, version.text) if output.is_dir() else output
    try:
        path.write_bytes(version.text.encode())
    except OSError as err:
        fail(f"{path} cannot be written: {err.strerror or err}")
    click.echo(f"Version {version.number} of the policy of {server} is in {path}.")
