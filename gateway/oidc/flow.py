"""A sign-in from its beginning to a session.

What binds an answer to the browser that asked is one random secret that only this browser has: the state is kept with
its hash, and the nonce and the PKCE verifier are made from it, so that nothing which lies in the database could finish
a sign-in. A state is used up by the first answer of that browser. Whatever then goes wrong is kept with it, in words
for that browser's page, and in the audit; what an operator needs besides is logged.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from approvals.domain.sign_in import OIDC, SignIn
from approvals.storage.identities import SignInRow
from approvals.storage.tx import Tx
from approvals.web.parts import WebParts
from approvals.web.sessions import SECRET_BYTES, digest, open_session
from gateway.oauth.fetch import Failed
from gateway.oauth.grants import Denied
from gateway.oidc.admission import NotAdmitted, admit
from gateway.oidc.id_token import NotTaken, NotVerified, Said
from gateway.protocol.strict import visible

if TYPE_CHECKING:
    from gateway.oidc.provider import Provider

log = logging.getLogger(__name__)

GOOD_FOR = timedelta(minutes=10)
AWAY = "The identity provider cannot be asked now. Try again in a minute; Placet's log says what is wrong."
_WRONG = "What the identity provider answered cannot be used. Tell an operator: Placet's log says what is wrong."
_NOT_VERIFIED = (
    "The identity provider does not say that your e-mail address is verified. Verify it there, then sign in again. "
    "If the provider never says so, an operator can vouch for its domain: login.oidc.verified_domains."
)
_NO = "The identity provider did not sign you in. You can try again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """Where the browser goes, and the secret that it keeps."""

    url: str = field(repr=False)
    secret: str = field(repr=False)


class Refused(Exception):
    """A sign-in that does not end well: `str()` is for its browser, `why` for the log, `code` for the audit."""

    def __init__(self, code: str, shown: str, why: str, *, who: str = "") -> None:
        super().__init__(shown)
        self.code, self.why, self.who = code, why, who


async def begin(parts: WebParts, provider: Provider, next_page: str) -> Begun:
    """Begin a sign-in that ends at a page of ours.

    Raises:
        Failed: the provider cannot be asked.
    """
    secret, state = secrets.token_urlsafe(SECRET_BYTES), secrets.token_urlsafe(SECRET_BYTES)
    url = await provider.link(state=state, nonce=_made(secret, "nonce"), verifier=_made(secret, "verifier"))

    def work(tx: Tx) -> None:
        row = SignInRow(
            state_sha256=digest(state),
            browser_sha256=digest(secret),
            next=next_page,
            created_at=tx.now,
            expires_at=tx.now + GOOD_FOR,
        )
        tx.identities.begin(row)

    await parts.db.write(work)
    return Begun(url=url, secret=secret)


async def complete(
    parts: WebParts, provider: Provider, query: Mapping[str, str], secret: str, *, before: str | None
) -> str:
    """Sign somebody in with what their browser brought back; returns the secret of the session.

    `before` is the hash of the session that the browser had: it ends.

    Raises:
        Refused: nobody is signed in.
    """
    try:
        said = await _said(provider, query, secret)
    except Failed as err:
        code = "provider_unavailable" if err.passing else "answer_not_taken"
        raise Refused(code, AWAY if err.passing else _WRONG, str(err)) from err
    except NotVerified as err:
        raise Refused("not_verified", _NOT_VERIFIED, f"the ID token is not taken: {err}") from err
    except NotTaken as err:
        raise Refused("answer_not_taken", _WRONG, f"the ID token is not taken: {err}") from err
    fresh, how = parts.random(2 * SECRET_BYTES), _how(said)

    def work(tx: Tx) -> str:
        person = admit(tx, parts.directory, provider.settings, said)
        if before is not None:
            tx.people.end_session(before)
        tx.did(
            "person.signed_in",
            person.id,
            subject=f"person:{person.id}",
            via="web",
            by=OIDC,
            groups=sorted(said.groups),
            **{name: value for name, value in how.saved().items() if name != "method"},
        )
        return open_session(tx, person.id, parts.settings, fresh, how).secret

    try:
        return await parts.db.write(work)
    except NotAdmitted as err:
        raise Refused(err.code, str(err), str(err), who=said.email) from err


def on_record(tx: Tx, row: SignInRow, refused: Refused) -> None:
    """Keep why a sign-in did not end well."""
    tx.identities.refuse(row.state_sha256, str(refused))
    tx.did("person.sign_in_refused", refused.who or "placet", via="web", by=OIDC, code=refused.code, why=refused.why)


async def _said(provider: Provider, query: Mapping[str, str], secret: str) -> Said:
    await provider.check_issuer(query.get("iss"))
    if "error" in query or not query.get("code"):
        why = visible(query.get("error", "it brought no code back"))[:200]
        raise Refused("provider_refused", _NO, f"the provider said no: {why}")
    try:
        return await provider.said(query["code"], nonce=_made(secret, "nonce"), verifier=_made(secret, "verifier"))
    except Denied as err:
        raise Refused("provider_refused", _NO, str(err)) from err


def _how(said: Said) -> SignIn:
    at = None if said.auth_time is None else datetime.fromtimestamp(min(said.auth_time, 2**33), UTC)
    return SignIn(method=OIDC, issuer=said.issuer, acr=said.acr, amr=said.amr, at=at)


def _made(secret: str, what: str) -> str:
    """What is sent to the provider: it tells nothing of the secret it is made from."""
    return hashlib.sha256(f"placet/sign-in/{what}\x00{secret}".encode()).hexdigest()
