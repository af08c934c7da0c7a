"""What proves what happened: the audit chain to read, receipts to take away, and the key that checks both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from approvals.access import Access, access
from approvals.domain import quorum
from approvals.domain.audit import Entry, stamp
from approvals.domain.model import Person
from approvals.domain.receipt import has_receipt
from approvals.notary import Notary
from approvals.storage.tx import Tx
from approvals.web import problems
from approvals.web.bodies import Model
from approvals.web.listing import limit_of, one_each, open_cursor, seal_cursor
from approvals.web.parts import PARTS
from approvals.web.people import READS_ALL
from approvals.web.problems import Problem
from approvals.web.routes import Endpoint
from approvals.web.sessions import VISITOR
from approvals.web.shape import answer, dumps

FILTERS = ("request", "actor", "action")


class EntryOut(Model):
    """One link of the chain. `detail` is null once it was destroyed; `hash` covers everything but `detail` itself."""

    seq: int
    at: str
    action: str
    actor: str
    via: str
    request: str | None
    subject: str | None
    binding: str | None
    before: str | None
    after: str | None
    detail: dict[str, Any] | None
    salt: str | None
    detail_sha256: str
    prev: str
    hash: str


class AuditOut(Model):
    """A page of the chain, newest first."""

    entries: list[EntryOut]
    next_cursor: str | None


class ReceiptOut(Model):
    """A DSSE envelope of an in-toto statement. Keep the bytes as they are: one changed byte and it is no receipt."""

    payloadType: str  # noqa: N815 - the name is DSSE's
    payload: str
    signatures: list[dict[str, str]]


class KeyOut(Model):
    """The public key that checks receipts and signed heads, as PEM."""

    id: str
    pem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Makes the endpoints."""

    notary: Notary

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The routes, for the table of the people's side."""
        for handler in (self.list_entries, self.receipt, self.key):
            access(Access.PERSON)(handler)
        return (
            Endpoint(
                method="GET",
                path="/api/v1/audit",
                handler=self.list_entries,
                gives=AuditOut,
                query=(*FILTERS, "limit", "cursor"),
            ),
            Endpoint(
                method="GET",
                path="/api/v1/requests/{id}/receipt",
                handler=self.receipt,
                gives=ReceiptOut,
                refuses=(404, 409),
            ),
            Endpoint(method="GET", path="/api/v1/receipt-key", handler=self.key, gives=KeyOut),
        )

    async def list_entries(self, request: web.Request) -> web.StreamResponse:
        """The audit chain, newest first; for auditors and admins."""
        _check(request[VISITOR].person)
        query = one_each(request, frozenset({*FILTERS, "limit", "cursor"}))
        limit, cursor = limit_of(query.get("limit")), query.get("cursor")
        before = _number(open_cursor(cursor, 1)[0]) if cursor else None
        chosen = {name: query.get(name) for name in FILTERS}
        found = await request.app[PARTS].db.read(lambda tx: tx.audit.newest(before=before, limit=limit + 1, **chosen))
        more = seal_cursor([str(found[limit - 1].seq)]) if len(found) > limit else None
        return answer(request, dumps({"entries": [shown(one) for one in found[:limit]], "next_cursor": more}))

    async def receipt(self, request: web.Request) -> web.StreamResponse:
        """The signed receipt of a request that has been decided."""
        parts, person = request.app[PARTS], request[VISITOR].person

        def look(tx: Tx) -> bytes:
            found = tx.requests.get(request.match_info["id"])
            if found is None or not quorum.may_see(person, found):
                raise problems.not_found("request")
            if not quorum.may_see_in_full(person, found):
                raise Problem(403, "not_allowed", "Who may not read the call may not have its receipt.")
            if not has_receipt(found):
                raise Problem(409, "not_decided", "Nobody has decided this request, so there is nothing to certify.")
            return self.notary.certify(tx, found)

        body = await parts.db.read(look)
        response = answer(request, body)
        name = f"{request.match_info['id']}.receipt.json"
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return response

    async def key(self, request: web.Request) -> web.StreamResponse:
        """The public key that checks receipts and signed heads."""
        public = self.notary.signer.public
        return answer(request, dumps({"id": public.id, "pem": public.pem}))


def shown(entry: Entry) -> dict[str, Any]:
    """One link as JSON data, in which it can be checked again."""
    act = entry.act
    return {
        "seq": entry.seq,
        "at": stamp(act.at),
        "action": act.action,
        "actor": act.actor,
        "via": act.via,
        "request": act.request,
        "subject": act.subject,
        "binding": act.binding,
        "before": act.before,
        "after": act.after,
        "detail": None if entry.salt is None else dict(act.detail),
        "salt": entry.salt,
        "detail_sha256": entry.detail_sha256,
        "prev": entry.prev,
        "hash": entry.hash,
    }


def _check(person: Person) -> None:
    if not person.roles & READS_ALL:
        raise Problem(403, "not_allowed", "Only auditors and admins read the audit.")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise problems.invalid("cursor", "is not one that we gave out")
    return int(text)
