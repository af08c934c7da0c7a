"""How the servers are, by the word of the service that runs on this configuration: it alone talks to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from gateway.settings import Settings

SECONDS = 2.0
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- where a wildcard is listened on, loopback answers
_PREFIX = "server "


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Is nothing wrong with a server, and what there is to say."""

    ok: bool
    text: str


async def asked(settings: Settings) -> dict[str, Health] | None:
    """What `/readyz` says of each server; None where no service answers at the configured address."""
    host, port = _ANY.get(settings.listen.host, settings.listen.host), settings.listen.port
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/readyz"
    # The service answers to its public name, whatever address it is reached by.
    headers = {"Host": urlsplit(settings.public_url).netloc}
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS), trust_env=False) as http,
            http.get(url, headers=headers, allow_redirects=False) as answer,
        ):
            return _healths(await answer.json())
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        return None


def _healths(body: Any) -> dict[str, Health] | None:
    checks = body.get("checks") if isinstance(body, dict) else None
    if not isinstance(checks, list):
        return None
    return {
        str(one["id"]).removeprefix(_PREFIX): Health(ok=one["ok"] is True, text=str(one["text"]))
        for one in checks
        if isinstance(one, dict) and str(one.get("id")).startswith(_PREFIX)
    }
