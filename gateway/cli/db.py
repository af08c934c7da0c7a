"""`placet db`: bring the schema up to date, take a backup."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import click

from approvals.storage import migrate, url
from gateway.cli.common import USAGE, config_option, fail, json_option, run, say
from gateway.cli.proofs import store_for


@click.group()
def command() -> None:
    """Upgrade or back up the database."""


@command.command()
@config_option
@json_option
def upgrade(config: Path | None, as_json: bool) -> None:
    """Bring the schema to this version; `placet serve` does it by itself."""
    applied = run(store_for(config).upgrade)
    text = f"The schema is at {migrate.head()}" + ("." if applied else " already.")
    say({"applied": applied, "revision": migrate.head()}, text, as_json=as_json)


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@config_option
@json_option
def backup(file: Path, config: Path | None, as_json: bool) -> None:
    """Copy the SQLite database to FILE, consistent, while the service runs."""
    path = url.parse(store_for(config).url).path
    if path is None:
        fail("This database is PostgreSQL: back it up with pg_dump.", USAGE)
    if file.exists():
        fail(f"{file} exists already. Give another name, so that no backup is overwritten.", USAGE)
    if not path.is_file():
        fail(f"There is no database {path}.")
    try:
        file.touch(mode=0o600, exist_ok=False)
        _copy(path, file)
    except (OSError, sqlite3.Error) as err:
        fail(f"{file} cannot be written, or {path} cannot be read: {err}")
    size = file.stat().st_size
    say(
        {"file": str(file), "bytes": size},
        f"{file}: {size} bytes. Keep placet.keys with your secrets.",
        as_json=as_json,
    )


def _copy(path: Path, file: Path) -> None:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as source, closing(sqlite3.connect(file)) as target:
        source.backup(target)
