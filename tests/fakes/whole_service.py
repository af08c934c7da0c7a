"""A service in which everything is switched on, built and not started: for what is said about all of its routes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from approvals.storage.engine import Database
from gateway.app import Service
from gateway.config import load_config
from gateway.keys import Keys
from gateway.work import Work
from tests.fakes.keys import MASTER, VAULT

CONFIG = """\
public_url: https://placet.example.com
servers:
  shop: {url: "https://shop.example.com/mcp"}
slack: {bot_token: xoxb-1, signing_secret: "0123456789abcdef0123456789abcdef", channel: "#money"}
webhooks:
  - url: https://hooks.example.com
    secret: whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=
    name: one
    may_decide: true
push: {contact: "mailto:ops@example.com"}
login:
  oidc: {issuer: "https://login.example.com", client_id: placet, client_secret: s}
"""


@asynccontextmanager
async def whole_service(folder: Path) -> AsyncIterator[Service]:
    """The service of `CONFIG`, over an empty database in a folder."""
    file = folder / "placet.yaml"
    file.write_text(CONFIG)
    settings = load_config(file, {})
    async with Database.opened(f"sqlite:///{folder}/placet.db", VAULT) as db, asyncio.TaskGroup() as group:
        work = Work(group)
        yield Service(settings, env={}, db=db, work=work, keys=Keys(MASTER))
        work.cancel()
