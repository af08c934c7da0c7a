"""`placet check`: everything that is wrong with the configuration and its policies, at once."""

from __future__ import annotations

import os
from pathlib import Path

import click

from gateway.cli.common import FAILED, config_file, config_option, json_option, run, say
from gateway.config import ConfigErrors
from gateway.settings import Settings
from gateway.start import load


@click.command()
@config_option
@json_option
def command(config: Path | None, as_json: bool) -> None:
    """Say everything that is wrong with the configuration and its policies.

    One line each, as file:line:column: message. Exit code 1 if there is anything.
    """
    file = config_file(config)

    async def job() -> Settings | ConfigErrors:
        try:
            return await load(file, os.environ)
        except ConfigErrors as err:
            return err

    found = run(job)
    if isinstance(found, ConfigErrors):
        problems = [
            {"file": p.file, "line": p.line, "column": p.column, "pointer": p.pointer, "message": p.message}
            for p in found.problems
        ]
        say({"ok": False, "problems": problems}, str(found), as_json=as_json)
        raise SystemExit(FAILED)
    text = "\n".join([*(f"note: {note}" for note in found.notes), f"{file}: all is well."])
    say({"ok": True, "problems": [], "notes": list(found.notes)}, text, as_json=as_json)
