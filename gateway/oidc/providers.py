"""The provider of the configuration in force: made when it is first needed, and anew when its section has changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway.oidc.routes import CALLBACK
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.oidc.provider import Provider


class Providers:
    """Keeps the one provider there is, with its metadata and keys."""

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._settings = settings
        self._made: Provider | None = None

    def current(self) -> Provider | None:
        """The provider, if one is configured."""
        settings = self._settings()
        if settings.oidc is None:
            return None
        if self._made is None or self._made.settings != settings.oidc:
            # Of the optional extra `oidc`: the configuration checks that it is there.
            from gateway.oidc.provider import Provider

            self._made = Provider(settings.oidc, redirect=settings.public_url + CALLBACK)
        return self._made
