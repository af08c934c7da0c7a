"""The bodies about people and agents: what their lists show, and what is done to them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from approvals.web.bodies import Model, Name, Text, Time
from approvals.web.models import PersonOut
from approvals.web.models_when import AwayOut, QuietOut

RoleName = Literal["viewer", "reviewer", "operator", "admin", "auditor"]


class PersonIn(Model):
    """A person to add, or all of one that was added; `id` is the address."""

    id: Annotated[Text, Field(min_length=3, max_length=254)]
    name: Name = ""
    roles: list[RoleName] = Field(default=["reviewer"], max_length=5)
    groups: list[Name] = Field(default=[], max_length=50)
    slack: list[Annotated[Text, Field(max_length=32)]] = Field(default=[], max_length=10)
    quiet: (
        Annotated[Text, Field(max_length=11, description="`22:00-07:00`: what can wait waits until its end.")] | None
    ) = None
    tz: Annotated[Text, Field(max_length=64, description="The zone of the quiet hours; UTC, unless said.")] | None = (
        None
    )


class PersonTokenOut(Model):
    """A person's new API token, shown only now; the one before it has ended."""

    token: str


class LoginLinkOut(Model):
    """A link that signs a person in once, within 15 minutes."""

    url: str


class ClaimsOut(Model):
    """What the identity provider said of a person at their last sign-in, as far as it counts here, and until when."""

    groups: list[str]
    roles: list[str]
    said_at: Time
    until: Time
    in_force: bool


class ListedPersonOut(PersonOut):
    """A person in the list of people. `source` is `config`, whom no act changes, or `added`.

    `roles` and `groups` are those given here; what the identity provider adds to them is in `claims`.
    `away` is their absence, now or next.
    """

    slack: list[str]
    disabled: bool
    source: str
    claims: ClaimsOut | None
    away: AwayOut | None
    quiet: QuietOut | None
    available_at: Time = Field(
        description="When they can be asked what can wait: now, or after absence and quiet hours."
    )


class PeopleOut(Model):
    """Everybody the directory knows."""

    people: list[ListedPersonOut]
    next_cursor: str | None


class TokenOut(Model):
    """A token of an agent, by its visible prefix. `last_used_at` is told to the hour, but to who may read the audit."""

    prefix: str
    created_at: Time
    expires_at: Time | None
    revoked_at: Time | None
    last_used_at: Time | None


class AgentOut(Model):
    """An agent: who is behind it, and what it may reach. `last_used_at` is as near as that of its tokens."""

    name: str
    owner: str | None
    servers: list[str]
    anonymous: bool
    source: str
    paused_at: Time | None
    revoked_at: Time | None
    last_used_at: Time | None
    tokens: list[TokenOut]


class AgentsOut(Model):
    """Every agent."""

    agents: list[AgentOut]
    next_cursor: str | None
