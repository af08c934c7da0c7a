"""The endpoints under `/api/v1/policies` (contract.md 4): who may, what goes in, what comes out.

Reviewers, operators, admins and auditors read; only an operator saves. Reading and trying change nothing. Saving names
the version it was made from, so nobody overwrites what they have not seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from aiohttp import web

from approvals.access import Access, Handler, access
from approvals.storage.engine import Database
from approvals.storage.policies import PolicyVersion, VersionEntry
from approvals.storage.tx import Tx
from approvals.web.listing import limit_of, one_each, open_cursor, seal_cursor
from approvals.web.parts import PARTS
from approvals.web.problems import invalid, not_found
from approvals.web.routes import Endpoint
from approvals.web.sessions import VISITOR
from approvals.web.shape import View, answer, dumps, view
from gateway import in_force
from gateway.drafts import file_name
from gateway.policy.reading import is_json
from gateway.policy_page import models, showing
from gateway.policy_page.asking import check_may_read, number_of, server_of
from gateway.policy_page.replaying import Replaying
from gateway.policy_page.saving import Saving
from gateway.policy_page.trying import Trying
from gateway.recording import Recorder
from gateway.reload import Reloader
from gateway.settings import ServerSettings

ALL = "/api/v1/policies"
ONE = f"{ALL}/{{server}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyPage:
    """Makes the endpoints over the running parts."""

    db: Database
    reloader: Reloader
    recorder: Recorder

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The routes, for the table of the people's side."""
        saving, trying = Saving(db=self.db, reloader=self.reloader), Trying(db=self.db, reloader=self.reloader)
        replaying = Replaying(trying=trying, recorder=self.recorder)
        return (
            Endpoint(method="GET", path=ALL, handler=_person(self.list_policies), gives=models.PoliciesOut),
            Endpoint(method="GET", path=ONE, handler=_person(self.show_policy), gives=models.PolicyOut, refuses=(404,)),
            Endpoint(
                method="PUT",
                path=ONE,
                handler=_person(saving.save_policy),
                takes=models.SaveIn,
                gives=models.VersionOut,
                refuses=(404, 409, 428),
            ),
            Endpoint(
                method="POST",
                path=f"{ONE}/rollback",
                handler=_person(saving.roll_back),
                takes=models.RollbackIn,
                gives=models.VersionOut,
                refuses=(404, 409, 428),
            ),
            Endpoint(
                method="POST",
                path=f"{ONE}/check",
                handler=_person(trying.check_policy),
                takes=models.CheckIn,
                gives=models.CheckOut,
                refuses=(404,),
            ),
            Endpoint(
                method="POST",
                path=f"{ONE}/explain",
                handler=_person(trying.explain_call),
                takes=models.ExplainIn,
                gives=models.ExplainOut,
                refuses=(404,),
            ),
            Endpoint(
                method="POST",
                path=f"{ONE}/replay",
                handler=_person(replaying.replay_calls),
                takes=models.ReplayIn,
                gives=models.ReplayOut,
                refuses=(404,),
            ),
            Endpoint(
                method="GET",
                path=f"{ONE}/versions",
                handler=_person(self.list_versions),
                gives=models.VersionsOut,
                query=("limit", "cursor"),
                refuses=(404,),
            ),
            Endpoint(
                method="GET",
                path=f"{ONE}/versions/{{number}}",
                handler=_person(self.show_version),
                gives=models.VersionOut,
                refuses=(404,),
            ),
            Endpoint(
                method="GET",
                path=f"{ONE}/export",
                handler=_person(self.export_policy),
                query=("layer", "number"),
                refuses=(404,),
            ),
        )

    async def list_policies(self, request: web.Request) -> web.StreamResponse:
        """The policy of every server: which version is enforced, and whether a file or a saved version differs."""
        check_may_read(request)
        settings, not_taken = self.reloader.settings, self.reloader.not_taken
        standings = await asyncio.to_thread(in_force.standings, settings)
        shown = [
            showing.listed(settings, server, standings, not_taken.get(name))
            for name, server in settings.servers.items()
        ]
        return answer(request, dumps({"policies": shown, "next_cursor": None}))

    async def show_policy(self, request: web.Request) -> web.StreamResponse:
        """The policy of a server: every layer as it is enforced, with its file as it is now or its saved version."""
        check_may_read(request)
        server, person = server_of(request, self.reloader), request[VISITOR].person
        saved, names, newest = await self.db.read(lambda tx: _in_force(tx, request, server))
        whole = await asyncio.to_thread(
            showing.whole, self.reloader.settings, server, saved, self.reloader.not_taken.get(server.name), names.name
        )
        why_not = Saving(db=self.db, reloader=self.reloader).why_not(person, server)
        shown = {
            **whole,
            "newest": newest if server.page is not None else None,
            "may_save": why_not is None,
            "why_not": why_not,
        }
        return answer(request, dumps(shown), revision=newest)

    async def list_versions(self, request: web.Request) -> web.StreamResponse:
        """What was saved for a server, newest first."""
        check_may_read(request)
        server = server_of(request, self.reloader)
        query = one_each(request, frozenset({"limit", "cursor"}))
        limit, before = limit_of(query.get("limit")), _before(query.get("cursor"))

        def look(tx: Tx) -> tuple[list[VersionEntry], View]:
            found = list(tx.policies.list(server.name, before=before, limit=limit + 1))
            return found, _names(tx, request, found)

        found, names = await self.db.read(look)
        more = seal_cursor([str(found[limit - 1].number)]) if len(found) > limit else None
        shown = [showing.entry(one, server.page, names.name) for one in found[:limit]]
        return answer(request, dumps({"versions": shown, "next_cursor": more}))

    async def show_version(self, request: web.Request) -> web.StreamResponse:
        """One saved version with its text."""
        check_may_read(request)
        server = server_of(request, self.reloader)
        number = number_of(request.match_info["number"])
        found, names = await self.db.read(lambda tx: _one(tx, request, server.name, number))
        if found is None:
            raise not_found("version")
        return answer(request, dumps({**showing.entry(found, server.page, names.name), "text": found.text}))

    async def export_policy(self, request: web.Request) -> web.StreamResponse:
        """A layer as it is enforced, or a saved version (`number`), as the file it is, byte for byte."""
        check_may_read(request)
        server = server_of(request, self.reloader)
        query = one_each(request, frozenset({"layer", "number"}))
        if "number" in query:
            number = number_of(query["number"])
            found = await self.db.read(lambda tx: tx.policies.get(server.name, number))
            if found is None:
                raise not_found("version")
            text = found.text
        else:
            text = _enforced(server, query.get("layer"))
        kind = "application/json" if is_json(text, server.name) else "application/yaml"
        headers = {"Content-Disposition": f'attachment; filename="{file_name(server.name, text)}"'}
        return web.Response(body=text.encode(), content_type=kind, charset="utf-8", headers=headers)


def _person(handler: Handler) -> Handler:
    return access(Access.PERSON)(handler)


def _in_force(tx: Tx, request: web.Request, server: ServerSettings) -> tuple[PolicyVersion | None, View, int]:
    return *_one(tx, request, server.name, server.page or 0), tx.policies.number(server.name)


def _one(tx: Tx, request: web.Request, server: str, number: int) -> tuple[PolicyVersion | None, View]:
    found = tx.policies.get(server, number)
    return found, _names(tx, request, [found] if found is not None else [])


def _names(tx: Tx, request: web.Request, versions: Iterable[VersionEntry]) -> View:
    return view(tx, request.app[PARTS].directory, request[VISITOR].person, (one.by for one in versions))


def _before(cursor: str | None) -> int | None:
    return number_of(open_cursor(cursor, 1)[0]) if cursor else None


def _enforced(server: ServerSettings, layer: str | None) -> str:
    layers = server.policies
    if layer is None and len(layers) == 1:
        layer = "0"
    if layer is None or not (layer.isascii() and layer.isdigit() and len(layer) < 4 and int(layer) < len(layers)):
        raise invalid("layer", f"say which one, from 0 to {len(layers) - 1}" if layers else "the server has no policy")
    text = layers[int(layer)].text
    if not text:
        raise invalid("layer", "nothing is saved on this page yet")
    return text
