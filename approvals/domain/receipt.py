"""The receipt of a request: an in-toto Statement v1 in a DSSE v1 envelope, which anybody can check offline.

It says what was asked, under which rule, who voted and how they were known, and what came of it. Arguments, reasons
and results are in it as salted commitments only; who is shown the salt can check what they were told against it. The
file is one canonical form, byte for byte, so that a receipt with any byte changed is not accepted. Signing is the
shell's.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from approvals.domain.audit import Entry, stamp
from approvals.domain.fingerprint import canonical, sha256_hex
from approvals.domain.grants import Covered
from approvals.domain.model import OPEN_STATES, ApprovalRequest, State, Vote

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:placet:receipt:1"
PAYLOAD = "application/vnd.in-toto+json"
LARGEST = 1_000_000
"""Bytes of a receipt; ours are a few thousand."""
KNOWN_BY = {
    "web": "a session of the web console",
    "api": "a personal access token",
    "slack": "a Slack identity that is mapped to the person",
    "cli": "the command line, with access to the database and the keys",
}
_COMMITMENT = b"placet/receipt/1\x00"


class NotAReceipt(ValueError):
    """The bytes are no receipt in its one form; `str()` says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A receipt that was taken apart. `signed` are the bytes that the signature is over (DSSE's PAE)."""

    statement: dict[str, Any]
    signed: bytes
    key: str
    signature: bytes


def has_receipt(request: ApprovalRequest) -> bool:
    """Is there something to certify? Not before somebody, or time, has decided."""
    return request.state not in OPEN_STATES or request.state is State.EXECUTING or request.decided_at is not None


def statement(request: ApprovalRequest, *, salt: str, last: Entry) -> bytes:
    """What is certified of a request, as canonical JSON. `last` is its newest entry in the audit chain."""
    call = request.call
    predicate = {
        "request": request.id,
        "state": request.state.value,
        "cause": None if request.cause is None else request.cause.value,
        "server": call.server,
        "tool": call.tool,
        "tool_fingerprint": call.tool_fingerprint,
        "agent": request.caller.agent,
        "owner": request.caller.owner,
        "arguments": committed(call.arguments, salt, "arguments"),
        "edited_from": None if request.edited_from is None else committed(request.edited_from, salt, "edited_from"),
        "binding": request.binding,
        "policy_version": request.policy_version,
        "rule": request.rule,
        "risk": request.risk,
        "severity": request.severity,
        "factors": [{"members": list(one.members), "count": one.count} for one in request.terms.factors],
        "four_eyes": request.terms.four_eyes,
        **({} if request.decoy is None else {"decoy": request.decoy}),
        "ground": None if request.ground is None else request.ground.value,
        "grant": _grant(request.covered),
        "votes": [_vote(vote, salt, number) for number, vote in enumerate(request.votes)],
        "created_at": stamp(request.created_at),
        "decided_at": None if request.decided_at is None else stamp(request.decided_at),
        "outcome": _outcome(request, salt),
        "audit": {"seq": last.seq, "hash": last.hash},
    }
    return canonical(
        {
            "_type": STATEMENT,
            "subject": [{"name": request.id, "digest": {"sha256": request.binding}}],
            "predicateType": PREDICATE,
            "predicate": predicate,
        }
    )


def committed(data: bytes, salt: str, what: str) -> str:
    """The commitment to some bytes: without the salt nothing can be guessed from it."""
    return sha256_hex(_COMMITMENT + what.encode() + b"\x00" + bytes.fromhex(salt) + data)


def signing_bytes(payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding of a payload."""
    kind = PAYLOAD.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def envelope(payload: bytes, *, key: str, signature: bytes) -> bytes:
    """The receipt as a file: one line of canonical JSON."""
    signed = {"keyid": key, "sig": _text(signature)}
    return canonical({"payloadType": PAYLOAD, "payload": _text(payload), "signatures": [signed]}) + b"\n"


def opened(data: bytes) -> Envelope:
    """Take a receipt apart; whether its signature is good is for the caller to check.

    Raises:
        NotAReceipt: it is none, or not in its one canonical form.
    """
    outer = _json(data)
    if data != canonical(outer) + b"\n":
        raise NotAReceipt("it is not byte for byte as it was written")
    signatures = outer.get("signatures")
    if set(outer) != {"payloadType", "payload", "signatures"} or not isinstance(signatures, list):
        raise NotAReceipt("it has not the parts of a DSSE envelope")
    if outer["payloadType"] != PAYLOAD or len(signatures) != 1 or set(signatures[0]) != {"keyid", "sig"}:
        raise NotAReceipt("it is an envelope of something else")
    payload = _bytes(outer["payload"])
    inner = _json(payload)
    if payload != canonical(inner) or inner.get("_type") != STATEMENT or inner.get("predicateType") != PREDICATE:
        raise NotAReceipt("what it certifies is no request of Placet")
    key = signatures[0]["keyid"]
    if not isinstance(key, str):
        raise NotAReceipt("it names no key")
    return Envelope(statement=inner, signed=signing_bytes(payload), key=key, signature=_bytes(signatures[0]["sig"]))


def _vote(vote: Vote, salt: str, number: int) -> dict[str, Any]:
    reason = None if vote.reason is None else committed(vote.reason.encode(), salt, f"reason {number}")
    return {
        "reviewer": vote.reviewer,
        **({"for": list(vote.on_behalf)} if vote.on_behalf else {}),
        "decision": vote.answer.value,
        "binding": vote.binding,
        "at": stamp(vote.at),
        "via": vote.via,
        "known_by": _known_by(vote),
        "sign_in": None if vote.sign_in is None else vote.sign_in.saved(),
        "reason": reason,
    }


def _known_by(vote: Vote) -> str:
    surface = KNOWN_BY.get(vote.via, vote.via)
    return surface if vote.sign_in is None else f"{surface}, {vote.sign_in.words()}"


def _grant(covered: Covered | None) -> dict[str, Any] | None:
    if covered is None:
        return None
    return {"id": covered.grant, "given_by": list(covered.given_by), "request": covered.request}


def _outcome(request: ApprovalRequest, salt: str) -> dict[str, Any] | None:
    outcome = request.outcome
    if outcome is None:
        return None
    return {
        "kind": outcome.kind,
        "result": None if outcome.result is None else committed(outcome.result, salt, "result"),
        "started_at": None if outcome.started_at is None else stamp(outcome.started_at),
        "finished_at": None if outcome.finished_at is None else stamp(outcome.finished_at),
    }


def openings(request: ApprovalRequest, salt: str) -> dict[str, Any]:
    """What the commitments of a receipt are to: for whoever may read the request in full."""
    reasons: Sequence[str | None] = [vote.reason for vote in request.votes]
    original = None if request.edited_from is None else json.loads(request.edited_from)
    arguments = json.loads(request.call.arguments)
    return {"salt": salt, "arguments": arguments, "edited_from": original, "reasons": list(reasons)}


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _bytes(text: Any) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise NotAReceipt("a part of it is not base64") from None
    if _text(data) != text:
        raise NotAReceipt("a part of it is not in its one form")
    return data


def _json(data: bytes) -> dict[str, Any]:
    if len(data) > LARGEST:
        raise NotAReceipt("it is too large")
    try:
        value = json.loads(data.decode("utf-8"))
        canonical(value)
    except (ValueError, RecursionError):
        raise NotAReceipt("it is not JSON") from None
    if not isinstance(value, dict):
        raise NotAReceipt("it is not a JSON object")
    return value
