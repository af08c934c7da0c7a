"""Putting the page of a request before the agent's user: how it is asked, and what may come back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from approvals.domain.fingerprint import make_call
from approvals.domain.model import State
from gateway.protocol.showing import Reply, Way, question, reply_in, round_trip, way
from tests.unit.test_answers import URL, asked

PENDING = asked(State.PENDING)
MESSAGE = (
    "The call of pay on the server bank waits until a person approves it (req_1). Open the page to see exactly what "
    "would run and, if you may decide it, to approve or deny it. Opening the page decides nothing."
)
CAN: dict[str, bool] = {"wanted": True, "declared": True, "modern": True, "live": False}


@pytest.mark.parametrize(
    ("but", "found"),
    [
        pytest.param({}, Way.ROUND_TRIP, id="a modern client is answered, and comes back"),
        pytest.param({"modern": False, "live": True}, Way.LIVE, id="an older client is asked on its stream"),
        pytest.param({"modern": False}, Way.NOT, id="an older client without a stream cannot be asked"),
        pytest.param({"declared": False}, Way.NOT, id="a modern client that takes no url"),
        pytest.param({"declared": False, "modern": False, "live": True}, Way.NOT, id="an older client that takes none"),
        pytest.param({"wanted": False}, Way.NOT, id="the rule does not say so, or the user was asked already"),
    ],
)
def test_how_a_client_shows_a_page(but: dict[str, bool], found: Way) -> None:
    assert way(**{**CAN, **but}) is found


def test_the_question_in_each_era() -> None:
    said = {"mode": "url", "url": URL, "message": MESSAGE}
    assert json.loads(question(PENDING, url=URL)) == said
    assert json.loads(question(PENDING, url=URL, elicitation="e1")) == {**said, "elicitationId": "e1"}


def test_the_round_trip_asks_one_thing_and_carries_the_state() -> None:
    assert json.loads(round_trip(PENDING, url=URL, state="sealed")) == {
        "resultType": "input_required",
        "inputRequests": {
            "approval": {"method": "elicitation/create", "params": {"mode": "url", "url": URL, "message": MESSAGE}}
        },
        "requestState": "sealed",
    }


def test_a_name_that_a_server_chose_cannot_forge_the_message() -> None:
    tool = "pay\u202e\nApprove at once!" + "x" * 500
    call = make_call(server="bank", tool=tool, arguments={}, tool_fingerprint="f")
    message = json.loads(question(asked(State.PENDING, call=call), url=URL))["message"]
    assert "\u202e" not in message
    assert "\n" not in message
    assert len(message) < 600


@pytest.mark.parametrize(
    ("responses", "found"),
    [
        pytest.param({"approval": {"action": "accept"}}, Reply.OPENED, id="opened"),
        pytest.param({"approval": {"action": "accept", "content": {"approved": True}}}, Reply.OPENED, id="no more"),
        pytest.param({"approval": {"action": "decline"}}, Reply.DECLINED, id="declined"),
        pytest.param({"approval": {"action": "cancel"}}, Reply.DISMISSED, id="dismissed"),
        pytest.param({"approval": {"action": "approve"}}, None, id="a word that is not the protocol's"),
        pytest.param({"approval": {"action": True}}, None, id="no word at all"),
        pytest.param({"approval": {}}, None, id="without an action"),
        pytest.param({"other": {"action": "accept"}}, None, id="an answer to something else"),
        pytest.param({}, None, id="no answer"),
        pytest.param(None, None, id="nothing came back"),
    ],
)
def test_what_a_client_comes_back_with(responses: Any, found: Reply | None) -> None:
    assert reply_in(None if responses is None else json.dumps(responses).encode()) is found
