"""`tools/call` in the narrower shape of `Outgoing`: a request without a client behind it that could be asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.upstreams import InputRequired, Outgoing, Progress, Result, RpcError, Upstream
from gateway.upstreams.asks import calling
from gateway.upstreams.peers import NOBODY, Nobody
from gateway.upstreams.rpc import not_offered


class _Watching(Nobody):
    """Hears progress only."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    async def progress(self, params: dict[str, Any]) -> None:
        await self._progress(params)


async def send_call(
    upstream: Upstream, call: Outgoing, progress: Progress | None, sent: Callable[[], None]
) -> Result | RpcError:
    """Send it through `Upstream.request`, which says what is raised."""
    peer = _Watching(progress) if progress else NOBODY
    answer = await upstream.request(calling(call, progress=progress is not None), peer=peer, sent=sent)
    return not_offered("input_required") if isinstance(answer, InputRequired) else answer
