"""`placet policy explain`: the ruling on one call, with every rule considered.

The configuration's policies judge, with its counters and with what it knows of the agent and the tool; or policy files
alone, with nothing but what the options say. Nothing is sent, counted or kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from gateway.cli.common import USAGE, config_option, fail, json_option, run, say
from gateway.cli.policy_files import all_loaded, call_of, counters, given_option, look_at
from gateway.cli.policy_text import indented, limits, trace
from gateway.cli.session import Session, opened
from gateway.explaining import BY_NAME, Asked, Explained, explain
from gateway.policy.budgets import Budgets
from gateway.policy.durations import YEARS, moment
from gateway.policy.evaluate import evaluate
from gateway.policy.model import Facts, Policy
from gateway.policy.risk import classify
from gateway.policy.source import nearest
from gateway.policy.texts import shown
from gateway.policy.trials import SOMEBODY
from gateway.policy.verdicts import final


@click.command()
@click.argument("call", type=click.File("rb"))
@click.option("--server", help="The server whose policies judge; not needed where there is only one.")
@click.option(
    "--file",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Ask this policy file, without a configuration; may be repeated, outer layers first.",
)
@click.option("--as", "agent", metavar="AGENT", help="The agent that calls (default: one nobody knows).")
@click.option("--owner", metavar="EMAIL", help="The person behind the agent (default: as configured).")
@click.option("--at", metavar="TIME", help="When, such as 2026-11-24T10:00:00Z (default: now).")
@given_option
@config_option
@json_option
def command(
    call: Any,
    server: str | None,
    files: tuple[Path, ...],
    agent: str | None,
    owner: str | None,
    at: str | None,
    given: tuple[str, ...],
    config: Path | None,
    as_json: bool,
) -> None:
    """Print the ruling on a call, with every rule considered and the value that decided it.

    CALL is a JSON file (or - for standard input): {"tool": "pay", "arguments": {"amount": 50}}. Nothing is sent or
    counted.
    """
    tool, arguments = call_of(call.read())
    asked = Asked(tool=tool, arguments=arguments, agent=agent, owner=owner, at=_moment(at), given=counters(given))
    if files and config is not None:
        fail("Either --file, or --config with --server; not both.", USAGE)

    async def job() -> Explained:
        async with opened(config) as session:
            return await _by_configuration(session, server, asked)

    explained = _by_files(all_loaded(files, look_at), server, asked) if files else run(job)
    _check_counters(explained, asked.given)
    if explained.final.ruling.hidden:
        explained.notes.append("The tool is hidden: no agent sees it listed.")
    value = {**explained.final.as_json(), "risk": _risk(explained), "notes": explained.notes}
    say(value, "\n".join(_text(explained)), as_json=as_json)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = moment(text)
    except ValueError:
        fail(f"--at is a time such as 2026-11-24T10:00:00Z, {YEARS}; {shown(text)} is not.", USAGE)
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _by_files(policies: Sequence[Policy], server: str | None, asked: Asked) -> Explained:
    facts = Facts(
        server=server or "server",
        tool=asked.tool,
        arguments=asked.arguments,
        agent=asked.agent or SOMEBODY,
        owner=asked.owner,
        now=asked.at or datetime.now(UTC),
        risk=classify({"name": asked.tool}),
    )
    ruling = evaluate(policies, facts)
    budgets = Budgets()
    budgets.begin(ruling.limits, asked.given, facts.now)
    answer = final(ruling, budgets.check(ruling.limits, facts.now))
    notes = [f"{BY_NAME}: without a configuration no server is known."]
    return Explained(facts=facts, policies=policies, final=answer, notes=notes)


async def _by_configuration(session: Session, server: str | None, asked: Asked) -> Explained:
    return await explain(session.db, session.settings, _server(session, server), asked)


def _server(session: Session, name: str | None) -> str:
    known = list(session.settings.servers)
    if name is None and len(known) == 1:
        return known[0]
    if name is None:
        fail(f"Which server? Give --server: {', '.join(known) or 'the configuration has none'}.", USAGE)
    if name not in known:
        hint = nearest(name, known) or f"it has: {', '.join(known) or 'none'}"
        fail(f"There is no server {shown(name)} in the configuration; {hint}.", USAGE)
    return name


def _check_counters(explained: Explained, given: Mapping[str, Decimal]) -> None:
    """A counter that the call does not touch is a slip of the pen: what was asked is not what is answered."""
    known = {use.limit.counter for use in explained.final.ruling.limits}
    denied = not known and explained.final.verdict == "deny"
    for name in given.keys() - known:
        if denied:
            explained.notes.append(f"The counter {shown(name)} changes nothing: the call is denied before any limit.")
        else:
            hint = nearest(name, known) or "it is under: " + (", ".join(sorted(known)) or "none")
            fail(f"The call is under no limit that counts {shown(name)}; {hint}.", USAGE)


def _risk(explained: Explained) -> dict[str, Any]:
    risk = explained.risk()
    return {"class": risk.kind.value, "severity": risk.severity.value, "evidence": list(map(str, risk.evidence))}


def _text(explained: Explained) -> list[str]:
    answer, facts = explained.final, explained.facts
    who = f"{facts.agent} for {facts.owner}" if facts.owner else facts.agent
    files = ", ".join(policy.name for policy in explained.policies) or "none"
    told = _risk(explained)
    risk = f"{told['class']}, {told['severity']}: {'; '.join(told['evidence'])}"
    lines = [
        f"{answer.verdict}  by {answer.rule or 'no rule'}",
        *([f"  {answer.reason}"] if answer.reason else []),
        "",
        f"  call    {shown(facts.tool)} at {facts.server}, by {who}, {facts.now:%Y-%m-%d %H:%M:%S %Z}",
        f"  policy  {files} (version {answer.ruling.policy_version[:12] or 'none'})",
        f"  risk    {risk}",
        *_asks(explained),
        "",
        "  every rule considered (> decided, * had a say)",
        *indented(trace(answer), "    "),
    ]
    if answer.standings:
        lines += ["", "  limits", *indented(limits(answer), "    ")]
    return [*lines, *([""] if explained.notes else []), *(f"  note: {note}" for note in explained.notes)]


def _asks(explained: Explained) -> list[str]:
    people = explained.asks()
    if people is None:
        return []
    return [
        f"  asks    {' and '.join(people) or 'nobody is named here: approvals.reviewers of the configuration decides'}"
    ]
