"""The browsers that people are notified in: kept sealed, and added and taken away by themselves over REST.

What is sealed opens only under the key file that messages are signed with, too: a browser takes messages of that one
sender, so where the key file was replaced it has to subscribe anew, and is forgotten.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from aiohttp import web
from pydantic import Field

from approvals.access import Access, access
from approvals.channels.push import Subscribed
from approvals.channels.web_push import ENDPOINT_MOST, Browser, Sender, browser_of
from approvals.errors import Invalid, NotThere
from approvals.storage.engine import Database, Tx
from approvals.web import body
from approvals.web.bodies import Model, Text, Time
from approvals.web.models import Empty
from approvals.web.routes import Endpoint
from approvals.web.sessions import VISITOR
from approvals.web.shape import answer, dumps, moment
from gateway.keys import Keys
from gateway.sealing import seal, unseal
from gateway.settings import PushSettings, Settings

PATH = "/api/v1/me/push"
BROWSERS_MOST = 10
"""Browsers of one person; the one that was added first makes room."""
_KIND = "placet/push/1"


class KeysIn(Model):
    """What messages to a browser are encrypted with, as it says itself."""

    p256dh: Text
    auth: Text


class BrowserIn(Model):
    """A browser to notify, as `PushSubscription.toJSON()` gives it, less `expirationTime`."""

    endpoint: Annotated[str, Field(max_length=ENDPOINT_MOST)]
    keys: KeysIn


class BrowserOut(Model):
    """A browser of yours. `service` is the host that brings messages to it."""

    id: str
    service: str
    since: Time


class BrowsersOut(Model):
    """Your browsers, and the key that they subscribe with (`applicationServerKey`, base64url)."""

    key: str
    browsers: list[BrowserOut]


@dataclass(frozen=True, slots=True)
class Push:
    """Keeps browsers, and says who the sender of their messages is."""

    db: Database
    sender: Sender
    key: bytes = field(repr=False)
    services: frozenset[str] = frozenset()

    async def of(self, person: str) -> Sequence[Subscribed]:
        """The browsers of a person."""
        return [Subscribed(id=id, browser=browser) for id, browser, _ in await self._known(person)]

    async def gone(self, id: str) -> None:
        """Forget a browser that takes no more."""

        def work(tx: Tx) -> None:
            row = tx.browsers.one(id)
            if row is not None and tx.browsers.forget(id):
                tx.did("push.gone", "push", subject=f"person:{row.person}", browser=id)

        await self.db.write(work)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The routes, for the table of the people's side."""
        for handler in (self.list_browsers, self.add, self.remove):
            access(Access.PERSON)(handler)
        return (
            Endpoint(method="GET", path=PATH, handler=self.list_browsers, gives=BrowsersOut),
            Endpoint(method="POST", path=PATH, handler=self.add, takes=BrowserIn, gives=BrowserOut),
            Endpoint(
                method="DELETE", path=f"{PATH}/{{id}}", handler=self.remove, takes=Empty, gives=None, refuses=(404,)
            ),
        )

    async def list_browsers(self, request: web.Request) -> web.StreamResponse:
        """The browsers that you are notified in."""
        known = await self._known(request[VISITOR].person.id)
        shown = [{"id": id, "service": browser.service, "since": moment(since)} for id, browser, since in known]
        return answer(request, dumps({"key": self.sender.public, "browsers": shown}))

    async def add(self, request: web.Request) -> web.StreamResponse:
        """Notify you in a browser, too: what waits for you, by its id and risk."""
        sent, visitor = await body.read(request, BrowserIn), request[VISITOR]
        try:
            browser = browser_of(sent.endpoint, sent.keys.p256dh, sent.keys.auth, services=self.services)
        except ValueError as err:
            name, _, why = str(err).partition(": ")
            raise Invalid(field=name, why=why) from None
        id, person = _name(browser.endpoint), visitor.person.id
        sealed = seal(self.key, json.dumps(sent.model_dump()).encode(), bound=(_KIND, id, person))

        def work(tx: Tx) -> datetime:
            if tx.browsers.put(id, person=person, sealed=sealed, most=BROWSERS_MOST):
                said = {"browser": id, "service": browser.service}
                tx.did("push.added", person, subject=f"person:{person}", via=visitor.via, **said)
            return tx.now

        since = await self.db.write(work)
        return answer(request, dumps({"id": id, "service": browser.service, "since": moment(since)}))

    async def remove(self, request: web.Request) -> web.StreamResponse:
        """Notify you no more in one of your browsers."""
        await body.read(request, Empty)
        id, visitor = request.match_info["id"], request[VISITOR]

        def work(tx: Tx) -> None:
            row = tx.browsers.one(id)
            if row is None or row.person != visitor.person.id or not tx.browsers.forget(id):
                raise NotThere(what="browser", name=id)
            tx.did("push.removed", row.person, subject=f"person:{row.person}", via=visitor.via, browser=id)

        await self.db.write(work)
        return web.Response(status=204)

    async def _known(self, person: str) -> list[tuple[str, Browser, datetime]]:
        """The browsers of a person with since when; what opens no longer is forgotten."""
        found = []
        for row in await self.db.read(lambda tx: tx.browsers.of(person)):
            opened = unseal(self.key, row.sealed, bound=(_KIND, row.id, row.person))
            if opened is None:
                await self.gone(row.id)
                continue
            said = BrowserIn.model_validate_json(opened)
            browser = Browser(endpoint=said.endpoint, p256dh=said.keys.p256dh, auth=said.keys.auth)
            found.append((row.id, browser, row.created_at))
        return found


def push_of(settings: Settings, db: Database, keys: Keys) -> Push | None:
    """What is configured; None where it is not."""
    said = settings.push
    if said is None:
        return None
    sender = Sender(keys.for_purpose("push-sender"), _contact(said, settings.public_url))
    return Push(db, sender, keys.for_purpose("push"), said.services)


def _contact(said: PushSettings, public_url: str) -> str | None:
    if said.contact is not None:
        return said.contact
    return public_url if public_url.startswith("https:") else None


def _name(endpoint: str) -> str:
    return hashlib.sha256(endpoint.encode()).hexdigest()[:32]
