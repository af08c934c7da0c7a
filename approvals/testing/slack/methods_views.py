"""views.* and blocks.validate."""

from __future__ import annotations

import json
from typing import Any

from approvals.testing.slack.blocks import Surface, problems_in
from approvals.testing.slack.context import Context
from approvals.testing.slack.methods_chat import decoded_blocks
from approvals.testing.slack.modals import checked, rendered
from approvals.testing.slack.schema import Problem
from approvals.testing.slack.state import ApiError, Json, View
from approvals.testing.slack.views import problems_in_view


def open_view(context: Context, args: Json) -> Json:
    """views.open: a new stack for whom the trigger belongs to."""
    body = checked(_view(args), "modal")
    trigger = context.workspace.exchange(args.get("trigger_id"))
    return _answer(context, context.modals.open(trigger.user, body))


def push_view(context: Context, args: Json) -> Json:
    """views.push: on top of the modal that is open."""
    body = checked(_view(args), "modal")
    trigger = context.workspace.exchange(args.get("trigger_id"))
    return _answer(context, context.modals.push(trigger.user, body))


def update_view(context: Context, args: Json) -> Json:
    """views.update: by view_id or external_id, guarded by hash."""
    body = _view(args)
    view = context.modals.find(view_id=args.get("view_id"), external_id=args.get("external_id"))
    return _answer(context, context.modals.update(view, checked(body, view.type), args.get("hash")))


def publish_view(context: Context, args: Json) -> Json:
    """views.publish: somebody's Home tab."""
    body = checked(_view(args), "home")
    user = context.workspace.users.get(str(args.get("user_id", "")))
    if user is None or user.is_bot:
        raise ApiError("user_not_found")
    return _answer(context, context.modals.publish(user.id, body, args.get("hash")))


def validate(_context: Context, args: Json) -> Json:
    """blocks.validate: exactly one of blocks, message, view."""
    given = [name for name in ("blocks", "message", "view") if args.get(name)]
    if len(given) != 1:
        raise ApiError("invalid_arguments")
    problems = {"blocks": _blocks_problems, "message": _message_problems, "view": _view_problems}[given[0]](args)
    if problems:
        errors = [{"pointer": p.pointer, "code": "failed_constraint", "message": p.message} for p in problems]
        raise ApiError(f"invalid_{given[0]}", errors=errors)
    return {}


def _blocks_problems(args: Json) -> list[Problem]:
    return problems_in(decoded_blocks(args["blocks"]), Surface.MESSAGE, "")


def _message_problems(args: Json) -> list[Problem]:
    message = _decoded(args["message"], "invalid_arguments")
    return problems_in(message.get("blocks", []), Surface.MESSAGE, "/blocks")


def _view_problems(args: Json) -> list[Problem]:
    return problems_in_view(_view(args))


def _view(args: Json) -> Json:
    if args.get("view") is None:
        messages = ["[ERROR] missing required field: view"]
        raise ApiError("invalid_arguments", response_metadata={"messages": messages})
    return _decoded(args["view"], "invalid_arguments")


def _decoded(value: Any, else_say: str) -> Json:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise ApiError(else_say) from None
    if not isinstance(value, dict):
        raise ApiError(else_say)
    return value


def _answer(context: Context, view: View) -> Json:
    return {"view": rendered(view, context.workspace)}
