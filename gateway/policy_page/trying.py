"""Trying a text and a call, without saving or sending anything: check and explain."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web

from approvals.domain.model import Person
from approvals.storage.engine import Database
from approvals.storage.policies import digest
from approvals.web import body
from approvals.web.problems import Problem
from approvals.web.shape import answer, dumps
from gateway import drafts
from gateway.drafts import layers_with
from gateway.explaining import Asked, Explained, explain
from gateway.policy.layers import layered
from gateway.policy.limit import Limit
from gateway.policy.loaders import PolicyErrors
from gateway.policy.model import Policy
from gateway.policy.source import Problem as Wrong
from gateway.policy.source_json import JsonReader
from gateway.policy_page import models, showing
from gateway.policy_page.asking import check_may_read, server_of
from gateway.protocol.strict import Malformed, read
from gateway.reload import Reloader, known
from gateway.settings import ServerSettings, Settings, policies_for

ARGUMENTS = "arguments"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trying:
    """The endpoints that only look."""

    db: Database
    reloader: Reloader

    async def check_policy(self, request: web.Request) -> web.StreamResponse:
        """What a text is: everything that is wrong with it, each at its place, or what it would be once saved."""
        check_may_read(request)
        server = server_of(request, self.reloader)
        sent = await body.read(request, models.CheckIn)
        try:
            policy = await self._loaded(server, sent.text)
        except PolicyErrors as err:
            return answer(request, dumps(_told(None, showing.problems(err.problems))))
        return answer(request, dumps(_told(policy, [])))

    async def explain_call(self, request: web.Request) -> web.StreamResponse:
        """The ruling on a call, with every rule considered; with `text`, as if that were saved."""
        check_may_read(request)
        server = server_of(request, self.reloader)
        sent = await body.read(request, models.ExplainIn)
        asked = Asked(
            tool=sent.tool,
            arguments=_arguments(sent),
            agent=sent.as_ or None,
            at=datetime.fromisoformat(sent.at) if sent.at else None,
        )
        settings = self.reloader.settings
        layers = policies_for(settings, server.name, asked.agent)
        if sent.text is not None:
            layers = self.instead(server, layers, await self.draft(server, sent.text))
        explained = await explain(self.db, settings, server.name, asked, layers)
        return answer(request, dumps(_ruling(explained, server, settings)))

    def instead(self, server: ServerSettings, layers: tuple[Policy, ...], draft: Policy) -> tuple[Policy, ...]:
        """The layers with a draft as their page; without a page, in place of the server's own."""
        if server.page is not None:
            return layers_with(layers, draft)
        organisation = self.reloader.settings.organisation
        own = {layer.name for layer in server.policies}
        agents = [layer for layer in layers if layer.name not in own]
        return layered(organisation, (draft,), agents)

    async def draft(self, server: ServerSettings, text: str) -> Policy:
        """The page layer that a text means.

        Raises:
            Problem: 422 with everything that is wrong.
        """
        try:
            return await self._loaded(server, text)
        except PolicyErrors as err:
            found = showing.problems(err.problems)
            detail = f"The text is no policy yet. Line {found[0]['line']}: {found[0]['message']}."
            raise Problem(422, "invalid_policy", detail, extra={"field": "text", "problems": found}) from None

    async def _loaded(self, server: ServerSettings, text: str) -> Policy:
        people: list[Person]
        people, _ = await self.db.read(known)
        return await asyncio.to_thread(drafts.checked, self.reloader.settings, people, server.name, text)


def _told(policy: Policy | None, problems: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "ok": policy is not None,
        "problems": problems,
        "notes": list(policy.notes) if policy is not None else [],
        "dialect": policy.dialect if policy is not None else None,
        "version": policy.version if policy is not None else None,
        "sha256": digest(policy.text) if policy is not None else None,
        "tests": len(policy.tests) if policy is not None else 0,
    }


def _arguments(sent: models.ExplainIn) -> dict[str, Any]:
    """The arguments of the call, read as strictly as an agent's."""
    if sent.arguments_text is None:
        return sent.arguments or {}
    if sent.arguments is not None:
        raise _unreadable("either arguments or arguments_text, not both", 1, 1, "")
    text = sent.arguments_text
    reader = JsonReader(text, ARGUMENTS)
    node = reader.read()
    if reader.problems:
        first: Wrong = reader.problems[0]
        raise _unreadable(first.message, first.line, first.column, first.pointer)
    value = read(text.encode("utf-8", "surrogatepass"))
    if isinstance(value, Malformed):
        line, column = node.find_pointer(value.pointer or "") if node is not None else (1, 1)
        raise _unreadable(value.message.rstrip("."), line, column, value.pointer or "")
    if not isinstance(value, dict):
        raise _unreadable("arguments are one JSON object, in braces", 1, 1, "")
    return value


def _unreadable(message: str, line: int, column: int, pointer: str) -> Problem:
    detail = f"The arguments cannot be read. Line {line}, column {column}: {message}."
    place = {"line": line, "column": column, "pointer": pointer, "message": message, "hint": None}
    return Problem(422, "invalid_arguments", detail, extra={"field": "arguments_text", "problems": [place]})


def _ruling(explained: Explained, server: ServerSettings, settings: Settings) -> dict[str, Any]:
    final, risk = explained.final, explained.risk()
    places = Places(explained.policies, server, settings)
    decided = _deciding(explained)
    return {
        **final.as_json(),
        **places.of(decided, final.rule),
        "considered": [{**one.as_json(), **places.of(one.policy, one.rule)} for one in final.ruling.trace],
        "risk": risk.kind.value,
        "severity": risk.severity.value,
        "asks": list(explained.asks() or ()),
        "notes": explained.notes,
    }


class Places:
    """Where the rules of a ruling stand."""

    def __init__(self, layers: Sequence[Policy], server: ServerSettings, settings: Settings) -> None:
        self._layers = {layer.name: layer for layer in layers}
        self._shown = [layer.name for layer in server.policies]
        self._settings = settings

    def of(self, policy: str, rule: str) -> dict[str, Any]:
        """The layer of a rule, by its name and its index among the server's (None: the agent's own), and the line."""
        layer = self._layers.get(policy)
        return {
            "policy": showing.short(policy, self._settings) if policy else None,
            "layer": self._shown.index(policy) if policy in self._shown else None,
            "line": layer.place(rule)[0] if layer is not None and rule else None,
        }


def _deciding(explained: Explained) -> str:
    """The layer of the rule that decided: of the ruling, or of the limit that has no room."""
    rule, ruling = explained.final.rule, explained.final.ruling
    if any(one.rule == rule for one in ruling.trace):
        return ruling.policy
    limits = ((layer.name, limit) for layer in explained.policies for limit in _limits(layer))
    return next((name for name, limit in limits if limit.pointer == rule), ruling.policy)


def _limits(layer: Policy) -> Iterator[Limit]:
    yield from layer.limits
    for entry in layer.tools:
        yield from entry.limits
