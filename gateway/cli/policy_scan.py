"""`placet policy scan`: what each tool of a server does, the words that say so, and the rule to begin with."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from approvals.domain.plain import visible
from gateway.cli.common import USAGE, config_option, fail, json_option, run, say
from gateway.cli.tool_lists import Listed, from_file, of_address, of_server
from gateway.policy.in_effect import InEffect, in_effect
from gateway.policy.model import Risk, RiskClass, Severity
from gateway.policy.risk import Surveyed, survey
from gateway.policy.risk.overrides import settled

_SEVERITIES, _CLASSES = list(Severity), list(RiskClass)
_WORDS = {"require_approval": "a person decides", "deny": "denied", "hide": "hidden", "allow": "allowed"}


@click.command()
@click.option("--server", help="A server of the configuration; it is asked for its tools.")
@click.option("--last-seen", is_flag=True, help="With --server: the tools as they were last seen; nobody is asked.")
@click.option("--file", "file", type=click.Path(path_type=Path), help="A saved tools/list answer (- for stdin).")
@click.option("--url", help="Any MCP server over HTTP, configured or not.")
@click.option("--token-env", metavar="NAME", help="With --url: the environment variable that holds a bearer token.")
@config_option
@json_option
def command(
    server: str | None,
    last_seen: bool,
    file: Path | None,
    url: str | None,
    token_env: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Print the catalogue of a server: class, severity and evidence of each tool, and the rule to begin with.

    One of --server, --file and --url says which tools. A saved answer may be the result of tools/list, the JSON-RPC
    response around it, or its pages; nothing is sent anywhere then.
    """
    given = [one for one in (server, file, url) if one is not None]
    if len(given) != 1:
        fail("Give one of --server NAME, --file FILE and --url URL.", USAGE)
    if (last_seen and server is None) or (token_env and url is None):
        fail("--last-seen goes with --server, and --token-env with --url.", USAGE)
    if server is not None:
        name = server
        listed = run(lambda: of_server(config, name, last_seen=last_seen))
    elif url is not None:
        address, token = url, _token(token_env)
        listed = run(lambda: of_address(address, token))
    else:
        listed = from_file(file or "-")
    shown = survey(listed.tools)
    say(_json(listed, shown), "\n".join(_text(listed, shown)), as_json=as_json)


def _token(name: str | None) -> str | None:
    if name is None:
        return None
    token = os.environ.get(name)
    if not token:
        fail(f"The environment variable {name} is not set.", USAGE)
    return token


def _risk(listed: Listed, one: Surveyed) -> Risk:
    return settled(listed.policies, one.name, one.risk)


def _now(listed: Listed, one: Surveyed) -> InEffect | None:
    return in_effect(listed.policies, one.name, one.risk.kind) if listed.configured else None


def _json(listed: Listed, shown: Sequence[Surveyed]) -> dict[str, Any]:
    counts = Counter(_risk(listed, one).kind.value for one in shown)
    return {
        "source": listed.source,
        "counts": {kind.value: counts[kind.value] for kind in RiskClass},
        "tools": [_tool(listed, one) for one in shown],
    }


def _tool(listed: Listed, one: Surveyed) -> dict[str, Any]:
    risk, now = _risk(listed, one), _now(listed, one)
    return {
        "name": one.name,
        "fingerprint": one.fingerprint or None,
        "class": risk.kind.value,
        "severity": risk.severity.value,
        "confidence": risk.confidence.value,
        "evidence": [{"where": it.where, "quote": it.quote, "says": it.says} for it in risk.evidence],
        "findings": [{"code": it.code, "text": it.text} for it in one.findings],
        "usable": one.usable,
        "recommended": {"policy": one.advice.as_policy(one.name), "why": one.advice.why},
        "now": None if now is None else now.as_json(),
    }


def _text(listed: Listed, shown: Sequence[Surveyed]) -> list[str]:
    counts = Counter(_risk(listed, one).kind for one in shown)
    told = ", ".join(f"{counts[kind]} {kind}" for kind in reversed(_CLASSES) if counts[kind])
    lines = [f"{len(shown)} tools of {visible(listed.source)}{': ' + told if told else ''}"]
    for one in sorted(shown, key=lambda one: _gravity(_risk(listed, one), one.name)):
        lines += ["", *_lines(listed, one)]
    if any(one.findings for one in shown):
        count = sum(len(one.findings) for one in shown)
        lines += ["", f"{count} {'finding' if count == 1 else 'findings'} to look at, marked with !"]
    return lines


def _gravity(risk: Risk, name: str) -> tuple[int, int, str]:
    return (-_CLASSES.index(risk.kind), -_SEVERITIES.index(risk.severity), name)


def _lines(listed: Listed, one: Surveyed) -> list[str]:
    risk, now = _risk(listed, one), _now(listed, one)
    lines = [f"{visible(one.name)}", f"    {risk.kind}, {risk.severity}  ({risk.confidence} confidence)"]
    lines += [f"      {visible(str(evidence))}" for evidence in risk.evidence]
    lines += [f"    ! {visible(finding.text)}" for finding in one.findings]
    lines.append(f"    begin with: {one.advice.why}")
    if now is not None:
        lines.append(f"    now: {_said(now)}")
    return lines


def _said(now: InEffect) -> str:
    word = _WORDS.get(now.word, "depends on the call")
    limits = f"; {'; '.join(now.limits)}" if now.limits else ""
    return f"{word}, by {now.rule} of {now.policy}{limits}" if now.rule else f"{word}: {now.policy}"
