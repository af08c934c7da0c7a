"""`placet people`: who decides, their sign-in links and tokens."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from approvals import tokens
from approvals.domain.model import Person, PersonId, Role
from approvals.domain.quiet import Quiet, quiet
from approvals.roster import Roster
from gateway.cli.away import away, back
from gateway.cli.common import config_option, fail, json_option, run, say
from gateway.cli.session import as_option, opened


@click.group()
def command() -> None:
    """Add people, make sign-in links and tokens.

    People of the configuration file are changed there; these commands are for the others. You act as the person of
    --as or $PLACET_PERSON, who must be admin, else as the account on this machine.
    """


@command.command()
@click.argument("email")
@click.option("--name", help="The name to show.")
@click.option("--role", "roles", multiple=True, type=click.Choice([role.value for role in Role]), help="Repeat it.")
@click.option("--group", "groups", multiple=True, help="A group that rules can ask; repeat it.")
@click.option("--slack", "slack", multiple=True, metavar="U…", help="A Slack user id; repeat it.")
@click.option("--quiet", "hours", metavar="22:00-07:00", help="When what can wait waits until its end.")
@click.option("--tz", metavar="ZONE", help="The zone of the quiet hours: Europe/Athens. UTC, unless said.")
@as_option
@config_option
@json_option
def add(
    email: str,
    name: str | None,
    roles: tuple[str, ...],
    groups: tuple[str, ...],
    slack: tuple[str, ...],
    hours: str | None,
    tz: str | None,
    actor: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Add a person, or give one that was added other roles, groups and Slack ids."""
    person = Person(
        id=PersonId(email.lower()),
        name=name or "",
        roles=frozenset(Role(role) for role in roles) or frozenset({Role.REVIEWER}),
        groups=frozenset(groups),
        slack=frozenset(slack),
        quiet=_quiet(hours, tz),
    )

    async def job() -> None:
        async with opened(config) as session:
            await Roster(session.desk).save(person, actor=session.somebody(actor))
        _print(person, "is added", as_json=as_json)

    run(job)


@command.command(name="list")
@config_option
@json_option
def list_(config: Path | None, as_json: bool) -> None:
    """List everybody, of the file and of the database."""

    async def job() -> None:
        async with opened(config) as session:
            people = await session.db.read(session.desk.directory.people)
            configured = session.settings.people
        shown = [_shown(p) | {"source": "config" if p.id in configured else "added"} for _, p in sorted(people.items())]
        text = (
            "\n".join(_line(one) for one in shown)
            or "Nobody yet. `placet people add EMAIL --group team` adds somebody."
        )
        say({"people": shown}, text, as_json=as_json)

    run(job)


@command.command()
@click.argument("email")
@as_option
@config_option
@json_option
def remove(email: str, actor: str | None, config: Path | None, as_json: bool) -> None:
    """Remove a person and end their sessions; their votes on calls not yet run count no more."""

    async def job() -> None:
        async with opened(config) as session:
            await Roster(session.desk).remove(email, actor=session.somebody(actor))
        say({"removed": email.lower()}, f"{email.lower()} is removed.", as_json=as_json)

    run(job)


@command.command(name="login-link")
@click.argument("email")
@as_option
@config_option
@json_option
def login_link(email: str, actor: str | None, config: Path | None, as_json: bool) -> None:
    """Print a link that signs a person in once, within 15 minutes."""

    async def job() -> None:
        async with opened(config) as session:
            if not session.settings.local_login:
                fail("One-time links are switched off (login.local: false): people sign in with the identity provider.")
            path = await Roster(session.desk).login_link(email, actor=session.somebody(actor))
            url = session.settings.public_url + path
        say({"url": url}, url, as_json=as_json)

    run(job)


@command.command()
@click.argument("email")
@as_option
@config_option
@json_option
def unlink(email: str, actor: str | None, config: Path | None, as_json: bool) -> None:
    """Forget by which account of the identity provider a person is known, and end their sessions.

    Whoever signs in next with their verified address is them.
    """

    async def job() -> None:
        async with opened(config) as session:
            await Roster(session.desk).unlink(email, actor=session.somebody(actor))
        text = f"{email.lower()} is signed out, and free for another account of the identity provider."
        say({"unlinked": email.lower()}, text, as_json=as_json)

    run(job)


@command.command()
@click.argument("email")
@as_option
@config_option
@json_option
def token(email: str, actor: str | None, config: Path | None, as_json: bool) -> None:
    """Print a new API token of a person, once; the one before it ends."""

    async def job() -> None:
        key = PersonId(email.lower())
        async with opened(config) as session:
            if key in session.settings.people:
                fresh = tokens.make(tokens.Kind.PERSON, secrets.token_bytes(tokens.RANDOM_BYTES))
                there = f"{key} is in the configuration file. Put this there, and reload:"
                text = f"{fresh.text}\n\n{there}\n  token_sha256: {fresh.sha256}"
                say({"token": fresh.text, "token_sha256": fresh.sha256}, text, as_json=as_json)
                return
            made = await Roster(session.desk).token(email, actor=session.somebody(actor))
        say({"token": made}, made, as_json=as_json)

    run(job)


def _quiet(hours: str | None, tz: str | None) -> Quiet | None:
    if hours is None:
        return None
    try:
        return quiet(hours, tz or "UTC")
    except ValueError as err:
        raise click.BadParameter(str(err), param_hint="--quiet") from None


def _shown(person: Person) -> dict[str, Any]:
    return {
        "id": person.id,
        "name": person.name,
        "roles": sorted(person.roles),
        "groups": sorted(person.groups),
        "slack": sorted(person.slack),
        "quiet": str(person.quiet) if person.quiet is not None else None,
        "disabled": person.disabled,
    }


def _line(person: dict[str, Any]) -> str:
    roles, groups = ", ".join(person["roles"]) or "no role", ", ".join(person["groups"]) or "no group"
    slack = f", Slack {', '.join(person['slack'])}" if person["slack"] else ""
    hours = f", quiet {person['quiet']}" if person["quiet"] else ""
    return f"{person['id']:<32} {person['name']:<20} {roles}; {groups}{slack}{hours} ({person['source']})"


def _print(person: Person, what: str, *, as_json: bool) -> None:
    roles, groups = ", ".join(sorted(person.roles)), ", ".join(sorted(person.groups)) or "no group"
    say(_shown(person), f"{replace(person).label} {what}: {roles}; {groups}.", as_json=as_json)


command.add_command(away)
command.add_command(back)
