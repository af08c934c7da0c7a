"""The bodies of signing in with an identity provider."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from approvals.web.bodies import Model


class OfferOut(Model):
    """How people sign in here. `provider` is the name on the button; `end_session` signs out there, too.

    `person` is who is signed in in this browser already. `refused` is why the
    last sign-in of this browser did not end well, and `next` where it was to lead.
    """

    links: bool
    provider: str | None
    refused: str | None
    next: str | None
    end_session: str | None
    person: str | None


class BeginIn(Model):
    """A sign-in to begin, and the page that is wanted after it."""

    next: Annotated[str, Field(max_length=2048)] = "/"


class BegunOut(Model):
    """Where the browser goes to sign in."""

    url: str
