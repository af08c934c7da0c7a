"""What a held call says of itself, and how long the bridge goes on waiting for it.

Pure. That a call is held is known from two things only: the gateway's progress on the call's own stream names the
approval request, or its answer carries the verdict `approval_pending`. Only such a call may ever be sent again.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from approvals.domain.model import Client
from gateway.bridge.messages import parsed
from gateway.protocol.classify import client_of
from gateway.protocol.jsonrpc import RpcId
from gateway.protocol.patience import Hold, plan
from gateway.protocol.raw import dump, with_members
from gateway.protocol.verdict import VERDICT, WAITS_FOR, Code, Verdict, quoted, render

LONGEST = Hold(plain=timedelta(seconds=50), with_progress=timedelta(minutes=25))
"""How long one call is waited for: below the 60 s of a plain client, below the 30 idle minutes of a patient one."""
_WAITING = re.compile(r"waiting for approval (req_[A-Za-z0-9_-]{1,64}) \(([^\s()]{1,500})\)")
_REQUEST = re.compile(r"req_[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The approval request that a call waits for. `page` is where people decide, if it is known to be the gateway's."""

    request: str
    page: str | None = None


def patience(client: bytes | None, *, has_token: bool, wait: timedelta | None) -> float:
    """How many seconds a call of this client is waited for; `wait` is what the command line says."""
    if wait is not None:
        return wait.total_seconds()
    who = client_of(parsed(client)) if client is not None else Client()
    waits = plan(client=who, has_progress_token=has_token, streams=True, hold=LONGEST, remaining=timedelta.max / 2)
    return waits.hold.total_seconds()


def waiting_in(params: dict[str, Any], gateway: str) -> Waiting | None:
    """What a progress notification says the call waits for; `gateway` is the address of --url."""
    message, meta = params.get("message"), params.get("_meta")
    found = _WAITING.fullmatch(message) if isinstance(message, str) else None
    # An upstream's progress can read the same; only the gateway's own carries its mark.
    if found is None or not isinstance(meta, dict) or meta.get(WAITS_FOR) != found.group(1):
        return None
    request, page = found.group(1), found.group(2)
    # An upstream's own progress could read like this too: no address of its choosing is put before a person.
    ours = _origin(page) == _origin(gateway) and page.endswith(f"/requests/{request}")
    return Waiting(request=request, page=page if ours else None)


def pending_in(result: bytes) -> Waiting | None:
    """What a tool result says the call still waits for."""
    if VERDICT.encode() not in result or Code.PENDING.encode() not in result:
        return None
    body = parsed(result)
    meta = body.get("_meta")
    verdict = meta.get(VERDICT) if isinstance(meta, dict) else None
    if body.get("isError") is not True or not isinstance(verdict, dict) or verdict.get("code") != Code.PENDING:
        return None
    request = verdict.get("request")
    if "question" in verdict:
        # A reviewer asks the agent something: that is for the agent to read.
        return None
    if not isinstance(request, str) or not _REQUEST.fullmatch(request):
        return None
    return Waiting(request=request)


def still_waiting(tool: str, waiting: Waiting) -> bytes:
    """The result that says so, where the gateway itself had no time to."""
    text = (
        f"The call of {quoted(tool, 128)} has no outcome yet: it waits until a person approves it ({waiting.request}), "
        "or is just being carried out. Call it again with exactly the same arguments to go on waiting and to collect "
        "the outcome; other arguments would be a new request. Until then do not try to get the same effect another way."
    )
    if waiting.page is not None:
        text += f" A person can decide at {waiting.page}"
    return render(Verdict(code=Code.PENDING, text=text, retryable=True, request=waiting.request, url=waiting.page))


class Rising:
    """Progress that goes on rising although each hold of the gateway begins again at nought."""

    def __init__(self) -> None:
        self._last = -math.inf
        self._offset = 0.0

    def next_hold(self) -> None:
        """The same call was sent again."""
        self._offset = 0.0 if self._last == -math.inf else math.inf

    def moved(self, params: bytes, told: dict[str, Any], token: RpcId) -> bytes | None:
        """The params of a progress notification under the client's own token; None if it says no number."""
        value = _number(told.get("progress"))
        if value is None:
            return None
        if self._offset == math.inf:
            self._offset = max(0.0, self._last - value + 1)
        moved = value + self._offset
        if moved <= self._last:
            moved = math.nextafter(self._last, math.inf)
        self._last = moved
        changed = {"progressToken": dump(token)}
        if moved != value:
            changed["progress"] = json.dumps(moved).encode()
            total = _number(told.get("total"))
            if total is not None:
                changed["total"] = json.dumps(total + self._offset).encode()
        return with_members(params, changed)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _origin(address: str) -> tuple[str, str] | None:
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return parts.scheme, parts.netloc.lower()
