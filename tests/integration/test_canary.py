"""Three secrets in the arguments of a call, repeated by everybody: they are in the full view and nowhere else.

One is known by the name it stands under, one by its shape, one by a rule's `redact`. Agent, reviewers and server all
say them again, where nothing but the arguments could tell that they are secret.
"""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from approvals.channels import email, slack_blocks, webhook
from approvals.domain import quorum
from approvals.domain.card import Card, make_card
from approvals.domain.fingerprint import canonical
from approvals.domain.happening import Event, Happened
from approvals.domain.model import Answer, ApprovalRequest, Decision, Outcome
from approvals.notary import Notary
from approvals.signing import Signer
from approvals.storage.calls import CallRow
from approvals.storage.engine import Database
from approvals.storage.requests import Query
from approvals.testing import samples
from gateway.cli.audit_formats import csv_line, json_line, ocsf
from gateway.cli.proofs import every_outgoing
from tests.fakes.desk import filing
from tests.fakes.keys import VAULT
from tests.fakes.web import ADA, OTTO, VERA, Console, serving

BY_NAME, BY_PATH = "kanarienvogel-8812", "wellensittich-5521"
BY_SHAPE = "ghp_" + "kanarien" * 4 + "4711"
ALL = (BY_NAME, BY_SHAPE, BY_PATH)
SAID = f"so {BY_NAME} and {BY_SHAPE} and {BY_PATH}, you know"


def found_in(said: bytes | str) -> list[str]:
    """Which of the secrets stand in something."""
    text = said.decode("latin-1") if isinstance(said, bytes) else said
    return [one for one in ALL if one in text]


async def lived(console: Console) -> ApprovalRequest:
    """A call that was asked about, talked about, approved and run, with the secrets in everybody's words."""
    arguments = {"password": BY_NAME, "note": f"use {BY_SHAPE}", "card": {"number": BY_PATH}}
    terms = replace(samples.terms(), redact=(("card", "number"),))
    trace = ({"rule": "/a", "matched": True, "why": SAID},)
    what = filing(arguments, terms=terms, justification=SAID, trace=trace, agent="claude")
    request = (await console.desk.file(what)).request
    await console.post(f"/api/v1/requests/{request.id}/comment", await console.sign_in(ADA), {"text": SAID})
    yes = Decision(reviewer=ADA, answer=Answer.APPROVE, binding=request.binding, via="web", reason=SAID)
    approved = await console.desk.decide(request.id, yes)
    claimed = await console.desk.claim(request.id, binding=approved.binding, lease=timedelta(minutes=5))
    result = canonical({"content": [{"type": "text", "text": SAID}], "isError": True})
    outcome = Outcome(kind="failed", result=result, error=SAID)
    await console.desk.settle(claimed.id, Happened(event=Event.RAISED, actor="placet", outcome=outcome))
    names: dict[str, Any] = dict.fromkeys(("agent", "server", "tool", "arguments_sha256"), "x")
    row = CallRow(id="call_1", at=request.created_at, verdict="allow", reason=SAID, trace=trace, **names)
    await console.db.write(lambda tx: tx.calls.insert_many([row]))
    ended = await console.desk.get(request.id)
    assert ended is not None
    return ended


async def card_of(console: Console, request: ApprovalRequest) -> Card:
    people = await console.db.read(console.directory.people)
    return make_card(
        request,
        needs=quorum.tally(request, people),
        people=people,
        url="https://p.example/r",
        now=request.created_at,
        history=await console.desk.timeline(request.id),
    )


@pytest.mark.must_have(19)
@pytest.mark.pain(15)
async def test_a_secret_of_the_arguments_is_in_the_full_view_and_nowhere_else(
    sqlite_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with Database.opened(sqlite_url, VAULT) as db, serving(db) as console:
        request = await lived(console)
        full = (await console.get(f"/api/v1/requests/{request.id}", await console.sign_in(ADA))).body
        assert found_in(full) == list(ALL)

        sinks: dict[str, bytes | str] = {}
        for who in (VERA, OTTO):
            session = await console.sign_in(who)
            for path in (f"requests/{request.id}", f"requests/{request.id}/timeline", "requests?q=x", "requests"):
                got = await console.get(f"/api/v1/{path}", session)
                if got.status == 200:
                    sinks[f"{path} for {who}"] = got.body
        card = await card_of(console, request)
        mail = EmailMessage()
        email.fill(mail, card)
        sinks["card"] = repr(card)
        sinks["Slack"] = json.dumps([slack_blocks.draw(card), slack_blocks.draw_minimal(card)], default=repr)
        sinks["e-mail"] = mail.as_string() + repr(
            [part.get_content() for part in mail.walk() if not part.is_multipart()]
        )
        sinks["webhook"] = json.dumps(webhook.event(card, type="t", source="s", now=request.created_at))
        entries = [entry async for entry in every_outgoing(db)]
        sinks["audit export"] = "".join(json_line(one) + csv_line(one) + json.dumps(ocsf(one)) for one in entries)
        notary = Notary(db, Signer(seed=b"s" * 32, salt_key=b"k" * 32))
        sinks["receipt"] = await db.read(lambda tx: notary.certify(tx, request))
        sinks["error"] = await _error(console, request)
        files = {path.name: path.read_bytes() for path in _files(tmp_path)}
        sinks |= {f"file {name}": data for name, data in files.items()}
        sinks["log"] = caplog.text

        assert {name: found_in(said) for name, said in sinks.items() if found_in(said)} == {}
        assert len(sinks) > 12
        assert {"placet.db", "placet.db-wal"} <= files.keys()
        for one in ALL:
            assert await db.read(lambda tx, q=one: tx.requests.search(Query(q=q))) == []  # type: ignore[misc]
        assert await db.read(lambda tx: tx.requests.search(Query(q="you know"))) != []


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file()]


async def _error(console: Console, request: ApprovalRequest) -> bytes:
    """What somebody is told who may not decide, and comes too late."""
    late: Any = {"decision": "deny", "binding": request.binding, "reason": "no"}
    got = await console.post(f"/api/v1/requests/{request.id}/decision", await console.sign_in(OTTO), late)
    assert got.status in {403, 409}
    return got.body
