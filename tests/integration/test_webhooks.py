"""Signed replies that decide, and dead letters that operators list and try again."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from click.testing import CliRunner

from approvals.channels import Undeliverable
from approvals.channels import standard_webhooks as standard
from approvals.channels.webhook import Hook
from approvals.channels.webhook_replies import PATH, Replies
from approvals.domain.model import ApprovalRequest, Cause, State
from approvals.filing import Caps
from approvals.outbox import Outbox
from approvals.storage.engine import Database
from approvals.testing.recording import RecordingChannel
from approvals.web.models import MessagesOut
from approvals.web.parts import PARTS
from gateway.cli.root import main
from gateway.once import Once
from tests.fakes.web import ADA, AUDREY, EVE, OTTO, Answer, Console, serving

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
HOOKS = [Hook(name="one", url="", key=KEY, may_decide=True), Hook(name="mute", url="", key=OTHER)]


def page_of(request_id: str) -> str:
    return f"https://p.example/{request_id}"


@pytest.fixture
async def console(database: Database) -> AsyncIterator[Console]:
    def more(app: web.Application) -> None:
        desk = app[PARTS].desk
        desk.reconfigure(caps=Caps(), routes=lambda *_: [("webhook:one", "")])
        handler = Replies(HOOKS, desk=desk, first=Once(database).first, page=page_of).handler()
        assert handler is not None
        app.router.add_post(PATH, handler)

    async with serving(database, more=more) as running:
        yield running


async def reply(
    console: Console, about: ApprovalRequest, *, hook: str = "one", key: bytes = KEY, id: str = "r1", **but: Any
) -> Answer:
    said = {"request": about.id, "binding": about.binding, "decision": "approve", "person": ADA, **but}
    return await posted(console, json.dumps(said).encode(), hook=hook, key=key, id=id)


async def posted(console: Console, body: bytes, *, hook: str = "one", key: bytes = KEY, id: str = "r1") -> Answer:
    headers = standard.sign(key, id=id, at=int(time.time()), body=body)
    return await console.send("POST", f"/hooks/{hook}/decision", headers=headers, data=body)


async def state(console: Console, request: ApprovalRequest) -> State:
    found = await console.desk.get(request.id)
    assert found is not None
    return found.state


async def test_a_signed_reply_decides_as_the_person_it_names(console: Console) -> None:
    request = await console.file()
    got = await reply(console, request, person="Ada@Example.com")
    assert (got.status, got.json()) == (200, {"request": request.id, "state": "approved", "revision": 2})
    decided = await console.desk.get(request.id)
    assert decided is not None
    assert [(vote.reviewer, vote.via) for vote in decided.votes] == [(ADA, "webhook:one")]


@pytest.mark.parametrize(
    ("but", "status"),
    [
        pytest.param({"key": OTHER}, 401, id="the key of another hook"),
        pytest.param({"hook": "mute", "key": OTHER}, 401, id="a hook that may not decide"),
        pytest.param({"hook": "none"}, 401, id="no such hook"),
        pytest.param({"person": EVE}, 403, id="a person who may not decide"),
        pytest.param({"person": "nobody@example.com"}, 403, id="a person nobody knows"),
        pytest.param({"binding": "0" * 64}, 409, id="another call"),
        pytest.param({"decision": "maybe"}, 400, id="no answer"),
        pytest.param({"more": 1}, 400, id="a field too many"),
        pytest.param({"request": "req_nope"}, 404, id="no such request"),
        pytest.param({"reason": "x" * 20_000}, 413, id="too large"),
    ],
)
async def test_a_reply_that_may_not_decide_does_not(console: Console, but: dict[str, Any], status: int) -> None:
    request = await console.file()
    got = await reply(console, request, **but)
    assert got.status == status, got.body
    assert await state(console, request) is State.PENDING


async def test_a_reply_counts_once_and_one_sent_anew_is_told_what_is_so(console: Console) -> None:
    request = await console.file()
    assert (await reply(console, request)).status == 200
    assert (await reply(console, request)).status == 401
    again = await reply(console, request, id="r2")
    assert (again.status, again.json()["code"]) == (409, "already_decided")


LONG = "a/" * 2_000


@pytest.mark.pain(14)
@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param({"to": LONG}, id="cut"),
        pytest.param({"to": LONG * 5}, id="so long that it is not even redacted"),
        pytest.param({"to": "ada", "password": "hunter2-hunter2"}, id="a value is hidden"),
    ],
)
async def test_what_the_event_did_not_show_whole_a_reply_may_only_deny(console: Console, arguments: Any) -> None:
    request = await console.file(arguments)
    got = await reply(console, request)
    assert (got.status, got.json()["code"]) == (403, "not_allowed")
    assert f"on the page: https://p.example/{request.id}" in got.json()["detail"]
    assert await state(console, request) is State.PENDING
    (kept,) = await console.db.read(lambda tx: tx.audit.newest(action="request.vote_refused"))
    assert (kept.act.actor, kept.act.via) == (ADA, "webhook:one")
    assert (await reply(console, request, id="r2", decision="deny")).status == 200
    assert await state(console, request) is State.DENIED


async def test_what_is_decided_or_has_changed_is_said_first(console: Console) -> None:
    request = await console.file({"to": LONG})
    assert (await reply(console, request, binding="0" * 64)).status == 409
    assert (await reply(console, request, id="r2", decision="deny")).status == 200
    assert (await reply(console, request, id="r3")).json()["code"] == "already_decided"


async def test_a_hook_answers_only_what_it_was_told_of(console: Console) -> None:
    console.desk.reconfigure(caps=Caps(), routes=lambda *_: [("slack", "#money")])
    request = await console.file()
    assert (await reply(console, request)).status == 404
    assert await state(console, request) is State.PENDING


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"request":"a","request":"b"}', b"\xff", b"[" * 9_000])
async def test_a_signed_body_that_is_no_reply_is_refused_in_words(console: Console, body: bytes) -> None:
    got = await posted(console, body)
    assert (got.status, got.json()["code"]) == (400, "bad_request")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
async def test_only_a_post_decides(console: Console, method: str) -> None:
    request = await console.file()
    body = json.dumps({"request": request.id, "binding": request.binding, "decision": "approve", "person": ADA})
    headers = standard.sign(KEY, id="r1", at=int(time.time()), body=body.encode())
    got = await console.send(method, "/hooks/one/decision", headers=headers, data=body.encode())
    assert got.status == 405
    assert await state(console, request) is State.PENDING


async def dead(console: Console) -> tuple[ApprovalRequest, RecordingChannel, Outbox]:
    """A request whose event was given up."""
    request, hook = await console.file(), RecordingChannel()
    hook.fail_with = [Undeliverable("the receiver answered 410 Gone")]
    outbox = Outbox(desk=console.desk, channels={"webhook:one": hook}, page=lambda id: f"https://p.example/{id}")
    await outbox.deliver_due()
    return request, hook, outbox


async def test_operators_list_dead_letters_and_try_them_again(console: Console) -> None:
    request, hook, outbox = await dead(console)
    otto = await console.sign_in(OTTO)
    page = MessagesOut.model_validate_json((await console.get("/api/v1/messages", otto)).body)
    (letter,) = page.messages
    assert (letter.request, letter.channel, letter.error) == (
        request.id,
        "webhook:one",
        "the receiver answered 410 Gone",
    )
    await console.desk.cancel(request.id, actor=OTTO, cause=Cause.CANCELLED_BY_PERSON)
    again = f"/api/v1/messages/{letter.id}/retry"
    assert (await console.post(again, otto, {})).json() == {"queued": True}
    assert (await console.post(again, otto, {})).status == 404
    await outbox.deliver_due()
    assert [card.state for card in hook.at("")] == ["cancelled"]
    assert (await console.get("/api/v1/messages", otto)).json() == {"messages": [], "next_cursor": None}
    acts = await console.db.read(lambda tx: tx.audit.newest(action="message.retried"))
    assert [(one.act.actor, one.act.subject) for one in acts] == [(OTTO, f"message:{letter.id}")]


@pytest.mark.parametrize("who", [ADA, AUDREY])
async def test_only_operators_see_dead_letters(console: Console, who: Any) -> None:
    assert (await console.get("/api/v1/messages", await console.sign_in(who))).status == 403


CONFIG = "people:\n  otto@example.com: {roles: [operator]}\n  ada@example.com: {roles: [reviewer]}\n"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["list"], 0, "Nothing was given up."),
        (["retry", "--all"], 0, "0 queued"),
        (["retry"], 2, "Name one message"),
        (["retry", "msg_nope"], 1, "There is no message msg_nope"),
    ],
)
def test_the_command_says_what_there_is(tmp_path: Path, words: list[str], code: int, said: str) -> None:
    (tmp_path / "placet.yaml").write_text(CONFIG)
    as_otto = ["--as", "otto@example.com"] if words[0] == "retry" else []
    got = CliRunner().invoke(main, ["messages", *words, *as_otto, "--config", str(tmp_path / "placet.yaml")])
    assert (got.exit_code, said in got.output) == (code, True), got.output
