"""Being away, over REST: for oneself any reviewer, for others admins."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aiohttp import web

from approvals.absences import Absences
from approvals.access import Access, access
from approvals.domain import absent
from approvals.domain.absent import Absence
from approvals.domain.model import Person
from approvals.errors import Invalid
from approvals.web import body
from approvals.web.models import Empty
from approvals.web.models_when import AwayIn
from approvals.web.parts import PARTS
from approvals.web.sessions import VISITOR, actor_of
from approvals.web.shape import answer, dumps, moment


@access(Access.PERSON)
async def begin(request: web.Request) -> web.StreamResponse:
    """Note that a person is away, and who decides for them."""
    sent = await body.read(request, AwayIn)
    parts = request.app[PARTS]
    now = await parts.db.read(lambda tx: tx.now)
    made = await Absences(parts.desk).begin(
        request.match_info["id"],
        until=_moment("until", sent.until, now),
        since=_moment("since", sent.since, now) if sent.since is not None else None,
        to=sent.to,
        actor=actor_of(request[VISITOR]),
    )
    return answer(request, dumps(away_body(made)))


@access(Access.PERSON)
async def end(request: web.Request) -> web.StreamResponse:
    """Note that a person is back."""
    await body.read(request, Empty)
    await Absences(request.app[PARTS].desk).end(request.match_info["id"], actor=actor_of(request[VISITOR]))
    return web.Response(status=204)


def _moment(field: str, text: str, now: datetime) -> datetime:
    try:
        return absent.moment(text, now)
    except ValueError as err:
        raise Invalid(field=field, why=str(err)) from None


def hours_body(person: Person, absence: Absence | None, now: datetime) -> dict[str, Any]:
    """When a person can be asked, as the lists of people show it."""
    hours = person.quiet
    return {
        "away": away_body(absence),
        "quiet": {"hours": hours.span, "tz": hours.zone} if hours is not None else None,
        "available_at": moment(absent.available_at(absence, hours, now)),
    }


def away_body(absence: Absence | None) -> dict[str, Any] | None:
    """An absence as the API shows it."""
    if absence is None:
        return None
    return {"since": moment(absence.since), "until": moment(absence.until), "to": absence.to}
