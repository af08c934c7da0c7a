"""What can go wrong between the bridge and the gateway, and how it is said.

To the client each is a JSON-RPC error with a code of Placet's own (positive, contract.md 5) and a sentence that says
what to do. Whether a call may have run is never left open: `OUTCOME_UNKNOWN` is its own code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gateway.bridge.messages import error
from gateway.protocol.jsonrpc import RpcId
from gateway.protocol.strict import visible
from gateway.upstreams import NoAnswer, Unsent

UNAUTHORIZED = 401
FORBIDDEN = 403
NOT_FOUND = 404
TOO_MANY = 429
BAD_ANSWER = 502
UNREACHABLE = 503
OUTCOME_UNKNOWN = 504

_MAYBE_RUNNING = frozenset({500, 502, 504})
_SAID_LIMIT = 300


class Refused(Exception):
    """The gateway, or what stands in front of it, refused the HTTP request. `said` is its own JSON-RPC error text."""

    def __init__(self, status: int, said: str | None) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.said = said

    @property
    def may_have_run(self) -> bool:
        """Whether a call could have been taken in before this was answered."""
        return self.status in _MAYBE_RUNNING or (self.status >= 500 and self.said is None)


Trouble = Unsent | NoAnswer | Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A trouble in words."""

    code: int
    text: str
    data: dict[str, Any]

    def line(self, rpc_id: RpcId | None) -> bytes:
        """The JSON-RPC error."""
        return error(rpc_id, code=self.code, text=self.text, data=self.data)


def explain(trouble: Trouble, *, token_env: str, is_call: bool) -> Explained:
    """What to tell the client."""
    if isinstance(trouble, Unsent):
        text = f"{_upper(str(trouble))}. Nothing was sent. Is the gateway running, and is --url right?"
        return _explained(UNREACHABLE, text, "gateway_unavailable", retryable=True)
    if isinstance(trouble, Refused) and not (is_call and trouble.may_have_run):
        return _refused(trouble, token_env)
    why = _upper(str(trouble)) if isinstance(trouble, NoAnswer) else f"The gateway failed (HTTP {trouble.status})"
    if is_call:
        text = f"{why}. Whether the call ran is not known: look before you repeat it, or tell your user."
        return _explained(OUTCOME_UNKNOWN, text, "outcome_unknown", retryable=False)
    return _explained(BAD_ANSWER, f"{why}. Try again.", "gateway_unavailable", retryable=True)


def _refused(refused: Refused, token_env: str) -> Explained:
    said = "" if refused.said is None else f" It says: {visible(refused.said, _SAID_LIMIT)}"
    match refused.status:
        case 401:
            text = (
                f"The gateway does not accept the token in ${token_env} (HTTP 401). Set it to a valid agent token "
                "(plc_agent_…) where this client starts `placet stdio`, and start it again."
            )
            return _explained(UNAUTHORIZED, text, "unauthorized", retryable=False)
        case 403:
            text = f"The gateway refuses this connection (HTTP 403).{said}"
            return _explained(FORBIDDEN, text, "forbidden", retryable=False)
        case 404 | 405:
            text = (
                f"There is no MCP endpoint of a gateway at --url (HTTP {refused.status}). It ends in /mcp, or in "
                f"/mcp/NAME for one server.{said}"
            )
            return _explained(NOT_FOUND, text, "wrong_url", retryable=False)
        case status if 300 <= status < 400:
            text = (
                f"The address in --url redirects (HTTP {status}), and redirects are never followed, because the token "
                "would go along. Put the final address in --url."
            )
            return _explained(NOT_FOUND, text, "wrong_url", retryable=False)
        case status if status >= 500:
            text = f"The gateway cannot answer just now (HTTP {status}). Try again.{said}"
            return _explained(UNREACHABLE, text, "gateway_unavailable", retryable=True)
        case status:
            text = f"The gateway refused the message (HTTP {status}).{said}"
            return _explained(BAD_ANSWER, text, "refused", retryable=False)


def _explained(code: int, text: str, word: str, *, retryable: bool) -> Explained:
    return Explained(code=code, text=text, data={"code": word, "retryable": retryable})


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
