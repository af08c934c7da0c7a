"""`placet servers login` and `logout`: signing in to upstream servers that want a person's consent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click

from approvals.bus import bus_for
from approvals.domain.model import Role
from gateway.cli.common import DENIED, config_option, fail, json_option, run, say
from gateway.cli.session import Session, as_option, opened
from gateway.desks import holder
from gateway.keys import load
from gateway.oauth.signin import SignIns
from gateway.oauth.upstreams import UpstreamOauth


@click.command()
@click.argument("name")
@as_option
@config_option
@json_option
def login(name: str, actor: str | None, config: Path | None, as_json: bool) -> None:
    """Print the link that signs Placet in to a server (oauth with grant authorization_code).

    Open it in a browser within ten minutes, while the service runs: it takes the answer.
    """

    async def job() -> None:
        async with _ready(config, actor) as (sign_ins, person):
            begun = await sign_ins.begin(name, by=person)
        value = {"server": begun.server, "url": begun.url, "expires_at": begun.expires_at.isoformat()}
        say(value, f"Open this within ten minutes to sign Placet in to {name}:\n\n  {begun.url}\n", as_json=as_json)

    run(job)


@click.command()
@click.argument("name")
@as_option
@config_option
@json_option
def logout(name: str, actor: str | None, config: Path | None, as_json: bool) -> None:
    """Forget the tokens for a server; a running service does so within half a minute."""

    async def job() -> None:
        async with _ready(config, actor) as (sign_ins, _):
            gone = await sign_ins.sign_out(name)
        text = f"The tokens for {name} are forgotten." if gone else f"There are no tokens for {name}."
        say({"server": name, "signed_out": gone}, text, as_json=as_json)

    run(job)


@asynccontextmanager
async def _ready(config: Path | None, actor: str | None) -> AsyncIterator[tuple[SignIns, str]]:
    async with opened(config) as session:
        person = await session.actor(actor)
        if not person.roles & {Role.OPERATOR, Role.ADMIN}:
            fail("Signing in to servers takes the operator or admin role.", DENIED)
        try:
            yield _sign_ins(session), str(person.id)
        except ValueError as err:
            fail(str(err))


def _sign_ins(session: Session) -> SignIns:
    settings = session.settings
    part = UpstreamOauth(
        db=session.db,
        bus=bus_for(session.db),
        holder=holder(),
        keys=lambda: load(settings.keys_file),
        run=lambda job: job,
    )
    return part.sign_ins(public_url=settings.public_url, servers=lambda: settings.servers)
