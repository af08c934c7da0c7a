"""`placet check`: everything that is wrong with the configuration and its policies, at once."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click

from approvals.storage.engine import Tx
from approvals.storage.pins import Pin
from gateway.cli.common import FAILED, config_file, config_option, json_option, run, say
from gateway.cli.policy_findings import of_configuration
from gateway.config import ConfigErrors, store_of
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

    async def job() -> tuple[Settings | ConfigErrors, list[str], list[str]]:
        try:
            found: Settings | ConfigErrors = await load(file, os.environ)
        except ConfigErrors as err:
            found = err
        warnings = await _warnings(found) if not isinstance(found, ConfigErrors) else []
        return found, await _enforced_otherwise(file), warnings

    found, otherwise, warnings = run(job)
    if isinstance(found, ConfigErrors):
        problems = [
            {"file": p.file, "line": p.line, "column": p.column, "pointer": p.pointer, "message": p.message}
            for p in found.problems
        ]
        value = {"ok": False, "problems": problems, "enforced_otherwise": otherwise}
        say(value, "\n".join([str(found), *otherwise]), as_json=as_json)
        raise SystemExit(FAILED)
    notes = [*found.notes, *otherwise]
    value = {
        "ok": True,
        "problems": [],
        "notes": list(found.notes),
        "warnings": warnings,
        "enforced_otherwise": otherwise,
    }
    lines = [*(f"note: {note}" for note in notes), *warnings, f"{file}: all is well."]
    say(value, "\n".join(lines), as_json=as_json)


async def _warnings(settings: Settings) -> list[str]:
    """What stands in the policies and does nothing, with the tools that the servers last listed."""
    async with settings.store.opened() as db:
        pins = {name: await db.read(partial(_pins, name)) for name in settings.servers}
    now = datetime.now(UTC)
    uncovered = [f"nobody is on call now in the group {name}" for name in settings.groups.uncovered(now)]
    return uncovered + of_configuration(
        settings, {name: [one.seen_definition for one in each] for name, each in pins.items()}
    )


def _pins(server: str, tx: Tx) -> list[Pin]:
    return list(tx.pins.of(server).values())


async def _enforced_otherwise(file: Path) -> list[str]:
    """The files that a running service has not taken, with both hashes."""
    try:
        store = store_of(file, os.environ)
    except ConfigErrors:
        return []
    async with store.opened() as db:
        rows = await db.read(lambda tx: tx.replicas.in_force(tx.now))
    return [f"{row.holder}: {one}" for row in rows for one in heard(row).standings if one.differs]
