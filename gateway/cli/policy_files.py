"""What the commands about policies share: reading the files, and the call on which they try them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar

import click

from gateway.cli.common import USAGE, config_file, fail
from gateway.config import ConfigErrors, policy_files
from gateway.policy.loaders import PolicyErrors, load_policy, untested
from gateway.policy.model import Policy
from gateway.policy.source import Problem
from gateway.policy.texts import shown
from gateway.protocol.strict import Malformed, read

A_CALL = 'A call is {"tool": "name", "arguments": {…}}.'
F = TypeVar("F", bound=Callable[..., Any])


def given_option(function: F) -> F:
    """The option that says what counters stand at."""
    return click.option(
        "--given", multiple=True, metavar="COUNTER=VALUE", help="What a counter stands at; may be repeated."
    )(function)


def load(file: Path) -> Policy:
    """A policy as it would come into force.

    Raises:
        PolicyErrors: with everything that is wrong with it, its failing tests among that.
    """
    return load_policy(_text(file), str(file))


def look_at(file: Path) -> Policy:
    """A policy whatever its tests say.

    Raises:
        PolicyErrors: with everything that is wrong with it.
    """
    return untested(_text(file), str(file))


def all_loaded(files: Iterable[Path], how: Callable[[Path], Policy] = load) -> list[Policy]:
    """Every policy; the command ends with everything that is wrong with any of them."""
    policies, problems = [], list[Problem]()
    for file in files:
        try:
            policies.append(how(file))
        except PolicyErrors as err:
            problems += err.problems
    if problems:
        fail("\n".join(map(str, problems)))
    return policies


def configured(config: Path | None) -> dict[str, tuple[Path, ...]]:
    """The policy files of each server of the configuration."""
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


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        why = err.strerror if isinstance(err, OSError) else "it is not UTF-8 text"
        raise PolicyErrors([Problem(file=str(file), line=1, column=1, message=f"cannot be read: {why}")]) from err
