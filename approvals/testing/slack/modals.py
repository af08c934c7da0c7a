"""The stack of modals a person has open, and Home tabs: open, push, update, close, publish."""

from __future__ import annotations

import copy
from typing import Any

from approvals.testing.slack import limits
from approvals.testing.slack.blocks import completed, interactive
from approvals.testing.slack.state import ApiError, Json, View
from approvals.testing.slack.views import FLAGS, RETURNED, problems_in_view, size_of
from approvals.testing.slack.workspace import Workspace, block_id, short_id


def checked(body: Any, kind: str | None = None) -> Json:
    """The view, or the refusal Slack gives for it."""
    problems = problems_in_view(body, kind)
    if problems:
        messages = [f"[ERROR] {problem}" for problem in problems]
        raise ApiError("invalid_arguments", response_metadata={"messages": messages})
    if size_of(body) > limits.VIEW_BYTES:
        raise ApiError("view_too_large")
    return dict(body)


class Modals:
    """Views by person; at most three modals on top of each other."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def open(self, user: str, body: Json) -> View:
        """Start a new stack; what was open is gone."""
        self._external_id_is_free(body)
        view = self._make(user, body)
        self._workspace.stacks[user] = [view]
        self._workspace.changes.bump()
        return view

    def push(self, user: str, body: Json) -> View:
        """Put a view on top of the open one."""
        stack = self._workspace.stacks.get(user)
        if not stack:
            raise ApiError("not_found")
        if len(stack) >= limits.VIEW_STACK:
            raise ApiError("push_limit_reached")
        self._external_id_is_free(body)
        view = self._make(user, body, root=stack[0].id, previous=stack[-1].id)
        stack.append(view)
        self._workspace.changes.bump()
        return view

    def update(self, view: View, body: Json, given_hash: str | None = None) -> View:
        """Replace what a view shows; the hash guards against a change in between."""
        if given_hash and given_hash != view.hash:
            raise ApiError("hash_conflict")
        self._external_id_is_free(body, view)
        view.body = self._stored(body)
        view.hash = self._workspace.new_hash()
        view.errors = {}
        view.state = initial_state(view.body["blocks"], before=view.state)
        self._workspace.changes.bump()
        return view

    def publish(self, user: str, body: Json, given_hash: str | None = None) -> View:
        """Set a person's Home tab."""
        if (home := self._workspace.homes.get(user)) is not None:
            return self.update(home, body, given_hash)
        home = self._workspace.homes[user] = self._make(user, body)
        self._workspace.changes.bump()
        return home

    def close_top(self, user: str) -> View | None:
        """Take the top view away, if there is one."""
        stack = self._workspace.stacks.get(user)
        if not stack:
            return None
        view = stack.pop()
        self._workspace.changes.bump()
        return view

    def clear(self, user: str) -> None:
        """Close everything a person has open."""
        self._workspace.stacks[user] = []
        self._workspace.changes.bump()

    def find(self, *, view_id: Any = None, external_id: Any = None) -> View:
        """A view that is open, by either name."""
        everything = [*self._workspace.homes.values(), *self.all_open()]
        for view in everything:
            if view_id and view.id == view_id:
                return view
            if external_id and not view_id and view.body.get("external_id") == external_id:
                return view
        raise ApiError("not_found")

    def all_open(self) -> list[View]:
        """Every open modal."""
        return [view for stack in self._workspace.stacks.values() for view in stack]

    def _external_id_is_free(self, body: Json, but: View | None = None) -> None:
        wanted = body.get("external_id")
        if wanted and any(v.body.get("external_id") == wanted and v is not but for v in self.all_open()):
            raise ApiError("duplicate_external_id")

    def _make(self, user: str, body: Json, *, root: str | None = None, previous: str | None = None) -> View:
        stored = self._stored(body)
        name = short_id("V", 11)
        return View(
            id=name,
            user=user,
            body=stored,
            hash=self._workspace.new_hash(),
            root_id=root or name,
            previous_id=previous,
            state=initial_state(stored["blocks"]),
        )

    def _stored(self, body: Json) -> Json:
        stored = copy.deepcopy(body)
        stored["blocks"] = completed(body["blocks"], block_id)
        return stored


def rendered(view: View, workspace: Workspace) -> Json:
    """The view object as Slack returns it and sends it in payloads."""
    body = view.body
    shown: Json = {
        "id": view.id,
        "team_id": workspace.team_id,
        "type": body["type"],
        "blocks": body["blocks"],
        "state": {"values": view.state},
        "hash": view.hash,
        "title": body.get("title") or {"type": "plain_text", "text": "View Title", "emoji": True},
        "close": body.get("close"),
        "submit": body.get("submit"),
        "root_view_id": view.root_id,
        "previous_view_id": view.previous_id,
        "app_id": workspace.app_id,
        "app_installed_team_id": workspace.team_id,
        "bot_id": workspace.bot_id,
    }
    shown.update({name: body.get(name) or "" for name in RETURNED})
    shown.update({name: bool(body.get(name)) for name in FLAGS})
    return copy.deepcopy(shown)


_INITIAL = {
    "plain_text_input": ("value", "initial_value"),
    "number_input": ("value", "initial_value"),
    "email_text_input": ("value", "initial_value"),
    "url_text_input": ("value", "initial_value"),
    "static_select": ("selected_option", "initial_option"),
    "radio_buttons": ("selected_option", "initial_option"),
    "checkboxes": ("selected_options", "initial_options"),
    "multi_static_select": ("selected_options", "initial_options"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
    "users_select": ("selected_user", "initial_user"),
    "multi_users_select": ("selected_users", "initial_users"),
    "channels_select": ("selected_channel", "initial_channel"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
}


def initial_state(blocks: list[Json], before: Json | None = None) -> Json:
    """`state.values` of freshly shown blocks: what was typed stays where block and action ids stay."""
    values: Json = {}
    for block, element in interactive(blocks):
        if element["type"] not in _INITIAL:
            continue
        kept = (before or {}).get(block["block_id"], {}).get(element["action_id"])
        field, initial = _INITIAL[element["type"]]
        fresh = {"type": element["type"], field: element.get(initial, [] if field.endswith("options") else None)}
        entry = kept if kept is not None and kept.get("type") == element["type"] else fresh
        values.setdefault(block["block_id"], {})[element["action_id"]] = entry
    return values
