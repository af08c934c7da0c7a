"""`placet policy check`: everything that is wrong with policy files, at once, and what in them does nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gateway.cli import policy_findings
from gateway.cli.common import FAILED, config_option, json_option, say
from gateway.cli.policy_tools import listed, tools_options
from gateway.policy.findings import Finding
from gateway.policy.linting import findings
from gateway.policy.model import Policy
from gateway.policy.source import SourceErrors
from gateway.policy_files import PolicyFiles


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@tools_options
@click.option("--strict", is_flag=True, help="Fail on warnings, too.")
@config_option
@json_option
def command(
    files: tuple[Path, ...],
    tools: str | None,
    server: str | None,
    last_seen: bool,
    strict: bool,
    config: Path | None,
    as_json: bool,
) -> None:
    """Say everything that is wrong with policy FILES, as file:line:column: message.

    Warnings are told besides: rules that can never decide, limits that are never reached, names that look alike; and
    with a list of tools names that match nothing, and tools that nothing names. Exit code 1 if a file is refused.
    """
    definitions = listed(tools, server, config, last_seen=last_seen)
    reading = PolicyFiles()
    found: list[tuple[Policy, tuple[Finding, ...]]] = []
    for file in files:
        found += [(policy, findings(policy, definitions)) for policy in reading.stack(file)[-1:]]
    problems = str(SourceErrors(reading.problems)).splitlines()
    value = {"ok": not problems, "problems": problems, "policies": [_json(policy, told) for policy, told in found]}
    lines = [line for policy, told in found for line in _text(policy, told)]
    say(value, "\n".join([*lines, *problems]), as_json=as_json)
    if problems or (strict and any(told for _, told in found)):
        raise SystemExit(FAILED)


def _text(policy: Policy, told: tuple[Finding, ...]) -> list[str]:
    return [
        f"{policy.name}: {policy.dialect} policy, version {policy.version[:12]}",
        *(f"  note: {note}" for note in policy.notes),
        *policy_findings.lines(policy, told),
    ]


def _json(policy: Policy, told: tuple[Finding, ...]) -> dict[str, Any]:
    return {
        "file": policy.name,
        "format": policy.dialect,
        "policy_version": policy.version,
        "notes": list(policy.notes),
        "warnings": policy_findings.as_json(policy, told),
    }
