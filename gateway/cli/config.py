"""`placet config`: the effective settings, and the JSON Schema for editors."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click
import yaml

from gateway.cli.common import config_file, config_option, fail, json_option, run, say
from gateway.config import ConfigErrors
from gateway.schemas import rendered
from gateway.settings import show as shown
from gateway.start import load


@click.group()
def command() -> None:
    """Print the effective configuration or its JSON Schema."""


@command.command()
@click.option("--policy", is_flag=True, help="The schema of policy files instead.")
def schema(policy: bool) -> None:
    """Print the JSON Schema (draft 2020-12) of placet.yaml."""
    click.echo(rendered("policy" if policy else "placet"), nl=False)


@command.command()
@config_option
@json_option
def show(config: Path | None, as_json: bool) -> None:
    """Print the effective settings, secrets masked."""
    file = config_file(config)

    async def job() -> dict[str, object]:
        try:
            return shown(await load(file, os.environ))
        except ConfigErrors as err:
            fail(str(err))

    value = json.loads(json.dumps(run(job), default=str))
    say(value, yaml.safe_dump(value, sort_keys=False, allow_unicode=True).rstrip(), as_json=as_json)
