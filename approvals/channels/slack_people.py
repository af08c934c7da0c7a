"""Whom we take a decision from: a mapped person of our own workspace, and nobody else.

Slack says who pressed; the directory says who that is; what they may decide is the desk's matter. An account is
looked up before it counts (guest, bot, deactivated, of another organisation) and remembered for ten minutes. Where it
cannot be looked up, the answer is no. The e-mail address of a profile is never proof of anything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from approvals.channels import RetryLater
from approvals.channels.slack_client import Installation, SlackClient, SlackDown, SlackRefused
from approvals.channels.slack_payloads import Who
from approvals.errors import NotAllowed

REMEMBERED_SECONDS = 600.0
REMEMBERED_MAX = 10_000


@dataclass(frozen=True, slots=True)
class _Known:
    why_not: str | None
    until: float


class SlackPeople:
    """Accounts of Slack, as far as they matter."""

    def __init__(self, client: SlackClient, *, now: Callable[[], float] = time.monotonic) -> None:
        self._client, self._now = client, now
        self._known: dict[str, _Known] = {}

    async def admit(self, who: Who) -> None:
        """Let an account through that may stand for a person.

        Raises:
            NotAllowed: it may not, or could not be looked up; says why.
        """
        known = self._known.get(who.user)
        if known is None or known.until <= self._now():
            known = _Known(await self._look_up(who), self._now() + REMEMBERED_SECONDS)
            if len(self._known) >= REMEMBERED_MAX:
                self._known.clear()
            self._known[who.user] = known
        installation = await self._installation()
        if who.workspace != installation.team or not _is_ours(who.team, None, installation):
            raise NotAllowed(what="do this", why="your Slack account belongs to another workspace")
        if known.why_not is not None:
            raise NotAllowed(what="do this", why=known.why_not)

    async def _look_up(self, who: Who) -> str | None:
        installation = await self._installation()
        try:
            said = await self._client.call("users.info", user=who.user)
        except (SlackRefused, SlackDown, RetryLater) as err:
            raise NotAllowed(
                what="do this", why=f"your Slack account could not be looked up ({err}); try again, or use the page"
            ) from None
        user = said.get("user")
        return why_not(user if isinstance(user, dict) else {}, who.user, installation)

    async def _installation(self) -> Installation:
        try:
            return await self._client.installation()
        except (SlackRefused, SlackDown, RetryLater) as err:
            raise NotAllowed(
                what="do this", why=f"Slack could not be asked who we are ({err}); try again, or use the page"
            ) from None


def why_not(user: Mapping[str, Any], user_id: str, installation: Installation) -> str | None:
    """Why an account of Slack may not stand for a person, or None if it may. Unknown counts as no."""
    enterprise = user.get("enterprise_user")
    organisation = enterprise.get("enterprise_id") if isinstance(enterprise, Mapping) else None
    if user.get("id") != user_id:
        return "Slack does not know your account"
    if user.get("deleted"):
        return "your Slack account is deactivated"
    if user.get("is_bot") or user.get("is_workflow_bot") or user_id == "USLACKBOT":
        return "a bot may not decide"
    if user.get("is_restricted") or user.get("is_ultra_restricted"):
        return "guests of the workspace may not decide"
    if user.get("is_stranger") or not _is_ours(str(user.get("team_id", "")), organisation, installation):
        return "your Slack account belongs to another workspace"
    return None


def _is_ours(team: str, organisation: object, installation: Installation) -> bool:
    ours = {installation.team, installation.enterprise} - {None}
    return team in ours or (organisation is not None and organisation == installation.enterprise)
