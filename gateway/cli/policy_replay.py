"""`placet policy replay`: what a policy would have made of the calls that were recorded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from gateway.cli.benches import layers, opened_bench, period
from gateway.cli.common import FAILED, config_option, fail, json_option, run, say
from gateway.cli.progress import Progress
from gateway.cli.replay_text import text
from gateway.policy.replayed import Replay
from gateway.policy.replaying import Assume, Change
from gateway.replays import replay


@click.command()
@click.argument("new", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--server", required=True, help="The server whose calls are judged again.")
@click.option("--layer", help="Which layer of several NEW takes the place of: its file, or `page`.")
@click.option("--since", default="7d", show_default=True, help="From when on: 7d, 12h, or a date and time.")
@click.option("--until", help="Before when: 1d ago, or a date and time (default: now).")
@click.option(
    "--assume",
    type=click.Choice([one.value for one in Assume]),
    default=Assume.APPROVED.value,
    show_default=True,
    help="What people would have said where they would newly be asked.",
)
@click.option("--limit", type=click.IntRange(0, 100), default=3, show_default=True, help="Examples of each change.")
@click.option(
    "--fail-on",
    "fail_on",
    multiple=True,
    type=click.Choice(["newly-allowed", "newly-asked", "newly-denied", "not-judged"]),
    help="End with 1 if there is any such call; may be given several times.",
)
@config_option
@json_option
def command(
    new: Sequence[Path],
    server: str,
    layer: str | None,
    since: str,
    until: str | None,
    assume: str,
    limit: int,
    fail_on: Sequence[str],
    config: Path | None,
    as_json: bool,
) -> None:
    """Judge the recorded calls of a server again by policy NEW, and say what would change.

    NEW takes the place of the server's layer of that file, of the one of --layer, or of its only one; several files
    are all its layers.
    Nothing is changed, sent or counted. Arguments are needed for rules that look at them: see recording.arguments.
    """

    async def job() -> Replay:
        async with opened_bench(config) as (session, bench):
            policies = layers(session.settings, server, new, layer)
            return await replay(
                bench,
                server,
                policies,
                period(since, until),
                assume=Assume(assume),
                examples=limit,
                progress=Progress(),
            )

    found = run(job)
    say(found.as_json(), text(found), as_json=as_json)
    bad = [name for name in fail_on if found.count(Change(name.replace("-", "_")))]
    if bad:
        fail(f"There are calls {' and '.join(bad)} (--fail-on).", FAILED)
