"""Finding out over stdio which era a new process speaks (protocol.md 3).

`server/discover` goes first; any answer but a modern one, or silence, leads to `initialize`. A process that
started slowly may answer the probe after we stopped waiting, and is then set on the modern era: it refuses
`initialize` by naming its versions, and is asked once more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from gateway.upstreams import InputRequired, NoAnswer, Result, RpcError
from gateway.upstreams.asks import Ask, discovering, initialize
from gateway.upstreams.era import (
    LEGACY_VERSIONS,
    MODERN_VERSIONS,
    Agreed,
    AskAgain,
    Legacy,
    Modern,
    Stranger,
    Verdict,
    judge_discover,
    judge_initialize,
)
from gateway.upstreams.pending import Garbled

Asking = Callable[[Ask, str | None], Awaitable[Result | RpcError | InputRequired]]
"""Sends an ask in the modern version given, or in the legacy era, and waits."""


async def discover_first(name: str, ask: Asking, probe_seconds: float) -> Modern | Agreed:
    """What a new process speaks.

    Raises:
        NoAnswer, Unsent: it ended, or speaks nothing that we do.
    """
    match await _discovered(ask, MODERN_VERSIONS[0], probe_seconds):
        case Modern() as spoken:
            return spoken
        case Stranger(why=why):
            raise NoAnswer(f"{name} cannot be used: {why}")
        case Legacy() | AskAgain():
            return await initialize_only(name, ask, probe_seconds)


async def initialize_only(name: str, ask: Asking, probe_seconds: float, capabilities: str = "{}") -> Modern | Agreed:
    """The same for a process that ended when it was sent a discover, or is known to be of the session era.

    Raises:
        NoAnswer, Unsent: as above.
    """
    match judge_initialize(await ask(initialize(LEGACY_VERSIONS[0], capabilities), None)):
        case Agreed() as agreed:
            return agreed
        case AskAgain(version=version):
            verdict = await _discovered(ask, version, probe_seconds)
            if isinstance(verdict, Modern):
                return verdict
            raise NoAnswer(f"{name} refuses the handshake and is not modern either")
        case Stranger(why=why):
            raise NoAnswer(f"{name} cannot be used: {why}")


async def _discovered(ask: Asking, version: str, probe_seconds: float) -> Verdict:
    for _ in range(2):
        try:
            async with asyncio.timeout(probe_seconds):
                answer = await ask(discovering(), version)
        except (TimeoutError, Garbled):
            return Legacy()
        verdict = judge_discover(answer, asked=version)
        if not isinstance(verdict, AskAgain):
            return verdict
        version = verdict.version
    return Legacy()
