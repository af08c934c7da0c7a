"""`placet policy suggest`: what a policy could say by what people decided."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from gateway.cli.benches import opened_bench, period, server_of
from gateway.cli.common import config_option, json_option, run, say
from gateway.cli.progress import Progress
from gateway.policy.mining import Said, Support
from gateway.policy.suggested import Kind, Suggestion, Suggestions, Usage
from gateway.suggestions import suggest


@click.command()
@click.option("--server", required=True, help="The server whose policy could say more.")
@click.option("--since", default="30d", show_default=True, help="From when on: 30d, or a date and time.")
@click.option("--until", help="Before when: 1d, or a date and time (default: now).")
@click.option(
    "--min",
    "least",
    type=click.IntRange(5),
    default=Support().decisions,
    show_default=True,
    help="How many approvals a suggestion to allow needs.",
)
@config_option
@json_option
def command(server: str, since: str, until: str | None, least: int, config: Path | None, as_json: bool) -> None:
    """Suggest rules by what people decided: what they always approved, what they never did, and limits far above use.

    Nothing is changed: each suggestion comes with the lines that the policy would have. It is never suggested to loosen
    what destroys or pays.
    """

    async def job() -> Suggestions:
        async with opened_bench(config) as (session, bench):
            policies = server_of(session.settings, server).policies
            support = Support(decisions=least)
            return await suggest(bench, server, policies, period(since, until), support=support, progress=Progress())

    found = run(job)
    say(found.as_json(), "\n".join(text(found)), as_json=as_json)


def text(found: Suggestions) -> Iterator[str]:
    """The suggestions as a person reads them."""
    yield f"{found.decided} calls of {found.server} were decided, {found.since:%Y-%m-%d} to {found.until:%Y-%m-%d} UTC"
    if not found.found:
        yield "\nNothing is suggested."
    for one in found.found:
        yield from _suggestion(one)
    if found.passed_over:
        yield "\nPassed over"
        yield from (f"  {one.tool} ({one.rule}): {one.why}" for one in found.passed_over)


def _suggestion(one: Suggestion) -> Iterator[str]:
    yield f"\n{one.id}  {one.said()}"
    if not isinstance(one.evidence, Usage):
        within, shape = one.evidence.within, one.evidence
        silent = f"; {within.unanswered} more were not answered" if within.unanswered else ""
        yield f"  by {', '.join(within.people)}, on {within.days} days{silent}"
        later = shape.later.approved if one.kind is Kind.ALLOW else shape.later.denied
        yield f"  learned from decisions until {shape.learned_until:%Y-%m-%d}; all {later} after that agree"
        if one.kind is Kind.ALLOW:
            yield f"  left open: {', '.join([*shape.leaves_open, 'arguments that never stood in a decided call'])}"
        tried = one.back_test
        would = "let run" if one.kind is Kind.ALLOW else "denied"
        yield f"  tried on the recording: {tried.calls} calls {would}, {_said(one)}"
    yield f"  in {one.proposal.policy} this would become:"
    yield from (f"    {line}" for line in one.proposal.yaml.splitlines())


def _said(one: Suggestion) -> str:
    said = one.back_test.said
    parts = [f"{said[answer]} {answer.value}" for answer in Said if said.get(answer)]
    return ", ".join([*parts, *([f"{said[None]} nobody had answered yet"] if said.get(None) else [])]) or "none decided"
