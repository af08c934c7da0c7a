"""Tools and a prompt that ask by their result, as the modern era does it: the client answers with its next try.

What a round must remember travels in the request state, which the SDK seals and checks.
"""

from __future__ import annotations

from typing import Any, TypeVar

from mcp.server.mcpserver.prompts.base import UserMessage
from mcp.types import (
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequest,
    InputRequiredResult,
    ListRootsRequest,
    ListRootsResult,
    SamplingMessage,
)

from tests.fakes.everything.plain import Ctx, text

Answer = TypeVar("Answer", ElicitResult, CreateMessageResult, ListRootsResult)


def _form(message: str, field: str, kind: str = "string") -> ElicitRequest:
    schema: dict[str, Any] = {"type": "object", "properties": {field: {"type": kind}}, "required": [field]}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def _model(prompt: str, max_tokens: int) -> CreateMessageRequest:
    message = SamplingMessage(role="user", content=text(prompt))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[message], max_tokens=max_tokens))


def _roots() -> ListRootsRequest:
    return ListRootsRequest()


def _answer(ctx: Ctx, key: str, kind: type[Answer]) -> Answer | None:
    found = (ctx.input_responses or {}).get(key)
    return found if isinstance(found, kind) else None


def _filled(ctx: Ctx, key: str, field: str) -> str | None:
    form = _answer(ctx, key, ElicitResult)
    if form is None or form.action != "accept":
        return None
    return str((form.content or {}).get(field))


def _need(state: str | None = None, /, **requests: InputRequest) -> InputRequiredResult:
    return InputRequiredResult(input_requests=requests, request_state=state)


def test_input_required_result_elicitation(ctx: Ctx) -> str | InputRequiredResult:
    """Ask for a name, then greet."""
    name = _filled(ctx, "user_name", "name")
    return _need(user_name=_form("What is your name?", "name")) if name is None else f"Hello, {name}!"


def test_input_required_result_sampling(ctx: Ctx) -> str | InputRequiredResult:
    """Have the model say a capital, then repeat it."""
    said = _answer(ctx, "capital_question", CreateMessageResult)
    if said is None:
        return _need(capital_question=_model("What is the capital of France?", 100))
    return said.content.text if said.content.type == "text" else f"The model sent {said.content.type}"


def test_input_required_result_list_roots(ctx: Ctx) -> str | InputRequiredResult:
    """Ask for the roots, then name them."""
    listed = _answer(ctx, "client_roots", ListRootsResult)
    return _need(client_roots=_roots()) if listed is None else ", ".join(str(root.uri) for root in listed.roots)


def test_input_required_result_request_state(ctx: Ctx) -> str | InputRequiredResult:
    """Ask for a confirmation, and insist on the state that went with the question."""
    if ctx.request_state == "asked" and _answer(ctx, "confirm", ElicitResult):
        return "state-ok"
    return _need("asked", confirm=_form("Please confirm", "ok", "boolean"))


def test_input_required_result_multiple_inputs(ctx: Ctx) -> str | InputRequiredResult:
    """Ask the user, the model and for the roots at once."""
    name = _filled(ctx, "user_name", "name")
    greeting, roots = _answer(ctx, "greeting", CreateMessageResult), _answer(ctx, "client_roots", ListRootsResult)
    if name and greeting and roots:
        return f"{name} is greeted, {len(roots.roots)} roots"
    return _need(
        "three questions",
        user_name=_form("What is your name?", "name"),
        greeting=_model("Generate a greeting", 50),
        client_roots=_roots(),
    )


def test_input_required_result_multi_round(ctx: Ctx) -> str | InputRequiredResult:
    """Ask for a name, then for a colour, then say both: three rounds, each with a state of its own."""
    step, _, name = (ctx.request_state or "").partition(":")
    color = _filled(ctx, "step2", "color")
    if step == "named" and color:
        return f"{name} likes {color}"
    given = name if step == "named" else _filled(ctx, "step1", "name") if step == "begun" else None
    if given:
        return _need(f"named:{given}", step2=_form("Step 2: What is your favorite color?", "color"))
    return _need("begun:", step1=_form("Step 1: What is your name?", "name"))


def test_input_required_result_tampered_state(ctx: Ctx) -> str | InputRequiredResult:
    """Ask once; a state that is not the one sent is refused before it gets here."""
    return _need("sealed", confirm=_form("Please confirm", "ok", "boolean")) if ctx.request_state is None else "Whole"


def test_input_required_result_capabilities(ctx: Ctx) -> str | InputRequiredResult:
    """Ask only what the client says that it can answer."""
    declared = ctx.client_capabilities
    requests: dict[str, InputRequest] = {}
    if declared is not None and declared.elicitation is not None:
        requests["form"] = _form("What is your name?", "name")
    if declared is not None and declared.sampling is not None:
        requests["model"] = _model("Say hello", 50)
    return _need("asked", **requests) if requests else "Nothing can be asked"


async def test_streaming_elicitation(ctx: Ctx) -> str | InputRequiredResult:
    """Report progress on the call's stream, and ask by its result, never by a request on the stream."""
    await ctx.report_progress(1, 2, "about to ask")
    name = _filled(ctx, "user_name", "name")
    return _need(user_name=_form("What is your name?", "name")) if name is None else f"Hello, {name}!"


def test_input_required_result_prompt(ctx: Ctx) -> list[UserMessage] | InputRequiredResult:
    """A prompt that asks for its context first."""
    context = _filled(ctx, "user_context", "context")
    if context is None:
        return _need(user_context=_form("What context should the prompt use?", "context"))
    return [UserMessage(text(f"Work in this context: {context}"))]


TOOLS = (
    test_input_required_result_elicitation,
    test_input_required_result_sampling,
    test_input_required_result_list_roots,
    test_input_required_result_request_state,
    test_input_required_result_multiple_inputs,
    test_input_required_result_multi_round,
    test_input_required_result_tampered_state,
    test_input_required_result_capabilities,
    test_streaming_elicitation,
)
