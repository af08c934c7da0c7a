"""`placet version`."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """Print the version of Placet and of the Python it runs on."""
    facts = {"placet": version("placet"), "python": platform.python_version()}
    click.echo(json.dumps(facts) if as_json else f"placet {facts['placet']} (Python {facts['python']})")
