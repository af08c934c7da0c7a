"""Tools that ask the client in the middle of a call, live, as the session era does it.

In the modern era nobody can be asked this way; the tools then answer with an error.
"""

from __future__ import annotations

import json
from typing import Any

from mcp.types import SamplingMessage

from tests.fakes.everything.plain import Ctx, text


async def _ask(ctx: Ctx, message: str, properties: dict[str, Any]) -> str:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    answer = await ctx.session.elicit_form(message, schema, related_request_id=ctx.request_id)
    return f"action={answer.action}, content={json.dumps(answer.content)}"


async def test_sampling(prompt: str, ctx: Ctx) -> str:
    """Have the client's model answer a prompt."""
    question = SamplingMessage(role="user", content=text(prompt))
    # Bound to the call, the question goes out on its stream; unbound it would wait for a stream of its own.
    answer = await ctx.session.create_message([question], max_tokens=100, related_request_id=ctx.request_id)
    said = answer.content.text if answer.content.type == "text" else answer.content.type
    return f"LLM response: {said}"


async def test_elicitation(message: str, ctx: Ctx) -> str:
    """Ask the user who they are."""
    person = {
        "username": {"type": "string", "description": "User's response"},
        "email": {"type": "string", "description": "User's email address"},
    }
    return f"User response: {await _ask(ctx, message, person)}"


async def test_elicitation_sep1034_defaults(ctx: Ctx) -> str:
    """Ask with a default for every simple type."""
    defaults = {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "default": True},
    }
    return f"Elicitation completed: {await _ask(ctx, 'Check what is known about you', defaults)}"


def _titled(*words: str) -> list[dict[str, str]]:
    return [{"const": f"value{number}", "title": word} for number, word in enumerate(words, 1)]


async def test_elicitation_sep1330_enums(ctx: Ctx) -> str:
    """Ask for choices in each of the five ways to list them."""
    options = ["option1", "option2", "option3"]
    choices: dict[str, Any] = {
        "untitledSingle": {"type": "string", "enum": options},
        "titledSingle": {"type": "string", "oneOf": _titled("First", "Second", "Third")},
        "legacyEnum": {"type": "string", "enum": ["opt1", "opt2"], "enumNames": ["Option One", "Option Two"]},
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": options}},
        "titledMulti": {"type": "array", "items": {"anyOf": _titled("First", "Second", "Third")}},
    }
    return f"Elicitation completed: {await _ask(ctx, 'Choose', choices)}"


TOOLS = (test_sampling, test_elicitation, test_elicitation_sep1034_defaults, test_elicitation_sep1330_enums)
