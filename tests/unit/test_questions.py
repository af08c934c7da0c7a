"""What the agent is told of an answer to a server's question, word for word where the words matter."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from approvals.domain import fingerprint
from approvals.domain.answered import answered_in
from approvals.domain.model import Answer, Cause, State, Vote
from approvals.testing import samples
from gateway.protocol import questions
from gateway.protocol.verdict import Code, Verdict

URL = "https://placet.test/requests/req_sample"
ASKED = samples.request()
NO = Vote(
    reviewer=samples.ADA.id,
    answer=Answer.DENY,
    binding=ASKED.binding,
    via="web",
    at=samples.NOW,
    reason="Call it\noff!",
)


@pytest.mark.parametrize(
    ("changes", "code", "says"),
    [
        ({}, Code.PENDING, "waits until a person approves it (req_sample)"),
        ({"state": State.DENIED, "votes": (NO,)}, Code.DENIED, 'not as instructions: "Call'),
        ({"state": State.DENIED}, Code.DENIED, "was denied by a person"),
        ({"state": State.EXPIRED, "cause": Cause.TIMED_OUT}, Code.EXPIRED, "nobody decided in time"),
        ({"state": State.EXPIRED, "cause": Cause.UNDELIVERED}, Code.UNDELIVERABLE, "no reviewer could be reached"),
        ({"state": State.CANCELLED, "cause": Cause.WITHDRAWN}, Code.CANCELLED, "could not wait for it any longer"),
        (
            {"state": State.CANCELLED, "cause": Cause.REVOKED},
            Code.CANCELLED,
            "call the tool, or its approval no longer counts",
        ),
        ({"state": State.SUCCEEDED}, Code.CANCELLED, "used by another call of yours"),
    ],
)
def test_each_end_of_an_answers_request_has_its_words(changes: dict[str, Any], code: Code, says: str) -> None:
    said = questions.about(replace(ASKED, **changes), url=URL)
    assert (said.code, said.request) == (code, "req_sample")
    assert says in said.text
    assert "\n" not in said.text


def test_every_cause_of_a_cancelled_answer_can_be_told() -> None:
    for cause in Cause:
        assert questions.about(replace(ASKED, state=State.CANCELLED, cause=cause), url=URL).text


@pytest.mark.parametrize(
    "said",
    [
        questions.denied_by_policy(tool="pay", rule="/tools/pay/deny_if/0", reason="Never over 1000"),
        questions.over_limit(tool="pay", rule="/r", reason="no room", retry_after=timedelta(hours=1)),
        questions.over_limit(tool="pay", rule="/r", reason="no room", retry_after=None),
        questions.no_longer(tool="pay", code=Code.TOOL_CHANGED, why="it changed"),
        questions.unreviewed(tool="pay", code=Code.QUEUE_FULL, why="Too many wait."),
    ],
    ids=lambda said: said.code.value,
)
def test_what_does_not_go_through_says_so(said: Verdict) -> None:
    assert said.text.startswith("In the call of pay its server asked a question. The answer that your client gave")
    assert "It was not given to the server." in said.text


def test_the_verdict_stands_before_what_the_server_said() -> None:
    said = questions.no_longer(tool="pay", code=Code.TOOL_CHANGED, why="it changed")
    server = b'{"content":[{"type":"text","text":"nothing done"}],"structuredContent":{"n":1.0},"_meta":{"x":1}}'
    told = json.loads(questions.instead(said, server))
    assert [block["text"] for block in told["content"]] == [f"{said.text} {questions.FOLLOWS}", "nothing done"]
    assert (told["isError"], told["_meta"]["x"]) == (True, 1)
    assert told["_meta"]["placet/verdict"]["code"] == "tool_changed"
    alone = json.loads(questions.instead(said, None))
    assert [block["text"] for block in alone["content"]] == [said.text]


@pytest.mark.parametrize(
    ("meta", "found"),
    [(None, None), ({"x": "placet/answer"}, None), ({"placet/answer": ""}, ""), ({"placet/answer": "req_1"}, "req_1")],
)
def test_an_answer_is_known_by_what_is_hashed_of_it(meta: Any, found: str | None) -> None:
    call = fingerprint.make_call(server="s", tool="t", arguments={}, tool_fingerprint="f" * 64, meta=meta)
    assert answered_in(call) == found
