"""`placet check`: everything that is wrong with the configuration and its policies, at once."""

from __future__ import annotations

import os
from pathlib import Path

import click

from approvals.storage.engine import Database
from gateway.cli.common import FAILED, config_file, config_option, json_option, run, say
from gateway.config import ConfigErrors, database_of
from gateway.in_force import heard
from gateway.settings import Settings
from gateway.start import load


@click.command()
@config_option
@json_option
def command(config: Path | None, as_json: bool) -> None:
    """Say everything that is wrong with the configuration and its policies.

    One line each, as file:line:column: message. Exit code 1 if there is anything. Beside it stand the policies that a
    running service enforces otherwise than they are on disk.
    """
    file = config_file(config)

    async def job() -> tuple[Settings | ConfigErrors, list[str]]:
        try:
            found: Settings | ConfigErrors = await load(file, os.environ)
        except ConfigErrors as err:
            found = err
        return found, await _enforced_otherwise(file)

    found, otherwise = run(job)
    if isinstance(found, ConfigErrors):
        problems = [
            {"file": p.file, "line": p.line, "column": p.column, "pointer": p.pointer, "message": p.message}
            for p in found.problems
        ]
        value = {"ok": False, "problems": problems, "enforced_otherwise": otherwise}
        say(value, "\n".join([str(found), *otherwise]), as_json=as_json)
        raise SystemExit(FAILED)
    notes = [*found.notes, *otherwise]
    value = {"ok": True, "problems": [], "notes": list(found.notes), "enforced_otherwise": otherwise}
    say(value, "\n".join([*(f"note: {note}" for note in notes), f"{file}: all is well."]), as_json=as_json)


async def _enforced_otherwise(file: Path) -> list[str]:
    """The files that a running service has not taken, with both hashes."""
    try:
        url = database_of(file, os.environ)
    except ConfigErrors:
        return []
    async with Database.opened(url) as db:
        rows = await db.read(lambda tx: tx.replicas.in_force(tx.now))
    return [f"{row.holder}: {one}" for row in rows for one in heard(row).standings if one.differs]
