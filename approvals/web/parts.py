"""What the people's side needs from the composition root, and the settings that follow from the public URL.

Links, the allowed hosts and origins, and the cookie are made from the configured public URL, never from
a request's Host or forwarded headers (security.md 1d). A plain-http public URL that is not loopback
cannot be built: a session would travel in the clear.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import web

from approvals.break_glass import BreakGlass
from approvals.desk import Desk
from approvals.directory import Directory
from approvals.stops import Stops
from approvals.storage.engine import Database

if TYPE_CHECKING:
    from approvals.web.live import Live
    from approvals.web.routes import Endpoint

_HOST = re.compile(r"(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::[0-9]{1,5})?")
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One line that every page shows on top. `level` is `info`, `warning` or `error`."""

    level: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """How people reach us. `listen_host` and `more_hosts` are further names accepted in Host.

    Raises:
        ValueError: the public URL is not one, or is plain http to something that is not loopback.
    """

    public_url: str
    listen_host: str = "127.0.0.1"
    more_hosts: frozenset[str] = frozenset()
    idle: timedelta = timedelta(hours=8)
    absolute: timedelta = timedelta(hours=24)
    heartbeat_seconds: float = 15
    streams_per_person: int = 5

    def __post_init__(self) -> None:
        parts = urlsplit(self.public_url)
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or parts.query or parts.fragment or parts.username:
            raise ValueError(f"public_url must be http(s)://host[:port], not {self.public_url!r}")
        if parts.path not in {"", "/"}:
            raise ValueError(
                f"public_url must have no path, but has {parts.path!r}: give Placet a host name of its own"
            )
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise ValueError(
                f"public_url is plain http to {parts.hostname}: sign-in would travel in the clear. Use https "
                "(a reverse proxy in front is enough), or a loopback address for development"
            )

    @property
    def https(self) -> bool:
        """Is the public URL https?"""
        return urlsplit(self.public_url).scheme == "https"

    @property
    def cookie(self) -> str:
        """The session cookie's name; `__Host-` makes browsers insist on Secure and on this very host."""
        return "__Host-session" if self.https else "placet-session"

    def hosts(self) -> frozenset[str]:
        """The names a request may carry in Host; the port is not looked at, a rebinding attack needs a name."""
        names = {_bracketed(urlsplit(self.public_url).hostname or ""), *(name.lower() for name in self.more_hosts)}
        if is_loopback(self.listen_host):
            names |= _LOOPBACK_NAMES
        names.add(_bracketed(self.listen_host))
        return frozenset(names - {"0.0.0.0", "[::]", ""})  # noqa: S104 - a wildcard is no name: taken out

    def origins(self) -> frozenset[str]:
        """The values Origin may have on a state change: the public one, and on loopback its other spellings."""
        parts = urlsplit(self.public_url)
        host = _bracketed(parts.hostname or "")
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
        suffix = "" if port == _DEFAULT_PORTS[parts.scheme] else f":{port}"
        names = {host} | (_LOOPBACK_NAMES if parts.scheme == "http" else frozenset())
        return frozenset(f"{parts.scheme}://{name}{suffix}" for name in names)

    def link(self, path: str) -> str:
        """An absolute link to one of our pages."""
        return f"{self.public_url.rstrip('/')}{path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebParts:
    """Everything the handlers use. `notices` is asked at each `/me`; `random` only tests replace.

    `endpoints` are further routes of the REST API, of parts that `approvals` does not know. `links`: do one-time links
    sign people in?
    """

    db: Database
    desk: Desk
    directory: Directory
    stops: Stops
    break_glass: BreakGlass
    settings: WebSettings
    version: str
    features: Mapping[str, bool] = field(default_factory=dict)
    notices: Callable[[], Sequence[Notice]] = tuple
    links: Callable[[], bool] = lambda: True
    endpoints: Sequence[Endpoint] = ()
    random: Callable[[int], bytes] = secrets.token_bytes


PARTS = web.AppKey("placet_web_parts", WebParts)
LIVE: web.AppKey[Live] = web.AppKey("placet_web_live")


def host_name(header: str) -> str | None:
    """The name in a Host header, lower-case and without the port, or None when it is not one."""
    found = _HOST.fullmatch(header)
    return found[1].lower() if found else None


def is_loopback(host: str) -> bool:
    """Does the name or address stay on this machine?"""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _bracketed(host: str) -> str:
    return f"[{host}]".lower() if ":" in host and not host.startswith("[") else host.lower()
