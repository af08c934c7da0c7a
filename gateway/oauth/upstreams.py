"""Upstream OAuth as one part: the keys, the store, an authorizer for each server that wants one, and sign-ins.

The installation's keys are read at the first server that needs them, so that who has none needs no key file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from approvals.bus import Bus
from approvals.storage.engine import Database
from gateway.keys import Keys
from gateway.oauth import grants
from gateway.oauth.authorizer import ClientCredentials, Run, SignedIn
from gateway.oauth.fetch import Fetcher
from gateway.oauth.signin import SignIns
from gateway.oauth.store import TokenStore
from gateway.oauth.vault import PURPOSE, Vault
from gateway.settings import ServerSettings


class UpstreamOauth:
    """Makes authorizers. `keys` may raise ValueError or OSError; `changed` hears of servers signed in to or out of."""

    def __init__(
        self,
        *,
        db: Database,
        bus: Bus,
        holder: str,
        keys: Callable[[], Keys],
        run: Run,
        changed: Callable[[str], None] = lambda _server: None,
    ) -> None:
        self._db, self._bus, self._holder, self._keys, self._run = db, bus, holder, keys, run
        self._changed = changed
        self._vault: Vault | None = None
        self._made: dict[str, ClientCredentials | SignedIn] = {}

    def authorizer(self, server: ServerSettings) -> ClientCredentials | SignedIn | None:
        """Who has the credentials for a server; None where its headers are fixed.

        Raises:
            ValueError: the installation's keys cannot be used.
        """
        if server.url is None or server.oauth is None:
            return None
        fetcher = Fetcher(known=grants.known_hosts(server.oauth, server.url))
        made: ClientCredentials | SignedIn
        if server.oauth.grant == "client_credentials":
            made = ClientCredentials(
                server=server.name, url=server.url, settings=server.oauth, fetcher=fetcher, run=self._run
            )
        else:
            made = SignedIn(
                server=server.name,
                url=server.url,
                settings=server.oauth,
                fetcher=fetcher,
                store=self._store(),
                run=self._run,
            )
        self._made[server.name] = made
        return made

    def sign_ins(self, *, public_url: str, servers: Callable[[], Mapping[str, ServerSettings]]) -> SignIns:
        """Begins and completes sign-ins.

        Raises:
            ValueError: the installation's keys cannot be used.
        """
        return SignIns(
            db=self._db,
            vault=self._opened(),
            store=self._store(),
            public_url=public_url,
            servers=servers,
            done=self._forget,
        )

    def _forget(self, server: str) -> None:
        if server in self._made:
            self._made[server].forget()
        self._changed(server)

    def _store(self) -> TokenStore:
        return TokenStore(self._db, self._bus, self._opened(), self._holder)

    def _opened(self) -> Vault:
        if self._vault is None:
            try:
                self._vault = Vault(self._keys().for_purpose(PURPOSE))
            except OSError as err:
                raise ValueError(f"the keys of this installation cannot be read: {err}") from err
        return self._vault
