"""What a transport over HTTP needs of whoever has credentials for its server (protocol.md 3).

Fixed headers of the configuration need nobody; this is for credentials that are got, run out, and are got again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Authorizer(Protocol):
    """Has the credentials for one server."""

    async def headers(self) -> Mapping[str, str]:
        """The headers to send with a request now.

        Raises:
            Unsent: there are no credentials, in plain words.
        """
        ...

    async def refused(self, sent: Mapping[str, str], *, status: int, challenge: str | None) -> bool:
        """The server refused a request that carried `sent`. True: there is something better, send it once more.

        `challenge` is its WWW-Authenticate. Never raises.
        """
        ...
