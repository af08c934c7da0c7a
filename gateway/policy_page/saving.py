"""Saving the next version of a page, and bringing an earlier one back: the only changes there are.

A text is checked as it would be at the start of the service; what is wrong with it is told whole, and nothing is
saved. What is saved is in force in this process before the answer goes out, and in every other within a second.
"""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from approvals.domain.model import Person, Role
from approvals.storage.engine import Database
from approvals.storage.policies import Draft, PolicyVersion
from approvals.web import body
from approvals.web.parts import PARTS
from approvals.web.problems import Problem, invalid, not_found
from approvals.web.sessions import VISITOR
from approvals.web.shape import View, answer, dumps, view
from gateway import drafts
from gateway.drafts import managed_by_files
from gateway.policy.loaders import PolicyErrors
from gateway.policy_page import models, showing
from gateway.policy_page.asking import server_of
from gateway.reload import Reloader, known
from gateway.settings import ServerSettings

log = logging.getLogger(__name__)

SAVES = Role.OPERATOR
_TAG = re.compile(r"([0-9]{1,9})(?:-[0-9a-f]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """The endpoints that save."""

    db: Database
    reloader: Reloader

    def why_not(self, person: Person, server: ServerSettings) -> str | None:
        """Why a person may not save a version for a server, or None."""
        if server.page is None:
            return managed_by_files(self.reloader.settings, server)
        if SAVES not in person.roles:
            return "Saving a policy takes the operator role."
        return None

    async def save_policy(self, request: web.Request) -> web.StreamResponse:
        """Save the next version of a server's page, made from the version that `base` or `If-Match` names."""
        self._may_save(request)
        sent = await body.read(request, models.SaveIn)
        return await self._save(request, text=sent.text, base=_base(request, sent.base), note=sent.note, restores=None)

    async def roll_back(self, request: web.Request) -> web.StreamResponse:
        """Bring an earlier version of a server's page back, as a new one."""
        self._may_save(request)
        sent = await body.read(request, models.RollbackIn)
        server = server_of(request, self.reloader).name
        earlier = await self.db.read(lambda tx: tx.policies.get(server, sent.number))
        if earlier is None:
            raise not_found("version")
        base = _base(request, sent.base)
        return await self._save(request, text=earlier.text, base=base, note=sent.note, restores=earlier.number)

    def _may_save(self, request: web.Request) -> None:
        server, person = server_of(request, self.reloader), request[VISITOR].person
        if SAVES not in person.roles:
            raise Problem(403, "not_allowed", "You may not save a policy: that takes the operator role.")
        if server.page is None:
            raise Problem(409, "managed_by_files", managed_by_files(self.reloader.settings, server))

    async def _save(
        self, request: web.Request, *, text: str, base: int, note: str | None, restores: int | None
    ) -> web.StreamResponse:
        server, person = server_of(request, self.reloader).name, request[VISITOR].person
        people, _ = await self.db.read(known)
        try:
            await asyncio.to_thread(drafts.checked, self.reloader.settings, people, server, text)
        except PolicyErrors as err:
            raise _refused(err) from None
        draft = Draft(server=server, text=text, base=base, by=person.id, note=note or None, restores=restores)
        saved = await self.db.write(lambda tx: tx.policies.save(draft))
        if saved is None:
            raise await self._stale(request, server)
        log.info("policy saved", extra={"server": server, "number": saved.number, "by": person.id})
        await self.reloader.take_saved()
        return answer(request, dumps(await self._shown(request, saved)))

    async def _stale(self, request: web.Request, server: str) -> Problem:
        newest = await self.db.read(lambda tx: tx.policies.get(server, tx.policies.number(server)))
        if newest is None:
            return invalid("base", "nothing is saved yet, so a first version is made from 0")
        current = await self._shown(request, newest)
        detail = f"Version {newest.number} was saved by {current['name']} since you began. Yours is not saved yet."
        return Problem(409, "stale_version", detail, extra={"current": current})

    async def _shown(self, request: web.Request, version: PolicyVersion) -> dict[str, Any]:
        person, directory = request[VISITOR].person, request.app[PARTS].directory
        names: View = await self.db.read(lambda tx: view(tx, directory, person, (version.by,)))
        server = self.reloader.settings.servers[version.server]
        return {**showing.entry(version, server.page, names.name), "text": version.text}


def _base(request: web.Request, said: int | None) -> int:
    """The version that a change was made from, by the body or by `If-Match`."""
    tags = request.headers.getall("If-Match", [])
    if not tags:
        if said is None:
            detail = "Say which version yours was made from: `base` in the body, or the ETag in `If-Match`."
            raise Problem(428, "precondition_required", detail)
        return said
    found = _TAG.fullmatch(tags[0].removeprefix("W/").strip('"')) if len(tags) == 1 else None
    if found is None or (said is not None and said != int(found[1])):
        raise invalid("If-Match", "is not one ETag of the policy, or names another version than base")
    return int(found[1])


def _refused(err: PolicyErrors) -> Problem:
    found = showing.problems(err.problems)
    count = "1 problem" if len(found) == 1 else f"{len(found)} problems"
    first = found[0]
    detail = f"The text is not saved; it has {count}. Line {first['line']}: {first['message']}."
    errors = [{"field": one["pointer"] or "text", "detail": one["message"]} for one in found]
    return Problem(422, "invalid_policy", detail, extra={"field": "text", "errors": errors, "problems": found})
