"""Everything the demo needs, in a temporary folder: the shop, the look-alike of Slack, and a configuration."""

from __future__ import annotations

import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from aiohttp import web

from approvals import tokens
from approvals.testing.slack import LookalikeSlack
from gateway.demo.shop import Shop

YOU = "you@example.com"
SLACK_ID = "U0YOU"
SERVER, AGENT, CHANNEL = "shop", "demo-agent", "approvals"
POLICY = """\
version: "1"
default: deny
tools:
  find_order: {}
  send_mail: {rate_limit: 2/minute}
  refund_payment:
    action: require_approval
    reason: Money leaves the company, so a person says yes or no
    approval: {timeout: 15m}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What is set up: the configuration file, the agent's token, and where the look-alike is."""

    config: Path
    token: str
    slack_page: str


@asynccontextmanager
async def staged(folder: Path, *, port: int, on_ledger: Callable[[str], None]) -> AsyncIterator[Stage]:
    """Start the shop and the look-alike, and write a configuration that uses them."""
    shop = web.AppRunner(Shop(on_ledger).app(), access_log=None)
    await shop.setup()
    try:
        site = web.TCPSite(shop, "127.0.0.1", 0)
        await site.start()
        async with LookalikeSlack(team_name="Demo Shop", posts_per_second=None) as slack:
            slack.add_user(SLACK_ID, "You", YOU)
            slack.add_channel(CHANNEL, members=[SLACK_ID])
            token = tokens.make(tokens.Kind.AGENT, secrets.token_bytes(tokens.RANDOM_BYTES))
            config = _write(folder, port, shop.addresses[0][1], slack, token.sha256)
            yield Stage(config=config, token=token.text, slack_page=f"{slack.page_url}&as={SLACK_ID}")
    finally:
        await shop.cleanup()


def free_port(wanted: int) -> int:
    """The port asked for if it is free, else one that is."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no port is free on 127.0.0.1")


def _write(folder: Path, port: int, shop_port: int, slack: LookalikeSlack, token_sha256: str) -> Path:
    (folder / "shop.yaml").write_text(POLICY, encoding="utf-8")
    config = {
        "listen": {"host": "127.0.0.1", "port": port},
        "public_url": f"http://127.0.0.1:{port}",
        "database": "sqlite:///placet.db",
        "keys": {"file": "placet.keys"},
        "servers": {SERVER: {"url": f"http://127.0.0.1:{shop_port}/mcp", "policy": "shop.yaml"}},
        "agents": {AGENT: {"token_sha256": token_sha256, "owner": YOU, "servers": [SERVER]}},
        "people": {
            YOU: {"name": "You", "roles": ["reviewer", "operator", "admin"], "groups": ["team"], "slack": SLACK_ID}
        },
        "approvals": {"reviewers": ["group:team"]},
        "slack": {
            "bot_token": slack.bot_token,
            "app_token": slack.app_token,
            "channel": f"#{CHANNEL}",
            "api_url": slack.api_url,
        },
    }
    path = folder / "placet.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return path
