"""`placet requests expected`: whether what came of a call was what a person expected."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.common import config_option, json_option, run, say
from gateway.cli.requests_shown import shown
from gateway.cli.session import as_option, opened


@click.command()
@click.argument("request_id", metavar="ID")
@click.option("--yes/--no", "as_expected", default=None, help="Was it as expected?")
@click.option("--note", help="A word to the other people, at most 500 characters.")
@as_option
@config_option
@json_option
def expected(
    request_id: str, as_expected: bool | None, note: str | None, actor: str | None, config: Path | None, as_json: bool
) -> None:
    """Say whether the outcome of a call was as expected; again, to change it."""
    if as_expected is None:
        raise click.UsageError("Say --yes or --no: was the outcome as expected?")

    async def job() -> None:
        async with opened(config) as session:
            person = await session.actor(actor)
            request = await session.desk.expect(
                request_id, person=person.id, as_expected=as_expected, words=note, via="cli"
            )
            (written,) = await shown(session, [request], person)
        word = "as expected" if as_expected else "not as expected"
        say(written, f"{request.id}: the outcome was {word}, says {person.id}.", as_json=as_json)

    run(job)
