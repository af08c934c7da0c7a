"""Receipts: what they certify, and that nothing else is accepted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from approvals.domain import receipt
from approvals.domain.audit import START, Act, link
from approvals.domain.fingerprint import canonical
from approvals.domain.model import Answer, ApprovalRequest, State, Vote
from approvals.domain.sign_in import SignIn
from approvals.signing import PublicKey, Signer
from approvals.testing import samples

SIGNER = Signer(seed=b"s" * 32, salt_key=b"k" * 32)
OTHER = Signer(seed=b"o" * 32, salt_key=b"k" * 32)


def decided() -> ApprovalRequest:
    """A request that was denied."""
    request = samples.request({"to": "acme", "amount": 50})
    return replace(request, state=State.DENIED, decided_at=request.created_at)


def made(request: ApprovalRequest, signer: Signer = SIGNER) -> bytes:
    """Its receipt."""
    last = link(Act(action="x", actor="placet", at=request.created_at), seq=1, prev=START, salt="0" * 32)
    payload = receipt.statement(request, salt=signer.salt(request.id), last=last)
    signature = signer.sign(receipt.signing_bytes(payload))
    return receipt.envelope(payload, key=signer.public.id, signature=signature)


def accepted(data: bytes, key: PublicKey = SIGNER.public) -> dict[str, Any] | None:
    """What a receipt says, or None where it is not accepted."""
    try:
        taken = receipt.opened(data)
    except receipt.NotAReceipt:
        return None
    good = taken.key == key.id and key.checks(taken.signed, taken.signature)
    return taken.statement["predicate"] if good else None


def test_a_true_receipt_is_accepted_and_says_what_happened() -> None:
    request = decided()
    said = accepted(made(request))
    assert said is not None
    assert (said["request"], said["state"], said["binding"]) == (request.id, "denied", request.binding)


def test_the_key_that_is_printed_is_the_key_that_checks() -> None:
    assert accepted(made(decided()), PublicKey.from_pem(SIGNER.public.pem)) is not None


@pytest.mark.must_have(24)
def test_each_single_changed_byte_is_refused() -> None:
    data = made(decided())
    for place in range(len(data)):
        for flip in (1, 0x20, 0x80):
            changed = data[:place] + bytes([data[place] ^ flip]) + data[place + 1 :]
            assert accepted(changed) is None, place


def test_each_missing_and_each_added_byte_is_refused() -> None:
    data = made(decided())
    for place in range(len(data) + 1):
        assert accepted(data[:place] + b" " + data[place:]) is None, place
        if place < len(data):
            assert accepted(data[:place] + data[place + 1 :]) is None, place


def test_another_installation_s_receipt_is_refused() -> None:
    assert accepted(made(decided(), OTHER)) is None


def test_a_receipt_that_names_our_key_and_was_signed_by_another_is_refused() -> None:
    ours, theirs = receipt.opened(made(decided())), receipt.opened(made(decided(), OTHER))
    payload = canonical(ours.statement)
    assert accepted(receipt.envelope(payload, key=ours.key, signature=theirs.signature)) is None


def test_the_arguments_can_be_checked_by_who_has_the_salt_and_not_guessed_without() -> None:
    request = decided()
    said = accepted(made(request))
    assert said is not None
    salt = SIGNER.salt(request.id)
    assert receipt.committed(request.call.arguments, salt, "arguments") == said["arguments"]
    assert receipt.committed(request.call.arguments, "0" * 32, "arguments") != said["arguments"]
    assert request.call.arguments_sha256 not in str(said)


def test_what_nobody_decided_has_no_receipt() -> None:
    request = samples.request({})
    assert not receipt.has_receipt(request)
    assert receipt.has_receipt(replace(request, state=State.EXPIRED))
    assert receipt.has_receipt(replace(request, state=State.APPROVED, decided_at=request.created_at))


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]\n", b"null\n", b"\xff\n", b"{" * 5000, b'{"payload":1}\n', b"x" * (receipt.LARGEST + 1)],
    ids=["empty", "no newline", "a list", "null", "not UTF-8", "too deep", "other parts", "too large"],
)
def test_garbage_is_no_receipt(data: bytes) -> None:
    with pytest.raises(receipt.NotAReceipt):
        receipt.opened(data)


def test_a_receipt_of_an_edited_call_commits_to_what_was_asked_and_to_what_was_decided() -> None:
    request = replace(decided(), edited_from=canonical({"to": "acme", "amount": 500}))
    said, salt = accepted(made(request)), SIGNER.salt(request.id)
    shown = receipt.openings(request, salt)
    assert said is not None
    assert (shown["arguments"]["amount"], shown["edited_from"]["amount"]) == (50, 500)
    for what in ("arguments", "edited_from"):
        assert said[what] == receipt.committed(canonical(shown[what]), salt, what)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        pytest.param(None, "a personal access token", id="no session"),
        pytest.param(SignIn(method="link"), "a personal access token, begun by a one-time link", id="a link"),
        pytest.param(
            SignIn(method="oidc", issuer="https://id.example", acr="silver", amr=("pwd", "otp")),
            "a personal access token, begun at https://id.example (acr silver; amr pwd, otp)",
            id="a provider",
        ),
    ],
)
def test_a_vote_says_how_its_session_began(how: SignIn | None, words: str) -> None:
    request = decided()
    vote = Vote(
        reviewer=samples.ADA.id,
        answer=Answer.DENY,
        binding=request.binding,
        via="api",
        at=request.created_at,
        sign_in=how,
    )
    said = accepted(made(replace(request, votes=(vote,))))
    assert said is not None
    assert said["votes"][0]["known_by"] == words
    assert said["votes"][0]["sign_in"] == (None if how is None else how.saved())
    assert SignIn.read(said["votes"][0]["sign_in"]) == how
