"""`placet stdio`: a stdio MCP server that bridges to the gateway, for clients that can do neither HTTP nor headers.

The token comes from the environment only: a command line can be read by every process of the machine.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
from datetime import timedelta
from urllib.parse import urlsplit

import click

from gateway import logs
from gateway.bridge.settings import Settings
from gateway.cli.common import USAGE, fail
from gateway.inbound.stdio import run
from gateway.policy.durations import duration, written

DEFAULT_TOKEN = "PLACET_TOKEN"  # noqa: S105 (the name of a variable)
LONGEST_WAIT = timedelta(hours=24)
_MAX_TOKEN = 8192


def _length(_context: click.Context, _parameter: click.Parameter, value: str | None) -> timedelta | None:
    if value is None:
        return None
    try:
        length = duration(value)
    except ValueError as err:
        raise click.BadParameter(str(err)) from err
    if not timedelta(seconds=1) <= length <= LONGEST_WAIT:
        raise click.BadParameter(f"must lie between 1s and {written(LONGEST_WAIT)}")
    return length


@click.command()
@click.option("--url", required=True, help="The gateway's MCP endpoint: https://…/mcp, or https://…/mcp/SERVER.")
@click.option("--token-env", metavar="NAME", help=f"The environment variable with the agent token ({DEFAULT_TOKEN}).")
@click.option(
    "--wait",
    callback=_length,
    metavar="DURATION",
    help="How long to wait for people in one call (50s; 25m where the client asked for progress).",
)
@click.option(
    "--insecure-http", is_flag=True, help="Allow http:// to another machine: the token can be read by others."
)
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="warning")
def command(url: str, token_env: str | None, wait: timedelta | None, insecure_http: bool, log_level: str) -> None:
    """Bridge a stdio MCP client to the gateway.

    Speaks newline-delimited JSON-RPC on stdin and stdout and logs to stderr. A held call is waited for on the
    client's behalf, through restarts of the gateway.
    """
    logs.set_up("text", log_level)
    if (why := wrong_url(url, insecure_http=insecure_http)) is not None:
        fail(f"--url: {why}", USAGE)
    name = token_env or DEFAULT_TOKEN
    token = os.environ.get(name, "").strip()
    if token_env is not None and not token:
        fail(f"--token-env: the environment variable {name} is not set, or is empty.", USAGE)
    if token and (why := wrong_token(token)) is not None:
        fail(f"${name}: {why}", USAGE)
    if not token:
        click.echo(f"note: ${name} is not set, so no token is sent; only an anonymous agent can work so.", err=True)
    asyncio.run(run(Settings(url=url, token=token or None, token_env=name, wait=wait)))


def wrong_url(url: str, *, insecure_http: bool) -> str | None:
    """What is wrong with the address of a gateway, or None."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as err:
        return f"it is not an address ({err})."
    if parts.scheme not in ("http", "https") or not host:
        return "it must begin with https:// (or http:// for this machine) and a host."
    if parts.username is not None or parts.password is not None or "plc_" in url:
        return "no token and no password belong into an address. Put the token into an environment variable."
    if parts.fragment or not url.isascii() or not url.isprintable() or " " in url:
        return "it must be plain ASCII without a fragment."
    if parts.scheme == "http" and not _is_loopback(host) and not insecure_http:
        return (
            f"http:// to {host} would send the token unencrypted. Use https://, or say --insecure-http if the way "
            "there is safe in itself."
        )
    return None


def wrong_token(token: str) -> str | None:
    """What is wrong with an agent token, before it is ever sent; never repeats it."""
    if token.startswith("$"):
        return "holds the name of a variable in place of its value: this client does not fill variables in."
    if token.lower().startswith("bearer "):
        return "must be the token alone, without the word Bearer."
    if token.startswith("plc_person_"):
        return "is a person's token. An agent needs its own (plc_agent_…)."
    if len(token) > _MAX_TOKEN or not token.isascii() or not all(0x21 <= ord(char) <= 0x7E for char in token):
        return "is no token: it holds blanks or characters outside ASCII, or is too long."
    return None


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
