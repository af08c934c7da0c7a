"""`placet requests`: the calls that wait, and the decisions on them, from a terminal.

The same desk, checks and ledger as the console and Slack; a decision names the binding that was printed.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from approvals.domain.fingerprint import canonical
from approvals.domain.model import Answer, ApprovalRequest, Decision, Person, State
from approvals.storage.requests import Query
from gateway.cli.common import DENIED, EXPIRED, USAGE, config_option, fail, json_option, run, say
from gateway.cli.requests_confirm import confirming
from gateway.cli.requests_expected import expected
from gateway.cli.requests_lines import edits, page
from gateway.cli.requests_shown import get, told_lines, told_of, whole
from gateway.cli.requests_shown import shown as listed
from gateway.cli.requests_similar import before, before_lines
from gateway.cli.requests_talk import ask, cancel, comment, reassign, snooze
from gateway.cli.session import Session, as_option, opened
from gateway.policy.durations import duration
from gateway.protocol.jsonrpc import Malformed
from gateway.protocol.strict import read

WATCH_SECONDS = 1.0
EVERY = "all"
SETTLED = frozenset(State) - {State.PENDING, State.APPROVED, State.EXECUTING}


@click.group()
def command() -> None:
    """List, show and decide the calls that wait.

    You act as the person of --as or $PLACET_PERSON, with that person's rights.
    """


for _one in (reassign, snooze, cancel, comment, ask, expected):
    command.add_command(_one)


@command.command(name="list")
@click.option("--state", type=click.Choice([*(state.value for state in State), EVERY]), help="Default: pending.")
@click.option("--all", "every", is_flag=True, help="Every state, newest first, like --state all.")
@click.option("--server")
@click.option("--tool")
@click.option("--agent")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@as_option
@config_option
@json_option
def list_(
    state: str | None,
    every: bool,
    server: str | None,
    tool: str | None,
    agent: str | None,
    limit: int,
    actor: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """List requests you may see."""
    every = every or state == EVERY
    states = frozenset() if every else frozenset({State(state or "pending")})
    query = Query(states=states, server=server, tool=tool, agent=agent, limit=limit, oldest_first=not every)

    async def job() -> None:
        async with opened(config) as session:
            person = await session.actor(actor)
            found = await session.desk.search(query, person)
            shown = await listed(session, found, person)
            lines = await told_lines(session, found)
        text = "\n".join(lines) or "No requests here."
        say({"requests": shown}, text, as_json=as_json)

    run(job)


@command.command()
@click.argument("request_id", metavar="ID")
@as_option
@config_option
@json_option
def show(request_id: str, actor: str | None, config: Path | None, as_json: bool) -> None:
    """Show a request whole."""

    async def job() -> None:
        async with opened(config) as session:
            person = await session.actor(actor)
            request = await get(session, request_id, person)
            await session.desk.saw(request, person)
            shown = await whole(session, request, person)
            (told,) = await told_of(session, [request])
            similar = await before(session, request, person)
        text = "\n".join([page(request, shown, told=told), *before_lines(similar)])
        say({**shown, "similar": similar}, text, as_json=as_json)

    run(job)


@command.command()
@click.argument("request_id", metavar="ID")
@click.option("--binding", help="Decide only this exact call, as `show` printed it (default: the call as it is now).")
@click.option("--reason", help="A word to the agent, at most 500 characters.")
@click.option("--raise", "lasts", metavar="DURATION", help="Raise the limits it goes over, too, for so long: 1h.")
@click.option(
    "--arguments",
    type=click.File("rb"),
    metavar="FILE",
    help="Let it run with the arguments in this JSON file instead (-: standard input); the agent is told.",
)
@click.option("--confirm", metavar="WORD", help="What is asked of who approves too fast: yes, or the tool's name.")
@as_option
@config_option
@json_option
def approve(
    request_id: str,
    binding: str | None,
    reason: str | None,
    lasts: str | None,
    arguments: Any,
    confirm: str | None,
    actor: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Approve a request; the call runs when its agent is there for it."""
    edited = None if arguments is None else _arguments(arguments.read())
    try:
        raise_for = None if lasts is None else duration(lasts)
    except ValueError as err:
        raise click.BadParameter(str(err), param_hint="--raise") from err
    said = Said(
        answer=Answer.APPROVE,
        binding=binding,
        reason=reason,
        raise_for=raise_for,
        arguments=edited,
        confirm=confirm,
    )
    _decide(request_id, said, actor, config, as_json=as_json)


@command.command()
@click.argument("request_id", metavar="ID")
@click.option("--binding", help="Decide only this exact call, as `show` printed it (default: the call as it is now).")
@click.option("--reason", help="What the agent is told, at most 500 characters.")
@as_option
@config_option
@json_option
def deny(
    request_id: str, binding: str | None, reason: str | None, actor: str | None, config: Path | None, as_json: bool
) -> None:
    """Deny a request; it will not run."""
    _decide(request_id, Said(answer=Answer.DENY, binding=binding, reason=reason), actor, config, as_json=as_json)


@command.command()
@click.argument("request_id", metavar="ID")
@click.option("--by", default="15m", show_default=True, metavar="DURATION", help="How much longer: 30s, 15m, 2h, 1d.")
@as_option
@config_option
@json_option
def extend(request_id: str, by: str, actor: str | None, config: Path | None, as_json: bool) -> None:
    """Give people more time to decide."""
    try:
        longer = duration(by)
    except ValueError as err:
        raise click.BadParameter(str(err), param_hint="--by") from err

    async def job() -> None:
        async with opened(config) as session:
            person = await session.actor(actor)
            await get(session, request_id, person)
            request = await session.desk.extend(request_id, reviewer=person.id, by=longer)
            (shown,) = await listed(session, [request], person)
        say(shown, f"{request.id} can be decided until {request.expires_at:%Y-%m-%d %H:%M:%S} UTC.", as_json=as_json)

    run(job)


@command.command()
@click.option("--timeout", default=None, metavar="DURATION", help="Stop after this long (default: run until Ctrl-C).")
@click.argument("request_id", metavar="[ID]", required=False)
@as_option
@config_option
@json_option
def watch(timeout: str | None, request_id: str | None, actor: str | None, config: Path | None, as_json: bool) -> None:
    """Print requests as they change; with an ID, until that one ends.

    With an ID the exit code says how it ended: 0 ran, 3 denied or cancelled, 4 expired, 1 otherwise.
    """
    until = datetime.now(UTC) + (duration(timeout) if timeout else timedelta(days=3650))

    async def job() -> int:
        async with opened(config) as session:
            person = await session.actor(actor)
            return await _watch(session, person, request_id, until, as_json=as_json)

    sys.exit(run(job))


async def _watch(session: Session, person: Person, only: str | None, until: datetime, *, as_json: bool) -> int:
    if only is not None:
        await get(session, only, person)
    query = Query(limit=200)
    known: dict[str, int] = {}
    while datetime.now(UTC) < until:
        found = [await get(session, only, person)] if only else await session.desk.search(query, person)
        for request in reversed(found):
            if known.get(request.id) != request.revision:
                known[request.id] = request.revision
                (shown,) = await listed(session, [request], person)
                (text,) = await told_lines(session, [request])
                say(shown, text, as_json=as_json)
        if only and found[0].state in SETTLED:
            return _exit_code(found[0])
        await asyncio.sleep(WATCH_SECONDS)
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What was said to a request. Without a binding it is said to the call as it is now."""

    answer: Answer
    binding: str | None
    reason: str | None
    raise_for: timedelta | None = None
    arguments: bytes | None = None
    confirm: str | None = None


def _decide(request_id: str, said: Said, actor: str | None, config: Path | None, *, as_json: bool) -> None:
    async def job() -> None:
        async with opened(config) as session:
            person = await session.actor(actor)
            current = await get(session, request_id, person)
            decision = Decision(
                reviewer=person.id,
                answer=said.answer,
                binding=said.binding or current.binding,
                via="cli",
                reason=said.reason,
                raise_for=said.raise_for,
                arguments=said.arguments,
                confirm=said.confirm,
            )
            request = await confirming(session.desk, request_id, decision)
            (shown,) = await listed(session, [request], person)
        changed = [f"  {one.words()}" for one in edits(shown)] if said.arguments is not None else []
        say(shown, "\n".join([f"{request.id} is {request.state}.", *changed]), as_json=as_json)

    run(job)


def _arguments(body: bytes) -> bytes:
    value = read(body)
    if isinstance(value, Malformed):
        fail(f"The arguments cannot be read: {value.message}", USAGE)
    if not isinstance(value, dict):
        fail('Arguments are one JSON object, such as {"amount": 50}.', USAGE)
    try:
        return canonical(value)
    except ValueError as err:
        fail(f"The arguments have no exact form ({err}).", USAGE)


def _exit_code(request: ApprovalRequest) -> int:
    if request.state is State.SUCCEEDED:
        return 0
    if request.state in {State.DENIED, State.CANCELLED}:
        return DENIED
    return EXPIRED if request.state is State.EXPIRED else 1
