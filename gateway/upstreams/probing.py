"""Finding out over HTTP which era a server speaks (protocol.md 3); an outage is no verdict."""

from __future__ import annotations

import logging
from collections.abc import Callable

from gateway.upstreams import InputRequired, NoAnswer, Result, RpcError
from gateway.upstreams.asks import GATEWAY_ITSELF
from gateway.upstreams.era import MODERN_VERSIONS, AskAgain, Legacy, Modern, Stranger, judge_discover
from gateway.upstreams.legacy import LegacyDialect
from gateway.upstreams.modern import ModernDialect, discover
from gateway.upstreams.replies import NotMcp, StatusError
from gateway.upstreams.standing import NOTHING_DECLARED
from gateway.upstreams.wire import Dialect, Wire

log = logging.getLogger(__name__)

_NO_VERDICT = frozenset({401, 403, 408, 429, 502, 503, 504})


async def probe(wire: Wire, tools_changed: Callable[[], None]) -> Dialect:
    """Ask, and take up the era of the answer.

    Raises:
        Unsent, NoAnswer: the server cannot be asked, or speaks nothing that we do.
    """
    version = MODERN_VERSIONS[0]
    for _ in range(2):
        match judge_discover(await _discovered(wire, version), asked=version):
            case Modern() as spoken:
                return ModernDialect(wire, spoken, tools_changed)
            case Legacy():
                return LegacyDialect(wire, tools_changed)
            case AskAgain(version=other):
                version = other
            case Stranger(why=why):
                raise NoAnswer(f"{wire.name} cannot be used: {why}")
    raise NoAnswer(f"{wire.name} refuses protocol version {version} and names it as supported")


async def session_era(wire: Wire, tools_changed: Callable[[], None]) -> LegacyDialect | None:
    """The session era of a server that was found to be modern, if it has that too.

    Raises:
        Unsent: it cannot be reached.
    """
    sessions = LegacyDialect(wire, tools_changed)
    try:
        await sessions.hello((GATEWAY_ITSELF, NOTHING_DECLARED))
    except NoAnswer as err:
        log.info("upstream has no session era: %s", err, extra={"server": wire.name})
        return None
    return sessions


async def _discovered(wire: Wire, version: str) -> Result | RpcError | InputRequired:
    not_modern = RpcError(code=0, message="no JSON-RPC answer")
    try:
        return await discover(wire, version)
    except StatusError as err:
        if err.error is not None:
            return err.error
        if err.status in _NO_VERDICT:
            raise
        return not_modern
    except NotMcp:
        return not_modern
