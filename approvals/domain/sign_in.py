"""How a session began: by what a person proved who they are. Kept with the session, each vote and the receipt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

LINK, OIDC = "link", "oidc"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """`method` is `link` (a one-time link) or `oidc`; the rest is the provider's word, in printable characters.

    `acr` and `amr` say how strongly and by which means (OpenID Connect Core 2, RFC 8176), `at` when.
    """

    method: str
    issuer: str | None = None
    acr: str | None = None
    amr: tuple[str, ...] = ()
    at: datetime | None = None

    def saved(self) -> dict[str, Any]:
        """As JSON data, without what is not known."""
        said = {
            "method": self.method,
            "issuer": self.issuer,
            "acr": self.acr,
            "amr": list(self.amr) or None,
            "at": None if self.at is None else self.at.astimezone(UTC).isoformat(),
        }
        return {name: value for name, value in said.items() if value is not None}

    @staticmethod
    def read(saved: Mapping[str, Any] | None) -> SignIn | None:
        """From what `saved` gave; None for nothing."""
        if saved is None:
            return None
        at = saved.get("at")
        return SignIn(
            method=saved["method"],
            issuer=saved.get("issuer"),
            acr=saved.get("acr"),
            amr=tuple(saved.get("amr", ())),
            at=None if at is None else datetime.fromisoformat(at),
        )

    def words(self) -> str:
        """For a sentence: `begun by a one-time link`."""
        if self.method == LINK:
            return "begun by a one-time link"
        means = [f"acr {self.acr}"] if self.acr else []
        means += [f"amr {', '.join(self.amr)}"] if self.amr else []
        return f"begun at {self.issuer}" + (f" ({'; '.join(means)})" if means else "")
