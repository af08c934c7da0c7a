"""Calls to Slack: slack-sdk's client with our deadlines, and every refusal as one of three kinds.

slack-sdk retries nothing here. A call whose answer was lost may have been carried out, so trying it again is for
whoever knows whether a second one does harm; and a pause Slack asks for belongs to the outbox, which then leaves the
whole channel in peace. No argument and no token reaches a log: slack-sdk's own logger only warns, in one line.
"""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError, SlackRequestError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from approvals.channels import RetryLater
from approvals.domain.redact import redact_text

CALL_SECONDS = 15
PAUSE_UNSAID = 30.0
HOOK_HOSTS = frozenset({"hooks.slack.com", "hooks.slack-gov.com"})
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
# Methods of slack-sdk that take no JSON body.
_FORMS = frozenset({"users.info", "conversations.info", "auth.test"})

_TICKET = re.compile(r"(ticket=)[^&\s'\"]+")


def _discreet(record: logging.LogRecord) -> bool:
    """Keep what slack-sdk says to one line without secrets: addresses of sockets carry a ticket."""
    record.msg, record.args = _TICKET.sub(r"\1…", redact_text(record.getMessage())).split("\n")[0], ()
    record.exc_info = record.exc_text = None
    return True


sdk_log = logging.getLogger(f"{__name__}.sdk")
sdk_log.setLevel(logging.WARNING)
sdk_log.addFilter(_discreet)


class SlackRefused(Exception):
    """Slack answered `ok: false`; `error` is its word for why."""

    def __init__(self, method: str, error: str, *, needed: str | None = None) -> None:
        self.method, self.error, self.needed = method, error, needed
        super().__init__(f"Slack refused {method}: {error}{f' (needs the scope {needed})' if needed else ''}")


class SlackDown(Exception):
    """Slack could not be reached or answered nonsense; what was asked may or may not have been done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Who we are in Slack."""

    team: str
    enterprise: str | None
    user: str
    bot: str
    scopes: frozenset[str]
    url: str
    name: str


class SlackClient:
    """The Web API as far as the channel needs it."""

    def __init__(self, *, bot_token: str, api_url: str) -> None:
        base = api_url if api_url.endswith("/") else f"{api_url}/"
        self.is_local = urlsplit(base).hostname in LOOPBACK
        self._api_host = urlsplit(base).netloc
        self._installation: Installation | None = None
        self.web = AsyncWebClient(
            token=bot_token, base_url=base, timeout=CALL_SECONDS, retry_handlers=[], logger=sdk_log
        )
        if self.is_local:
            self.web.proxy = None  # a proxy of the environment is for the way out, not for this machine

    async def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """One call of the Web API.

        Raises:
            SlackRefused: Slack said no.
            RetryLater: Slack asks for a pause.
            SlackDown: no proper answer came.
        """
        return (await self._call(method, arguments))[0]

    async def installation(self) -> Installation:
        """Who we are; asked once.

        Raises:
            SlackRefused, RetryLater, SlackDown.
        """
        if self._installation is None:
            said, headers = await self._call("auth.test", {})
            self._installation = Installation(
                team=str(said.get("team_id", "")),
                enterprise=said.get("enterprise_id") or None,
                user=str(said.get("user_id", "")),
                bot=str(said.get("bot_id", "")),
                scopes=frozenset(filter(None, headers.get("x-oauth-scopes", "").replace(" ", "").split(","))),
                url=str(said.get("url", "")),
                name=str(said.get("user", "")),
            )
        return self._installation

    async def open_socket(self, app_token: str) -> str:
        """The address of a new Socket Mode connection.

        Raises:
            SlackRefused, RetryLater, SlackDown.
        """
        said, _ = await self._call("apps.connections.open", {}, token=app_token)
        return str(said["url"])

    async def answer(self, response_url: str, body: dict[str, Any]) -> None:
        """Answer one interaction by its own address, which also works where we are no member.

        Raises:
            SlackRefused: the address is not Slack's, or it has been used up.
            SlackDown: no proper answer came.
        """
        parts = urlsplit(response_url)
        honest = parts.scheme == "https" and parts.hostname in HOOK_HOSTS and parts.port in (None, 443)
        if not honest and not (self.is_local and parts.netloc == self._api_host):
            raise SlackRefused("response_url", "not an address of Slack's")
        hook = AsyncWebhookClient(response_url, timeout=CALL_SECONDS, retry_handlers=[], logger=sdk_log)
        if self.is_local:
            hook.proxy = None
        try:
            async with asyncio.timeout(CALL_SECONDS):
                answer = await hook.send_dict(body)
        except (aiohttp.ClientError, TimeoutError, OSError) as err:
            raise SlackDown(f"Slack did not take the answer: {type(err).__name__}") from None
        if answer.status_code != 200:
            raise SlackRefused("response_url", f"HTTP {answer.status_code}")

    async def _call(
        self, method: str, arguments: dict[str, Any], *, token: str | None = None
    ) -> tuple[dict[str, Any], dict[str, str]]:
        how: dict[str, Any] = {"json": arguments} if arguments and method not in _FORMS else {"data": arguments}
        if token is not None:
            how = {"params": {"token": token}}
        try:
            async with asyncio.timeout(CALL_SECONDS):
                answer = await self.web.api_call(method, **how)
        except SlackApiError as err:
            raise _meaning(method, err.response) from None
        except (aiohttp.ClientError, SlackRequestError, TimeoutError, OSError, ValueError) as err:
            raise SlackDown(f"Slack did not answer {method}: {type(err).__name__}") from None
        if not isinstance(answer.data, dict):
            raise SlackDown(f"Slack answered {method} with something that is not JSON")
        return answer.data, {name.lower(): value for name, value in answer.headers.items()}


def _meaning(method: str, response: Any) -> Exception:
    """What an answer that is not ok means. `response` is slack-sdk's or, where the body was no JSON, aiohttp's."""
    status = int(getattr(response, "status_code", None) or getattr(response, "status", None) or 0)
    data = getattr(response, "data", None)
    said = data if isinstance(data, dict) else {}
    error = said.get("error")
    if status == 429 or error in ("ratelimited", "rate_limited"):
        return RetryLater(_pause(getattr(response, "headers", {})), f"Slack asks for a pause ({method})")
    if status >= 500 or not isinstance(error, str) or error in _TROUBLE:
        return SlackDown(f"Slack is in trouble ({method}: {error or f'HTTP {status}'})")
    needed = said.get("needed")
    return SlackRefused(method, error, needed=needed if isinstance(needed, str) else None)


_TROUBLE = frozenset(
    {
        "internal_error",
        "fatal_error",
        "service_unavailable",
        "request_timeout",
        "team_added_to_org",
        "external_channel_migrating",
    }
)


def _pause(headers: Any) -> float:
    found = next((value for name, value in dict(headers).items() if name.lower() == "retry-after"), "")
    return float(found) if str(found).isdigit() else PAUSE_UNSAID
