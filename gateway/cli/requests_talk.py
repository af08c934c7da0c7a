"""`placet requests reassign|snooze|cancel|comment|ask`: what people do around a decision, from a terminal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import click

from approvals.domain.model import ApprovalRequest, Cause, Person
from gateway.cli.common import config_option, json_option, run, say
from gateway.cli.requests_shown import get, shown
from gateway.cli.session import Session, as_option, opened
from gateway.policy.durations import duration

Act = Callable[[Session, Person], Awaitable[ApprovalRequest]]


@click.command()
@click.argument("request_id", metavar="ID")
@click.option("--to", "to", multiple=True, required=True, metavar="WHO", help="group:NAME or an address; repeatable.")
@click.option("--factor", type=click.IntRange(0, 100), help="Only this one of what it needs, counted from 0.")
@click.option("--note", help="Why, at most 500 characters; it is on the card and in the record.")
@as_option
@config_option
@json_option
def reassign(
    request_id: str,
    to: tuple[str, ...],
    factor: int | None,
    note: str | None,
    actor: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Let others decide in place of those whom you speak for."""

    async def act(session: Session, person: Person) -> ApprovalRequest:
        return await session.desk.reassign(request_id, by=person.id, to=to, factor=factor, note=note)

    _do(request_id, act, f"{request_id} is for others to decide now.", actor, config, as_json=as_json)


@click.command()
@click.argument("request_id", metavar="ID")
@click.option("--for", "lasts", required=True, metavar="DURATION", help="How long: 15m, 1h; `off` shows it again.")
@as_option
@config_option
@json_option
def snooze(request_id: str, lasts: str, actor: str | None, config: Path | None, as_json: bool) -> None:
    """Hide a request from your own queue for a while; its deadline stays."""
    try:
        hidden: timedelta | None = None if lasts == "off" else duration(lasts)
    except ValueError as err:
        raise click.BadParameter(str(err), param_hint="--for") from err
    words = f"{request_id} is in your queue again." if hidden is None else f"{request_id} is hidden for {lasts}."
    _do(
        request_id,
        lambda session, person: session.desk.snooze(request_id, by=person.id, lasts=hidden),
        words,
        actor,
        config,
        as_json=as_json,
    )


@click.command()
@click.argument("request_id", metavar="ID")
@click.option("--note", help="Why, at most 500 characters.")
@as_option
@config_option
@json_option
def cancel(request_id: str, note: str | None, actor: str | None, config: Path | None, as_json: bool) -> None:
    """Take a call back before it runs."""

    async def act(session: Session, person: Person) -> ApprovalRequest:
        return await session.desk.cancel(request_id, actor=person.id, cause=Cause.CANCELLED_BY_PERSON, note=note)

    _do(request_id, act, f"{request_id} is cancelled.", actor, config, as_json=as_json)


@click.command()
@click.argument("request_id", metavar="ID")
@click.option("--text", required=True, help="What the other people read, at most 500 characters; the agent does not.")
@as_option
@config_option
@json_option
def comment(request_id: str, text: str, actor: str | None, config: Path | None, as_json: bool) -> None:
    """Write a note for the other people."""

    async def act(session: Session, person: Person) -> ApprovalRequest:
        return await session.desk.comment(request_id, by=person.id, via="cli", text=text)

    _do(request_id, act, f"Noted on {request_id}.", actor, config, as_json=as_json)


@click.command()
@click.argument("request_id", metavar="ID")
@click.option("--question", required=True, help="What the agent is asked, at most 500 characters, quoted as data.")
@as_option
@config_option
@json_option
def ask(request_id: str, question: str, actor: str | None, config: Path | None, as_json: bool) -> None:
    """Ask the agent something; its call stays held, and `show` has what it answers."""

    async def act(session: Session, person: Person) -> ApprovalRequest:
        return await session.desk.ask(request_id, by=person.id, via="cli", text=question)

    _do(request_id, act, f"The agent of {request_id} is asked.", actor, config, as_json=as_json)


def _do(request_id: str, act: Act, words: str, actor: str | None, config: Path | None, *, as_json: bool) -> None:
    async def job() -> None:
        async with opened(config) as session:
            person = await session.actor(actor)
            await get(session, request_id, person)
            request = await act(session, person)
            (one,) = await shown(session, [request], person)
        say(one, words, as_json=as_json)

    run(job)
