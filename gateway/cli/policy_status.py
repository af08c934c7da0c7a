"""`placet policy status`: which policies the running processes enforce, compared with the files as they are now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gateway.cli.common import FAILED, config_option, json_option, run, say
from gateway.cli.saved import database
from gateway.in_force import SHOWN, Process, Standing, heard


@click.command()
@config_option
@json_option
def command(config: Path | None, as_json: bool) -> None:
    """Compare what running services enforce with the files on disk, by their hashes. Exit code 1 if they differ."""

    async def job() -> list[Process]:
        async with database(config) as db:
            return [heard(row) for row in await db.read(lambda tx: tx.replicas.in_force(tx.now))]

    found = run(job)
    value = {"processes": [_process(one) for one in found]}
    say(value, "\n".join(map(_text, found)) or "No service runs on this database.", as_json=as_json)
    if any(one.difference is not None or any(layer.differs for layer in one.standings) for one in found):
        raise SystemExit(FAILED)


def _process(process: Process) -> dict[str, Any]:
    return {
        "process": process.holder,
        "difference": process.difference,
        "layers": [
            {
                "server": one.server,
                "layer": one.layer,
                "enforced": one.in_force,
                "on_disk": one.on_disk,
                "version": one.page,
                "differs": one.differs,
            }
            for one in process.standings
        ],
    }


def _text(process: Process) -> str:
    lines = [f"{process.holder}", *(f"  {_layer(one)}" for one in process.standings)]
    if process.difference is not None:
        lines += ["  What is on disk was not taken:", *(f"    {line}" for line in process.difference.splitlines())]
    return "\n".join(lines)


def _layer(one: Standing) -> str:
    enforced = f"{one.server}: {one.layer} enforced {one.in_force[:SHOWN]}"
    if one.page is not None:
        return f"{enforced}, version {one.page}" if one.page else f"{one.server}: {one.layer} has nothing saved yet"
    on_disk = one.on_disk[:SHOWN] if one.on_disk is not None else "cannot be read here"
    return f"{enforced}, on disk {on_disk}{'  DIFFERS' if one.differs else ''}"
