"""The audit and receipts over REST: who reads what, page by page, and receipts that verify."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from approvals.domain import receipt
from approvals.notary import Notary
from approvals.signing import PublicKey, Signer
from approvals.storage.engine import Database
from approvals.web.proof import AuditOut, Proof
from tests.fakes.web import ADA, AUDREY, EVE, OTTO, VERA, Console, serving

SIGNER = Signer(seed=b"s" * 32, salt_key=b"k" * 32)


@pytest.fixture
async def console(database: Database) -> AsyncIterator[Console]:
    async with serving(database, endpoints=Proof(notary=Notary(database, SIGNER)).endpoints()) as running:
        yield running


async def deny(console: Console) -> Any:
    request = await console.file({"amount": 50})
    body = {"decision": "deny", "binding": request.binding, "reason": "too much"}
    await console.post(f"/api/v1/requests/{request.id}/decision", await console.sign_in(ADA), body)
    return request


async def test_an_auditor_reads_what_was_done_newest_first_and_page_by_page(console: Console) -> None:
    request = await deny(console)
    audrey = await console.sign_in(AUDREY)
    got = await console.get(f"/api/v1/audit?request={request.id}&limit=1", audrey)
    page = AuditOut.model_validate_json(got.body)
    (newest,) = page.entries
    assert (newest.action, newest.actor, newest.via, newest.after) == ("request.vetoed", ADA, "web", "denied")
    assert newest.detail is not None
    assert newest.detail["reason"] == "too much"
    rest = await console.get(f"/api/v1/audit?request={request.id}&limit=5&cursor={page.next_cursor}", audrey)
    assert [one["action"] for one in rest.json()["entries"]] == ["request.filed"]
    assert rest.json()["next_cursor"] is None


@pytest.mark.parametrize("who", [ADA, OTTO, VERA])
async def test_only_auditors_and_admins_read_the_audit(console: Console, who: Any) -> None:
    assert (await console.get("/api/v1/audit", await console.sign_in(who))).status == 403


async def test_a_vote_that_did_not_count_is_in_the_audit(console: Console) -> None:
    request = await deny(console)
    body = {"decision": "approve", "binding": request.binding}
    late = await console.post(f"/api/v1/requests/{request.id}/decision", await console.sign_in(ADA), body)
    assert late.status == 409
    found = await console.get("/api/v1/audit?action=request.vote_refused", await console.sign_in(AUDREY))
    (entry,) = found.json()["entries"]
    assert (entry["actor"], entry["request"], entry["detail"]["code"]) == (ADA, request.id, "already_decided")


async def test_a_receipt_verifies_with_the_public_key_alone(console: Console) -> None:
    request = await deny(console)
    ada = await console.sign_in(ADA)
    got = await console.get(f"/api/v1/requests/{request.id}/receipt", ada)
    assert got.status == 200
    assert got.headers["Content-Disposition"] == f'attachment; filename="{request.id}.receipt.json"'
    key = PublicKey.from_pem((await console.get("/api/v1/receipt-key", ada)).json()["pem"])
    taken = receipt.opened(got.body)
    assert key.checks(taken.signed, taken.signature)
    (vote,) = taken.statement["predicate"]["votes"]
    assert (vote["reviewer"], vote["decision"]) == (ADA, "deny")
    assert vote["known_by"] == "a session of the web console, begun by a one-time link"


async def test_what_waits_has_no_receipt_yet_and_strangers_get_none(console: Console) -> None:
    request = await console.file({"amount": 50})
    path = f"/api/v1/requests/{request.id}/receipt"
    assert (await console.get(path, await console.sign_in(ADA))).json()["code"] == "not_decided"
    assert (await console.get(path, await console.sign_in(EVE))).status == 404
    assert (await console.get(path, await console.sign_in(VERA))).status == 403


async def test_the_head_is_signed_once_and_names_the_newest_entry(database: Database, console: Console) -> None:
    await deny(console)
    notary = Notary(database, SIGNER)
    signed = await notary.look()
    assert signed is not None
    assert (signed.seq, signed.head) == await database.read(lambda tx: tx.audit.head())
    assert await notary.sign() is None
