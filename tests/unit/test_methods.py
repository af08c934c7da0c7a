"""What the params of each method may hold, and what is refused by name (protocol.md 1.1, security.md 2c.8)."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.protocol.jsonrpc import Request
from gateway.protocol.methods import MAX_LISTED, MAX_STATE_CHARS, MAX_URI_CHARS, Era, wrong_params

PROMPT = {"type": "ref/prompt", "name": "p"}
TEMPLATE = {"type": "ref/resource", "uri": "file:///{path}"}
VALUE = {"name": "city", "value": "Pa"}
BOTH = (Era.LEGACY, Era.MODERN)


def wrong(method: str, era: Era, params: dict[str, Any]) -> str | None:
    return wrong_params(Request(id=1, method=method, params=params), era)


@pytest.mark.parametrize(
    ("method", "eras", "params"),
    [
        pytest.param("tools/list", BOTH, {}, id="a list"),
        pytest.param("resources/list", BOTH, {"cursor": "abc"}, id="the next page"),
        pytest.param("resources/read", BOTH, {"uri": "test://static-text"}, id="a read"),
        pytest.param("prompts/get", BOTH, {"name": "p"}, id="a prompt"),
        pytest.param("prompts/get", BOTH, {"name": "p", "arguments": {"a": "1"}}, id="a prompt with arguments"),
        pytest.param("completion/complete", BOTH, {"ref": PROMPT, "argument": VALUE}, id="completion of a prompt"),
        pytest.param(
            "completion/complete", BOTH, {"ref": {**PROMPT, "title": "P"}, "argument": VALUE}, id="a title in a ref"
        ),
        pytest.param(
            "completion/complete",
            BOTH,
            {"ref": TEMPLATE, "argument": VALUE, "context": {"arguments": {"a": "b"}}},
            id="completion of a template with context",
        ),
        pytest.param("logging/setLevel", (Era.LEGACY,), {"level": "warning"}, id="a level"),
        pytest.param("resources/subscribe", (Era.LEGACY,), {"uri": "a:b"}, id="a subscription"),
        pytest.param("subscriptions/listen", (Era.MODERN,), {"notifications": {}}, id="listening to nothing"),
        pytest.param(
            "subscriptions/listen",
            (Era.MODERN,),
            {"notifications": {"toolsListChanged": True, "resourceSubscriptions": ["a:b"], "taskIds": ["t"]}},
            id="listening to much",
        ),
        pytest.param("tasks/update", (Era.MODERN,), {"taskId": "t", "inputResponses": {"a": {}}}, id="a task's answer"),
        pytest.param(
            "resources/read",
            (Era.MODERN,),
            {"uri": "a:b", "inputResponses": {"k": {"action": "accept"}}, "requestState": "s"},
            id="answers to what was asked",
        ),
        pytest.param("tools/call", BOTH, {"name": "t", "task": {"ttl": 1}}, id="an old task hint"),
    ],
)
def test_params_that_are_known_pass(method: str, eras: tuple[Era, ...], params: dict[str, Any]) -> None:
    assert [wrong(method, era, params) for era in eras] == [None] * len(eras)


@pytest.mark.parametrize(
    ("method", "params", "where"),
    [
        pytest.param("tools/list", {"cursor": ""}, "/params/cursor", id="an empty cursor of tools"),
        pytest.param("resources/list", {"cursor": 1}, "/params/cursor", id="a cursor that is a number"),
        pytest.param("prompts/list", {"cursor": ""}, "/params/cursor", id="an empty cursor"),
        pytest.param("resources/templates/list", {"Cursor": "x"}, "/params", id="a cursor in another case"),
        pytest.param("resources/read", {}, "/params/uri", id="no uri"),
        pytest.param("resources/read", {"uri": ["a"]}, "/params/uri", id="a list of uris"),
        pytest.param("resources/read", {"uri": "a" * (MAX_URI_CHARS + 1)}, "/params/uri", id="a long uri"),
        pytest.param("resources/read", {"uri": "a\x00"}, "/params/uri", id="a NUL in a uri"),
        pytest.param("resources/read", {"uri": "a:b", "range": "1-2"}, "/params", id="a member nobody knows"),
        pytest.param("prompts/get", {"name": 1}, "/params/name", id="a name that is a number"),
        pytest.param(
            "prompts/get", {"name": "p", "arguments": {"n": 1}}, "/params/arguments", id="a number in a prompt"
        ),
        pytest.param("prompts/get", {"name": "p", "arguments": None}, "/params/arguments", id="null arguments"),
        pytest.param("completion/complete", {"ref": {"type": "ref/tool"}}, "/params/ref", id="an unknown ref"),
        pytest.param("completion/complete", {"ref": {"type": []}}, "/params/ref", id="a ref of no type"),
        pytest.param("completion/complete", {"ref": "p"}, "/params/ref", id="a ref that is a string"),
        pytest.param("completion/complete", {"ref": {**PROMPT, "uri": "x"}}, "/params/ref", id="a ref of two kinds"),
        pytest.param("completion/complete", {"ref": {"type": "ref/prompt"}}, "/params/ref/name", id="a nameless ref"),
        pytest.param("completion/complete", {"ref": PROMPT}, "/params/argument", id="no argument"),
        pytest.param(
            "completion/complete",
            {"ref": PROMPT, "argument": {**VALUE, "x": 1}},
            "/params/argument",
            id="an argument more",
        ),
        pytest.param(
            "completion/complete",
            {"ref": PROMPT, "argument": VALUE, "context": []},
            "/params/context",
            id="a list of context",
        ),
        pytest.param(
            "completion/complete",
            {"ref": PROMPT, "argument": VALUE, "context": {"arguments": {"a": 1}}},
            "/params/context/arguments",
            id="a number in the context",
        ),
        pytest.param(
            "completion/complete",
            {"ref": PROMPT, "argument": VALUE, "context": {"x": 1}},
            "/params/context",
            id="a member more in the context",
        ),
        pytest.param("subscriptions/listen", {}, "/params/notifications", id="listening to what"),
        pytest.param("subscriptions/listen", {"notifications": {"all": True}}, "/params/notifications", id="to all"),
        pytest.param(
            "subscriptions/listen",
            {"notifications": {"toolsListChanged": 1}},
            "/params/notifications/toolsListChanged",
            id="a flag that is a number",
        ),
        pytest.param(
            "subscriptions/listen",
            {"notifications": {"resourceSubscriptions": ["a:b"] * (MAX_LISTED + 1)}},
            "/params/notifications/resourceSubscriptions",
            id="too many uris",
        ),
        pytest.param(
            "subscriptions/listen", {"notifications": {"taskIds": [1]}}, "/params/notifications/taskIds", id="task 1"
        ),
        pytest.param("tasks/get", {"taskId": ""}, "/params/taskId", id="a task without an id"),
        pytest.param("tasks/update", {"taskId": "t"}, "/params/inputResponses", id="an update of nothing"),
        pytest.param(
            "tasks/update", {"taskId": "t", "inputResponses": {"a": 1}}, "/params/inputResponses", id="an answer of 1"
        ),
        pytest.param(
            "tools/call", {"name": "t", "inputResponses": []}, "/params/inputResponses", id="a list of answers"
        ),
        pytest.param(
            "tools/call",
            {"name": "t", "requestState": "s" * (MAX_STATE_CHARS + 1)},
            "/params/requestState",
            id="long state",
        ),
        pytest.param("tools/call", {"name": "t", "requestState": {}}, "/params/requestState", id="state as an object"),
    ],
)
def test_params_that_are_not_known_are_refused_by_place(method: str, params: dict[str, Any], where: str) -> None:
    why = wrong(method, Era.MODERN, params)
    assert why is not None
    assert why.startswith(f"At {where}:")


@pytest.mark.parametrize("level", ["warn", "", None, 3, "DEBUG"])
def test_only_the_eight_levels_are_levels(level: Any) -> None:
    assert wrong("logging/setLevel", Era.LEGACY, {"level": level}) is not None


@pytest.mark.parametrize("method", ["tools/call", "prompts/get", "resources/read"])
@pytest.mark.parametrize("member", ["inputResponses", "requestState"])
def test_a_session_has_no_input_requests_to_answer(method: str, member: str) -> None:
    params = {"name": "x", "uri": "a:b"}
    named = {"uri": "a:b"} if method == "resources/read" else {"name": params["name"]}
    why = wrong(method, Era.LEGACY, {**named, member: {}})
    assert why is not None
    assert member in why
