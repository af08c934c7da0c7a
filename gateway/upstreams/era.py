"""Which protocol era a server speaks: the rules of protocol.md 3, apart from any transport.

Pure. Only positive evidence makes a server modern: a discover result that names a modern
version, or one of the three error codes that only modern servers send. Everything else that
is an answer means `initialize`; an outage is no answer and decides nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from gateway.upstreams import Result, RpcError

MODERN_VERSIONS = ("2026-07-28",)
"""Newest first."""
LEGACY_VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
"""Newest first."""

HEADER_MISMATCH = -32020
MISSING_CAPABILITY = -32021
UNSUPPORTED_VERSION = -32022
_MODERN_CODES = frozenset({HEADER_MISMATCH, MISSING_CAPABILITY, UNSUPPORTED_VERSION})


@dataclass(frozen=True, slots=True, kw_only=True)
class Modern:
    """Stateless requests at `version`. `list_changed`: the server can tell when its tools change."""

    version: str
    list_changed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Legacy:
    """Say `initialize`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """What the legacy handshake settled."""

    version: str
    list_changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AskAgain:
    """Modern, but at this version: discover once more."""

    version: str

    @property
    def why(self) -> str:
        """For whoever does not ask again."""
        return f"it wants to be asked in protocol version {self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranger:
    """The server speaks no version that we speak."""

    why: str


Verdict = Modern | Legacy | AskAgain | Stranger


def judge_discover(answer: Result | RpcError, *, asked: str) -> Verdict:
    """What an answer to `server/discover`, sent at version `asked`, says about the server."""
    if isinstance(answer, RpcError):
        return _judge_error(answer, asked=asked)
    body = json.loads(answer.raw)
    offered = _strings(body.get("supportedVersions"))
    mutual = _mutual(offered)
    if mutual is None:
        return Legacy()
    return Modern(version=mutual, list_changed=tools_list_changed(body))


def judge_initialize(answer: Result | RpcError) -> Agreed | AskAgain | Stranger:
    """What an answer to `initialize` says."""
    if isinstance(answer, RpcError):
        again = _mutual(_supported(answer)) if answer.code == UNSUPPORTED_VERSION else None
        if again is not None:
            return AskAgain(version=again)
        return Stranger(why=f"it refused to begin a session: {answer.message[:300]} (code {answer.code})")
    body = json.loads(answer.raw)
    version = body.get("protocolVersion")
    if version in LEGACY_VERSIONS:
        return Agreed(version=version, list_changed=tools_list_changed(body))
    return Stranger(why=f"it answered protocol version {str(version)[:40]!r}, which Placet does not speak")


def tools_list_changed(body: dict[str, Any]) -> bool:
    """Whether a discover or initialize result promises notice of changed tools."""
    capabilities = body.get("capabilities")
    tools = capabilities.get("tools") if isinstance(capabilities, dict) else None
    return isinstance(tools, dict) and tools.get("listChanged") is True


def _judge_error(error: RpcError, *, asked: str) -> Verdict:
    if error.code not in _MODERN_CODES:
        return Legacy()
    if error.code != UNSUPPORTED_VERSION:
        return Modern(version=asked)
    supported = _supported(error)
    mutual = _mutual(supported)
    if mutual is not None:
        return AskAgain(version=mutual)
    if not supported or any(version in LEGACY_VERSIONS for version in supported):
        return Legacy()
    return Stranger(why=f"it speaks only protocol versions {', '.join(supported)[:200]}, none of which Placet speaks")


def _supported(error: RpcError) -> list[str]:
    return _strings(error.data.get("supported")) if isinstance(error.data, dict) else []


def _strings(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _mutual(offered: list[str]) -> str | None:
    return next((version for version in MODERN_VERSIONS if version in offered), None)
