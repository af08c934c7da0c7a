"""From the text of a policy file to a Policy, or to everything that is wrong with it.

Loads contract.md 7's superset of the hosted policy.json (format A) here; the Intercept and catalogue
dialects (formats B and C of policy.md 1) become the same tree in `intercept` and `catalogue`. What this version
does not do yet is refused by name: nothing in a policy is ever ignored.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

from gateway.policy import trials
from gateway.policy.catalogue import load_catalogue
from gateway.policy.compiling import Compiler
from gateway.policy.compiling_approval import SELF_AND_OTHERS
from gateway.policy.compiling_limits import limits
from gateway.policy.compiling_schedule import zone_of
from gateway.policy.dialects import detect
from gateway.policy.intercept import load_intercept
from gateway.policy.model import Policy, ToolRules, Verdict
from gateway.policy.reading import read, validate
from gateway.policy.risk.overrides import compiled as compiled_risks
from gateway.policy.routes import askers
from gateway.policy.shapes import PolicyShape
from gateway.policy.source import Node, Problem, SourceErrors
from gateway.policy.texts import printed


class PolicyErrors(SourceErrors):
    """A policy file cannot be taken; `problems` has everything that is wrong with it."""


def load_policy(text: str, name: str) -> Policy:
    """The policy that the text of the file `name` means, once the tests in it have passed.

    What it extends is not read here, so whoever reads that runs the tests of such a file.

    Raises:
        PolicyErrors: with every problem, each at its line and column.
    """
    policy = untested(text, name)
    if not policy.extends and (failing := trials.problems((policy,), policy)):
        raise PolicyErrors(failing)
    return policy


def untested(text: str, name: str) -> Policy:
    """The policy that a text means, whatever the tests in it say: to run them and to look at, never to be in force.

    Raises:
        PolicyErrors: with every problem, each at its line and column.
    """
    try:
        node, found = read(text, name), tuple[Problem, ...]()
    except SourceErrors as err:
        if err.node is None:
            raise PolicyErrors(err.problems) from err
        node, found = err.node, err.problems
    compiler = Compiler(node, name)
    compiler.problems.extend(found)
    dialect = detect(node)
    if dialect == "intercept":
        policy = load_intercept(compiler, _version(node, dialect))
    elif dialect == "catalogue":
        policy = load_catalogue(compiler, _version(node, dialect))
    else:
        policy = _superset(compiler, _version(node, dialect))
    if compiler.problems or policy is None:
        raise PolicyErrors(compiler.problems)
    if crossed := list(_crossed(policy)):
        raise PolicyErrors(crossed)
    return replace(policy, text=text)


def _crossed(policy: Policy) -> Iterator[Problem]:
    """What no single block says: a rule that comes by self_service and four_eyes from two entries."""
    for asker in askers(policy):
        if any(part.self_service and part.four_eyes for part in asker.spec.parts):
            line, column = policy.place(asker.rule)
            yield Problem(
                file=policy.name,
                line=line,
                column=column,
                pointer=asker.rule,
                message=f"with what wider entries say, {SELF_AND_OTHERS}",
                hint="write four_eyes: false here if the owner may decide",
            )


def _superset(compiler: Compiler, version: str) -> Policy | None:
    shape, problems = validate(PolicyShape, compiler.node, compiler.file, {"version": "1", "default": "deny"})
    compiler.problems.extend(problems)
    if shape is None:
        return None
    if "tz" in shape.model_fields_set:
        compiler.zone = zone_of(compiler, shape.tz, ("tz",))
    tools = [compiler.tool(name, tool) for name, tool in shape.tools.items()]
    return Policy(
        name=compiler.file,
        version=version,
        source=compiler.node,
        dialect="placet",
        default=Verdict(shape.default),
        hide=compiler.hide(shape.hide),
        limits=limits(compiler, shape.all_tools.limits, ("all_tools",)),
        tools=tuple(tool for tool in tools if tool is not None),
        list_denied=shape.list_denied,
        zone=compiler.zone if "tz" in shape.model_fields_set else None,
        resources_default=Verdict(shape.resources.default if shape.resources else shape.default),
        prompts_default=Verdict(shape.prompts.default if shape.prompts else shape.default),
        risks=compiled_risks(compiler, shape.risk),
        tests=trials.compiled(compiler, shape.tests),
        extends=compiler.extends(shape.extends),
        notes=tuple(note for tool in tools if tool is not None for note in _notes(tool)),
    )


def _notes(tool: ToolRules) -> list[str]:
    """What the author probably did not mean, though it loads (policy.md 3.1)."""
    wants_person = ("approv", "human", "person", "review", "confirm")
    return [
        f"{rule.pointer} denies every call though its text speaks of approval; "
        "to ask a person, use action: require_approval"
        for rule in tool.deny_if
        if rule.always and any(word in (rule.on_deny or "").lower() for word in wants_person)
    ]


def _version(node: Node, dialect: str) -> str:
    rules = node.plain()
    if isinstance(rules, dict):
        rules.pop("tests", None)  # what people asked to approve has not changed when a test was added
    plain = json.dumps([dialect, rules], sort_keys=True, separators=(",", ":"), default=_exact)
    return hashlib.sha256(b"placet/policy/1\x00" + plain.encode("utf-8", "surrogatepass")).hexdigest()


def _exact(value: Any) -> dict[str, str]:
    if isinstance(value, Decimal):
        return {"decimal": printed(value)}
    raise TypeError(f"not a value of a policy file: {value!r}")


__all__ = ["PolicyErrors", "Problem", "load_policy"]
