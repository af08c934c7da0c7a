"""Which protocol era a server speaks: the rules of protocol.md 3, apart from any transport.

Pure. Only positive evidence makes a server modern: a discover result that names a modern
version, or one of the three error codes that only modern servers send. Everything else that
is an answer means `initialize`; an outage is no answer and decides nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from gateway.upstreams import Hello, InputRequired, Result, RpcError

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
    """Stateless requests."""

    hello: Hello


@dataclass(frozen=True, slots=True, kw_only=True)
class Legacy:
    """Say `initialize`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """What the legacy handshake settled."""

    hello: Hello


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


def judge_discover(answer: Result | RpcError | InputRequired, *, asked: str) -> Verdict:
    """What an answer to `server/discover`, sent at version `asked`, says about the server."""
    if isinstance(answer, RpcError):
        return _judge_error(answer, asked=asked)
    if isinstance(answer, InputRequired):
        return Stranger(why="it asks for input before it says what it speaks")
    body = json.loads(answer.raw)
    offered = _strings(body.get("supportedVersions"))
    mutual = _mutual(offered)
    if mutual is None:
        return Legacy()
    return Modern(hello=_hello(mutual, body))


def judge_initialize(answer: Result | RpcError | InputRequired) -> Agreed | AskAgain | Stranger:
    """What an answer to `initialize` says."""
    if isinstance(answer, InputRequired):
        return Stranger(why="it asks for input before it begins a session")
    if isinstance(answer, RpcError):
        again = _mutual(_supported(answer)) if answer.code == UNSUPPORTED_VERSION else None
        if again is not None:
            return AskAgain(version=again)
        return Stranger(why=f"it refused to begin a session: {answer.message[:300]} (code {answer.code})")
    body = json.loads(answer.raw)
    version = body.get("protocolVersion")
    if version in LEGACY_VERSIONS:
        return Agreed(hello=_hello(version, body))
    return Stranger(why=f"it answered protocol version {str(version)[:40]!r}, which Placet does not speak")


def promises(hello: Hello, kind: str, promise: str = "listChanged") -> bool:
    """Whether the server says that it does `promise` for its `kind` (tools, prompts, resources)."""
    capability = hello.capabilities.get(kind)
    return isinstance(capability, dict) and capability.get(promise) is True


def _hello(version: str, body: dict[str, Any]) -> Hello:
    capabilities, instructions = body.get("capabilities"), body.get("instructions")
    return Hello(
        version=version,
        capabilities=capabilities if isinstance(capabilities, dict) else {},
        instructions=instructions if isinstance(instructions, str) else None,
    )


def _judge_error(error: RpcError, *, asked: str) -> Verdict:
    if error.code not in _MODERN_CODES:
        return Legacy()
    if error.code != UNSUPPORTED_VERSION:
        return Modern(hello=Hello(version=asked, capabilities={}, instructions=None))
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
