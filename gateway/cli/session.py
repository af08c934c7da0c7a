"""The database and the desk for a command: the same checks as the API, on the database directly.

A running service sees the change within a second. Who acts is `--as` or $PLACET_PERSON.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from approvals.acting import Actor
from approvals.break_glass import BreakGlass
from approvals.bus import bus_for
from approvals.desk import Desk
from approvals.directory import Directory
from approvals.domain.model import Person
from approvals.stops import Stops
from approvals.storage.engine import Database
from gateway.cli.common import USAGE, config_file, fail, operator
from gateway.config import ConfigErrors
from gateway.desks import holder, new_id, routes_of, surroundings_of, telling_of
from gateway.edits import Edits
from gateway.judge import Judge
from gateway.limits import Limits
from gateway.settings import ServerSettings, Settings, claim_rules, policies_for
from gateway.start import load

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What a command works with."""

    settings: Settings
    db: Database
    desk: Desk
    stops: Stops
    break_glass: BreakGlass

    def somebody(self, given: str | None) -> Actor:
        """Who acts where no person is needed: who is named, with their rights; else the account on this machine."""
        name = given or os.environ.get("PLACET_PERSON")
        return Actor(id=name.lower(), via="cli") if name else on_this_machine()

    async def actor(self, given: str | None) -> Person:
        """The person who acts."""
        name = given or os.environ.get("PLACET_PERSON")
        if not name:
            fail("Who are you? Give --as EMAIL, or set PLACET_PERSON.", USAGE)
        person = await self.db.read(lambda tx: self.desk.directory.person(tx, name))
        if person is None:
            fail(f"There is no person {name}. `placet people list` shows who there is.", USAGE)
        return person


def on_this_machine() -> Actor:
    """The account that this command runs under."""
    return Actor(id=operator(), via="cli")


@asynccontextmanager
async def opened(config: Path | None) -> AsyncIterator[Session]:
    """Load the configuration and open its database."""
    file = config_file(config)
    try:
        settings = await load(file, os.environ)
    except ConfigErrors as err:
        fail(str(err))
    async with settings.store.opened() as db:
        directory = Directory(settings.people, settings.person_tokens, claim_rules(settings))
        directory.groups = settings.groups
        desk = Desk(
            db=db,
            bus=bus_for(db),
            directory=directory,
            new_id=new_id,
            holder=holder(),
            caps=settings.approvals.caps,
            routes=routes_of(settings, directory),
            friction=settings.approvals.friction,
        )
        desk.telling = telling_of(settings, directory)
        desk.edits = _edits(db, settings)
        around = surroundings_of(lambda: settings)
        glass = BreakGlass(desk, around, lambda: settings.break_glass.mode)
        yield Session(settings=settings, db=db, desk=desk, stops=Stops(desk, around), break_glass=glass)


def _edits(db: Database, settings: Settings) -> Edits:
    def server(agent: str, name: str) -> ServerSettings | None:
        known = settings.servers.get(name)
        return None if known is None else replace(known, policies=policies_for(settings, name, agent))

    return Edits(db=db, judge=Judge(settings.approvals.defaults), limits=Limits(db), server=server)


def as_option(function: F) -> F:
    """The option that says who acts."""
    return click.option("--as", "actor", metavar="EMAIL", help="Act as this person (or set PLACET_PERSON).")(function)
