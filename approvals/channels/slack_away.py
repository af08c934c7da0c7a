"""`/approvals away 2d @bob` and `/approvals back`: what people type in Slack about being away.

Only about themselves; whose right it is to say so, and what a delegate may be, is judged by `absences`.
"""

from __future__ import annotations

import re

from approvals.absences import Absences
from approvals.acting import Actor
from approvals.channels.slack_parts import Json
from approvals.channels.slack_telling import private
from approvals.desk import Desk
from approvals.domain import absent
from approvals.domain.model import Person
from approvals.domain.plain import visible
from approvals.errors import Invalid, NotFound

USAGE = "Type “away 2d”, “away 2026-12-01 @somebody” to name who decides for you meanwhile, or “back”."
WORDS = ("away", "back")
_MENTION = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>")


async def command(desk: Desk, person: Person, text: str, *, via: str) -> Json:
    """Do what a person typed; what only they are told.

    Raises:
        NotPermitted, NotFound, Invalid: it cannot be, and why.
    """
    word, *more = text.split()
    acts, actor = Absences(desk), Actor(id=person.id, via=via)
    if word == "back":
        await acts.end(person.id, actor=actor)
        return private("Welcome back. Your delegate, if you had one, decides for you no more.")
    if not 1 <= len(more) <= 2:
        return private(USAGE)
    now = await desk.db.read(lambda tx: tx.now)
    try:
        until = absent.moment(more[0], now)
    except ValueError as err:
        raise Invalid(field="until", why=str(err)) from None
    to = await _delegate(desk, more[1]) if len(more) == 2 else None
    made = await acts.begin(person.id, until=until, to=to.id if to is not None else None, actor=actor)
    meanwhile = f"{visible(to.label)} decides for you" if to is not None else "nobody decides for you"
    return private(f"You are away until {made.until:%Y-%m-%d %H:%M} UTC; meanwhile {meanwhile}. “back” ends it.")


async def _delegate(desk: Desk, word: str) -> Person:
    """Whom a person means: a mention of somebody linked, or an address."""
    mention = _MENTION.fullmatch(word)
    if mention is not None:
        found = await desk.db.read(lambda tx: desk.directory.by_slack(tx, mention[1]))
    else:
        found = await desk.db.read(lambda tx: desk.directory.person(tx, word.lstrip("@")))
    if found is None:
        raise NotFound(what="person", name=visible(word))
    return found
