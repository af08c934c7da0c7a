"""`placet policy check`: everything that is wrong with policy files, at once."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.common import FAILED, json_option, say
from gateway.policy.loaders import PolicyErrors, load_policy


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
def command(files: tuple[Path, ...], as_json: bool) -> None:
    """Say everything that is wrong with policy FILES, as file:line:column: message."""
    problems: list[str] = []
    for file in files:
        try:
            policy = load_policy(file.read_text(encoding="utf-8"), str(file))
        except PolicyErrors as err:
            problems += str(err).splitlines()
        except (OSError, UnicodeDecodeError) as err:
            problems.append(f"{file}:1:1: cannot be read: {err}")
        else:
            if not as_json:
                notes = "".join(f"\n  note: {note}" for note in policy.notes)
                click.echo(f"{file}: {policy.dialect} policy, version {policy.version[:12]}{notes}")
    say(
        {"ok": not problems, "problems": problems}, "\n".join(problems), as_json=as_json
    ) if problems or as_json else None
    if problems:
        raise SystemExit(FAILED)
