"""`placet people away|back`: who is away, and who decides for them meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from approvals.absences import Absences
from approvals.domain import absent
from approvals.domain.absent import Absence
from gateway.cli.common import config_option, json_option, run, say
from gateway.cli.session import as_option, opened


def _moment(_ctx: click.Context, _param: click.Parameter, text: str | None) -> datetime | None:
    """The moment that was typed, in UTC where it names no zone."""
    if text is None:
        return None
    try:
        return absent.moment(text, datetime.now(UTC))
    except ValueError as err:
        raise click.BadParameter(str(err)) from None


@click.command()
@click.argument("email")
@click.option(
    "--until",
    required=True,
    callback=_moment,
    metavar="TIME",
    help="3d, 2w, a day, or a time; UTC where it names no zone.",
)
@click.option("--from", "since", callback=_moment, metavar="TIME", help="When it begins; now, unless said.")
@click.option("--to", metavar="EMAIL", help="The delegate: their word counts in place of the absent one's.")
@as_option
@config_option
@json_option
def away(
    email: str,
    until: datetime,
    since: datetime | None,
    to: str | None,
    actor: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Note that a person is away; what waits for them goes to their delegate too."""

    async def job() -> None:
        async with opened(config) as session:
            who = session.somebody(actor)
            made = await Absences(session.desk).begin(email, until=until, since=since, to=to, actor=who)
        say(shown(made), told(made), as_json=as_json)

    run(job)


@click.command()
@click.argument("email")
@as_option
@config_option
@json_option
def back(email: str, actor: str | None, config: Path | None, as_json: bool) -> None:
    """Note that a person is back: their delegate's word is their own again."""

    async def job() -> None:
        async with opened(config) as session:
            await Absences(session.desk).end(email, actor=session.somebody(actor))
        say({"back": email.lower()}, f"{email.lower()} is back.", as_json=as_json)

    run(job)


def shown(absence: Absence) -> dict[str, str | None]:
    """An absence as JSON data."""
    ends = {"since": absence.since.isoformat(), "until": absence.until.isoformat()}
    return {"person": absence.person, **ends, "to": absence.to}


def told(absence: Absence) -> str:
    """An absence in a sentence."""
    to = f"{absence.to} decides for them" if absence.to else "nobody decides for them"
    span = f"from {absence.since:%Y-%m-%d %H:%M} to {absence.until:%Y-%m-%d %H:%M} UTC"
    return f"{absence.person} is away {span}; {to}."
