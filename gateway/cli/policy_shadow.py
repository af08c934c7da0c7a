"""`placet policy shadow`: what entries in shadow would have done, and which are ready to count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import groupby
from pathlib import Path

import click

from gateway.cli.benches import layers_at, period, server_of
from gateway.cli.common import config_option, json_option, run, say
from gateway.cli.progress import Progress
from gateway.cli.session import opened
from gateway.policy.shadowing import FEW_CALLS, Case, Cases, InShadow, Would
from gateway.shadows import in_shadow

WORDS = {Would.DENY: "denied", Would.ASK: "asked about", Would.LIMIT: "limited", Would.ALLOW: "allowed"}


@click.command()
@click.option("--server", help="One server (default: all).")
@click.option("--since", default="7d", show_default=True, help="From when on: 7d, or a date and time.")
@click.option("--until", help="Before when: 1d, or a date and time (default: now).")
@click.option("--days", type=click.IntRange(1), default=7, show_default=True, help="So many quiet days make it ready.")
@click.option("--limit", type=click.IntRange(0, 100), default=3, show_default=True, help="Examples of each change.")
@config_option
@json_option
def command(
    server: str | None, since: str, until: str | None, days: int, limit: int, config: Path | None, as_json: bool
) -> None:
    """Say what entries with `mode: shadow` would have done to the recorded calls, and which are ready to count.

    Ready is what has seen enough calls, and for so many days would have changed nothing that ran well.
    """
    when = period(since, until)

    async def job() -> Mapping[str, tuple[InShadow, ...]]:
        async with opened(config) as session:
            names = [server_of(session.settings, server).name] if server else list(session.settings.servers)
            found = {}
            for name in names:
                layers = layers_at(session.settings, name)
                found[name] = await in_shadow(session.db, name, layers, when, examples=limit, progress=Progress())
            return found

    found = run(job)
    value = {
        "until": when.until.isoformat(),
        "servers": {name: [one.as_json(when.until, days) for one in entries] for name, entries in found.items()},
    }
    say(value, "\n".join(text(found, when.until, days)), as_json=as_json)


def text(found: Mapping[str, tuple[InShadow, ...]], now: datetime, days: int) -> Iterator[str]:
    """The entries in shadow as a person reads them."""
    if not any(found.values()):
        yield "No policy has an entry in shadow (mode: shadow)."
    for server, entries in found.items():
        for one in entries:
            yield f"{server}  {one.entry}  ({one.policy})"
            yield f"  {_standing(one, now, days)}"
            yield f"  saw {one.seen} calls; would have {_did(one)}"
            if len(one.versions) > 1:
                yield f"  (recorded under {len(one.versions)} versions of the policy)"
            for case, cases in one.sorted():
                yield from _case(case, cases)


def _standing(one: InShadow, now: datetime, days: int) -> str:
    quiet = one.quiet(now).days
    if one.ready(now, days):
        return f"ready to count: {quiet} days without surprise. Take `mode: shadow` out"
    if one.seen < FEW_CALLS:
        return f"not ready: it has seen {one.seen} calls, and at least {FEW_CALLS} tell something"
    if one.last_surprise is not None:
        return f"not ready: it would have changed a call that ran well on {one.last_surprise:%Y-%m-%d %H:%M}"
    return f"not ready: {quiet} days without surprise, and {days} are asked for"


def _did(one: InShadow) -> str:
    did = [f"{WORDS[would]} {one.would[would]}" for would in Would if one.would[would]]
    return ", ".join(did) or "changed none of them"


def _case(case: Case, cases: Cases) -> Iterator[str]:
    denied = f", {cases.denied_by_people} of them denied by people" if cases.denied_by_people else ""
    yield f"  {cases.calls:>6}  {case.tool} by {case.agent}: {WORDS[case.would]} by {case.rule}"
    yield f"          {cases.ran_well} of them ran well{denied}"
    for why, examples in groupby(cases.examples, key=lambda example: example.why):
        named = ", ".join(f"{example.call} ({example.at:%m-%d %H:%M})" for example in examples)
        yield f"          {why}: {named}"
