"""Agents by OAuth: which configured agent an access token stands for, and what is said when it stands for none.

A token that is not good is nobody (401). A good one whose subject no agent has, or that lacks a scope, is refused
with a sentence (403): its bearer is who it says, and must ask an operator. Nobody is made an agent by signing in.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from approvals.domain.model import PersonId
from approvals.errors import Refusal
from gateway.oauth.bearer import Bearers, Expected, Speaker
from gateway.oauth.fetch import Failed, Fetcher
from gateway.oauth.keyset import IssuerKeys
from gateway.oauth.places import host_of
from gateway.oauth.resource import INSUFFICIENT_SCOPE
from gateway.protocol.strict import visible
from gateway.settings import AgentOauthSettings, AgentSettings

log = logging.getLogger(__name__)


class InsufficientScope(Refusal):
    """The token is good, and does not carry what calling takes."""

    code, http_status = INSUFFICIENT_SCOPE, 403
    for_people = "The access token lacks the scope {missing}."
    for_agent = "This access token lacks a scope: {missing}. Ask for a token that has it."


class NoSuchAgent(Refusal):
    """The token is good, and its subject is no agent of this gateway."""

    code, http_status = "no_such_agent", 403
    for_people = "The subject {subject} is no agent here, or is revoked."
    for_agent = (
        "This access token is valid, but its {claim} {subject} belongs to no agent of this gateway, or to one that is "
        "revoked. Ask an operator to add it: agents.NAME.oauth_subject in the configuration."
    )


class OwnerUnknown(Refusal):
    """The token is good, and does not say for certain which person is behind it."""

    code, http_status = "owner_unknown", 403
    for_people = "The claim {claim} does not name a person for certain."
    for_agent = (
        "This access token does not say for certain which person is behind it: its claim {claim} is no e-mail address, "
        "or is marked as not verified. Ask an operator."
    )


class IssuerAway(Refusal):
    """The issuer's keys cannot be had, so no token can be judged."""

    code, http_status = "issuer_unavailable", 503
    for_people = "Access tokens cannot be checked now: {why}."
    for_agent = (
        "The gateway cannot check access tokens now, because their issuer cannot be asked. Try again in a minute."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """The agent a token stands for, the person behind it, and what stays the same from one token to the next."""

    agent: str
    owner: PersonId | None
    subject: str
    credential: str


class AgentOauth:
    """Recognises agents by the tokens of one issuer."""

    def __init__(self, settings: AgentOauthSettings, bearers: Bearers) -> None:
        self.settings = settings
        self._bearers = bearers
        self._by_subject: Mapping[str, AgentSettings] = {}

    def know(self, agents: Mapping[str, AgentSettings]) -> None:
        """Take over the agents of a configuration."""
        self._by_subject = {one.oauth_subject: one for one in agents.values() if one.oauth_subject is not None}

    async def recognise(self, bearer: str | None) -> Recognised | None:
        """The agent behind an access token; None for no token, and for one that is not good.

        Raises:
            Refusal: the token is good and leads to no agent, or cannot be judged.
        """
        if bearer is None:
            return None
        try:
            speaker = await self._bearers.speaker(bearer)
        except Failed as err:
            raise IssuerAway(why=str(err)) from err
        if speaker is None:
            return None
        if missing := [scope for scope in self.settings.scopes if scope not in speaker.scopes]:
            raise InsufficientScope(missing=" ".join(missing))
        agent = self._by_subject.get(speaker.subject)
        if agent is None:
            log.warning("access token of a subject that no agent has", extra={"subject": visible(speaker.subject)})
            raise self.unknown(speaker.subject)
        credential = f"{speaker.issuer}\x00{speaker.subject}\x00{speaker.owner or ''}"
        owner = self._owner(speaker, agent)
        return Recognised(agent=agent.name, owner=owner, subject=speaker.subject, credential=credential)

    def unknown(self, subject: str) -> NoSuchAgent:
        """The refusal of a subject that may not call."""
        return NoSuchAgent(claim=self.settings.agent_claim, subject=visible(subject))

    def _owner(self, speaker: Speaker, agent: AgentSettings) -> PersonId | None:
        claim = self.settings.owner_claim
        if claim is None or (speaker.owner is None and speaker.owner_verified):
            return agent.owner
        # The issuer's word for this very token, over the configuration's for the agent: four-eyes looks at the person.
        if speaker.owner is None or not speaker.owner_verified or not _is_address(speaker.owner):
            raise OwnerUnknown(claim=claim)
        return PersonId(speaker.owner.lower())


def agent_oauth(settings: AgentOauthSettings) -> AgentOauth:
    """The recogniser that a configuration asks for."""
    fetcher = Fetcher(known=frozenset({host_of(settings.issuer)}))
    expected = Expected(
        issuer=settings.issuer,
        audience=frozenset(settings.audience),
        subject_claim=settings.agent_claim,
        owner_claim=settings.owner_claim,
    )
    return AgentOauth(settings, Bearers(expected, IssuerKeys(settings.issuer, fetcher)))


def _is_address(text: str) -> bool:
    local, at, domain = text.partition("@")
    return bool(local and at and domain) and "@" not in domain and text.isprintable() and " " not in text
