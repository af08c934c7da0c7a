"""The keys of every test's installation, and the vault that they open."""

from __future__ import annotations

from approvals.storage.vault import Masters, Vault

MASTER = bytes(range(32))
VAULT = Vault(lambda: Masters((MASTER,)))
