"""Votes by people who are nobody here any more: they get the 401 that all get, and leave an entry in the audit.

Only what was somebody's credential leaves one, and little in an hour: whoever makes tokens up writes nothing. Of the
body nothing has been read by then, so the entry says that somebody tried, on which request, and not how.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

from aiohttp import web

from approvals.domain.audit import Act
from approvals.domain.model import PersonId
from approvals.storage.tx import Tx
from approvals.web.parts import PARTS, WebParts
from approvals.web.sessions import Shown, shown

KEPT_AN_HOUR = 10
"""Entries for each person, in each process."""
HOUR = timedelta(hours=1)
DISABLED, REMOVED = "your account is disabled", "your account was removed"


class FormerVotes:
    """Keeps votes on record that came with the credential of somebody who was removed or disabled."""

    def __init__(self) -> None:
        self._kept: dict[PersonId, deque[datetime]] = {}

    async def note(self, request: web.Request) -> None:
        """Keep a vote that was answered 401, if whose it was is known."""
        proof, parts = shown(request), request.app[PARTS]
        if proof is None:
            return
        id_ = request.match_info.get("id")

        def look(tx: Tx) -> tuple[PersonId, str, datetime] | None:
            whose = _whose(tx, parts, proof)
            if whose is None or (id_ is not None and tx.requests.get(id_) is None):
                return None
            return *whose, tx.now

        found = await parts.db.read(look)
        if found is not None and self._has_room(found[0], found[2]):
            person, why, _ = found
            await parts.db.write(lambda tx: _keep(tx, person, why, via=proof.via, request=id_))

    def _has_room(self, person: PersonId, now: datetime) -> bool:
        kept = self._kept.setdefault(person, deque(maxlen=KEPT_AN_HOUR))
        if len(kept) == KEPT_AN_HOUR and now - kept[0] < HOUR:
            return False
        kept.append(now)
        return True


FORMER = web.AppKey("placet_former_votes", FormerVotes)


def _whose(tx: Tx, parts: WebParts, proof: Shown) -> tuple[PersonId, str] | None:
    if (former := tx.people.former(proof.sha256)) is not None:
        return former, REMOVED
    if proof.via == "api":
        person = parts.directory.whose_token(tx, proof.sha256)
        return (person.id, DISABLED) if person is not None and person.disabled else None
    session = tx.people.session(proof.sha256)
    if session is None or session.expires_at <= tx.now:
        return None
    owner = parts.directory.person(tx, session.person)
    if owner is None:
        return session.person, REMOVED
    return (owner.id, DISABLED) if owner.disabled else None


def _keep(tx: Tx, person: PersonId, why: str, *, via: str, request: str | None) -> None:
    found = None if request is None else tx.requests.get(request)
    act = Act(
        action="request.vote_refused",
        actor=person,
        at=tx.now,
        via=via,
        request=None if found is None else found.id,
        subject=f"person:{person}",
        binding=None if found is None else found.binding,
        before=None if found is None else found.state.value,
        after=None if found is None else found.state.value,
        detail={"code": "unauthenticated", "why": why},
    )
    tx.record(act)
