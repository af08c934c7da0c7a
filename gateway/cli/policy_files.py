"""What the commands about policies share: reading the files, and the call on which they try them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar

import click

from gateway.cli.common import USAGE, config_file, fail
from gateway.config import ConfigErrors, policy_files
from gateway.policy import trials
from gateway.policy.layers import layered
from gateway.policy.model import Policy
from gateway.policy.source import Problem, SourceErrors
from gateway.policy.texts import shown
from gateway.policy_files import PolicyFiles, Trial
from gateway.protocol.strict import Malformed, read

A_CALL = 'A call is {"tool": "name", "arguments": {…}}.'
F = TypeVar("F", bound=Callable[..., Any])


def given_option(function: F) -> F:
    """The option that says what counters stand at."""
    return click.option(
        "--given", multiple=True, metavar="COUNTER=VALUE", help="What a counter stands at; may be repeated."
    )(function)


def look_at(_layers: Sequence[Policy], _policy: Policy) -> tuple[Problem, ...]:
    """Take a policy whatever its tests say: to look at, never to be in force."""
    return ()


def stacks(files: Iterable[Path], trial: Trial = trials.problems) -> list[tuple[Policy, ...]]:
    """Every policy with what it extends; the command ends with everything that is wrong with any of them."""
    reading = PolicyFiles(trial)
    found = [reading.stack(file) for file in files]
    if reading.problems:
        fail(str(SourceErrors(reading.problems)))
    return found


def all_loaded(files: Iterable[Path], trial: Trial = trials.problems) -> tuple[Policy, ...]:
    """The files as layers, outer ones first, with what they extend."""
    return layered(*stacks(files, trial))


def configured(config: Path | None) -> tuple[Path, ...]:
    """Every policy file that the configuration names."""
    try:
        return policy_files(config_file(config), os.environ)
    except ConfigErrors as err:
        fail(str(err))


def counters(said: Iterable[str]) -> dict[str, Decimal]:
    """What counters stand at, as `--given` says it."""
    found: dict[str, Decimal] = {}
    for text in said:
        name, equals, number = text.partition("=")
        try:
            value = Decimal(number)
        except InvalidOperation:
            value = Decimal("NaN")
        if not equals or not name or not value.is_finite() or value < 0:
            fail(f"--given is COUNTER=VALUE, with a number of at least 0; {shown(text)} is not.", USAGE)
        found[name] = value
    return found


def call_of(body: bytes) -> tuple[str, dict[str, Any]]:
    """The tool and the arguments that a call names, as `{"tool", "arguments"}` or as the protocol has it (`name`)."""
    value = read(body)
    if isinstance(value, Malformed):
        fail(f"The call cannot be read: {value.message}", USAGE)
    if not isinstance(value, dict):
        fail(A_CALL, USAGE)
    if unknown := value.keys() - {"tool", "name", "arguments"}:
        fail(f"A call has tool and arguments, and not {', '.join(map(shown, sorted(unknown)))}.", USAGE)
    tool, arguments = value.get("tool", value.get("name")), value.get("arguments", {})
    if not isinstance(tool, str) or not isinstance(arguments, dict) or {"tool", "name"} <= value.keys():
        fail(A_CALL, USAGE)
    return tool, arguments
