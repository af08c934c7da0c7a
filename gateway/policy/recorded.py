"""A recorded call as it is judged again: what it was, what was kept of it, and what became of it.

What the arguments were is known, or `Unkept`: then a rule may still judge the call, as long as it does not look.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from gateway.policy.limit import CounterKey
from gateway.policy.model import Facts, Risk, Verdict


class Lost(StrEnum):
    """Why the arguments of a call are not known."""

    NOT_KEPT = "not_kept"
    NOT_OPENED = "not_opened"


class Unkept(dict[str, Any]):
    """Arguments that nobody knows. `read` says whether a rule has looked at them: what it then says means nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.read = False

    def __contains__(self, key: object) -> bool:
        self.read = True
        return super().__contains__(key)

    def __getitem__(self, key: str) -> Any:
        self.read = True
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """Look at a member, and be told that there is none."""
        self.read = True
        return super().get(key, default)

    def __iter__(self) -> Iterator[str]:
        self.read = True
        return super().__iter__()

    def __len__(self) -> int:
        self.read = True
        return super().__len__()

    def __bool__(self) -> bool:
        self.read = True
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """What the budgets of one limit were charged for a call, each of them."""

    keys: tuple[CounterKey, ...]
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The approval request that a call made or came back for. `state` is what it has come to."""

    id: str
    state: str
    created_at: datetime
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One call, as it was judged then.

    `counted_at`: when its limits were looked at. `ran_at` and `ended_at`: when it was sent, and when that was over;
    None where it was not sent; `ran_well` if the server had nothing to complain of. `stopped`: what ended it before any
    rule could (`invalid_arguments`, `tool_changed`). `came_back`: it only brought an answer that the server had asked
    for; what it cost was taken before.
    """

    id: str
    at: datetime
    server: str
    tool: str
    agent: str
    owner: str | None
    arguments: Mapping[str, Any] | Lost
    arguments_sha256: str
    risk: Risk
    verdict: Verdict
    rule: str
    policy_version: str
    counted_at: datetime
    ran_at: datetime | None = None
    ended_at: datetime | None = None
    request: Request | None = None
    stopped: str | None = None
    came_back: bool = False
    ran_well: bool = False
    session: str = ""
    paid: tuple[Paid, ...] = ()
    shadow: tuple[Mapping[str, Any], ...] = field(default=())

    def facts(self) -> Facts:
        """The call as the policy sees it. Arguments that are not known can be asked whether a rule has looked."""
        known = self.arguments if not isinstance(self.arguments, Lost) else Unkept()
        return Facts(
            server=self.server,
            tool=self.tool,
            arguments=known,
            agent=self.agent,
            owner=self.owner,
            now=self.at,
            risk=self.risk,
            session=self.session,
        )

    @property
    def denied_by_people(self) -> bool:
        """Did a person say no?"""
        return self.request is not None and self.request.state == "denied"

    @property
    def call_key(self) -> tuple[str, str, str, str]:
        """The same call of the same agent has the same."""
        return self.agent, self.server, self.tool, self.arguments_sha256
