"""`placet policy check`: everything that is wrong with policy files, at once."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.common import FAILED, json_option, say
from gateway.policy.source import SourceErrors
from gateway.policy_files import PolicyFiles


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
def command(files: tuple[Path, ...], as_json: bool) -> None:
    """Say everything that is wrong with policy FILES, as file:line:column: message."""
    reading = PolicyFiles()
    for file in files:
        for policy in reading.stack(file)[-1:]:
            if not as_json:
                notes = "".join(f"\n  note: {note}" for note in policy.notes)
                click.echo(f"{file}: {policy.dialect} policy, version {policy.version[:12]}{notes}")
    problems = str(SourceErrors(reading.problems)).splitlines()
    say(
        {"ok": not problems, "problems": problems}, "\n".join(problems), as_json=as_json
    ) if problems or as_json else None
    if problems:
        raise SystemExit(FAILED)
