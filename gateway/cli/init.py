"""`placet init`: a configuration to start from, with a person who may sign in and an agent who may call."""

from __future__ import annotations

import os
import secrets
import shlex
from pathlib import Path

import click
import yaml

from approvals import tokens
from approvals.domain.model import PersonId
from approvals.storage import migrate
from approvals.storage.engine import Database
from approvals.web.login import make_login_link
from gateway.cli.common import USAGE, fail, run
from gateway.config import ConfigErrors
from gateway.keys import make
from gateway.schemas import write_schemas
from gateway.start import load

_CONFIG = """\
# yaml-language-server: $schema={schema}
# What everything means: docs/configuration.md. `placet check` says what is wrong.
listen: {{host: 127.0.0.1, port: {port}}}
public_url: http://127.0.0.1:{port}        # links are made from this, never from Host
database: sqlite:///placet.db
keys: {{file: placet.keys}}

servers:
  {server}:
{transport}
    policy: policies/{server}.yaml

agents:
  {agent}: {{token_sha256: {token_sha256}, owner: {email}, servers: [{server}]}}

people:
  {email}: {{name: {name}, roles: [reviewer, operator, admin], groups: [team]}}

approvals:
  reviewers: ["group:team"]
  timeout: 15m
"""

_POLICY = """\
# yaml-language-server: $schema={schema}
# The policy of the server {server}. A tool that is not named here is refused, and not even listed.
version: "1"
default: deny
tools:
  # Tools by what they do, judged from their names and descriptions. Name single tools to be exact:
  # all rules that name a tool count, and the strictest wins.
  "risk:read": {{rate_limit: 60/minute}}
  "risk:write": {{action: require_approval, reason: A person looks at every change}}
  "risk:execute": {{action: require_approval, reason: A person looks at everything that is run}}
  "risk:financial": {{action: require_approval, reason: Money moves}}
  "risk:destructive": {{action: require_approval, reason: This destroys something; look twice}}
"""


@click.command()
@click.option("--server", help="A name for the MCP server to put Placet in front of, for example files.")
@click.option("--url", help="Its address, if it is reached over HTTP.")
@click.option("--command", "command_line", help="Its command line, if Placet is to start it.")
@click.option("--email", help="Your e-mail address: you become the first reviewer.")
@click.option("--name", help="Your name, as others see it.")
@click.option("--agent", default="claude", show_default=True, help="A name for your agent.")
@click.option("--port", type=click.IntRange(1, 65535), default=8642, show_default=True)
@click.option("--dir", "folder", type=click.Path(path_type=Path), default=Path(), help="Where to write. Default: here.")
@click.option("--force", is_flag=True, help="Overwrite files that are there.")
def command(
    server: str | None,
    url: str | None,
    command_line: str | None,
    email: str | None,
    name: str | None,
    agent: str,
    port: int,
    folder: Path,
    force: bool,
) -> None:
    """Write a configuration to start from, and print a link that signs you in.

    Asks for what no option says. Writes placet.yaml, a policy, placet.keys and .env.example; overwrites nothing.
    """
    server = server or click.prompt("A name for the MCP server to put Placet in front of", default="files")
    if not url and not command_line:
        answer = click.prompt("Its URL, or the command line that starts it")
        url, command_line = (answer, None) if answer.startswith(("http://", "https://")) else (None, answer)
    email = email or click.prompt("Your e-mail address (you are the first reviewer)")
    name = name or click.prompt("Your name", default=email.partition("@")[0].title())
    token = tokens.make(tokens.Kind.AGENT, secrets.token_bytes(tokens.RANDOM_BYTES))
    text = _CONFIG.format(
        schema="schema/placet.schema.json",
        port=port,
        server=server,
        transport=_transport(url, command_line),
        agent=agent,
        token_sha256=token.sha256,
        email=email.lower(),
        name=_scalar(name),
    )
    files = {
        folder / "placet.yaml": text,
        folder / "policies" / f"{server}.yaml": _POLICY.format(schema="../schema/policy.schema.json", server=server),
        folder / ".env.example": "SLACK_BOT_TOKEN=\nSLACK_APP_TOKEN=\nSLACK_SIGNING_SECRET=\n",
    }
    _write(files, folder / "placet.keys", force=force)
    write_schemas(folder / "schema")
    link = run(lambda: _sign_in(folder / "placet.yaml", PersonId(email.lower())))
    base = f"http://127.0.0.1:{port}"
    click.echo(f"""\
Wrote {", ".join(str(path) for path in files)} and placet.keys.

1. Start Placet:        placet serve{"" if folder == Path() else f" --config {folder / 'placet.yaml'}"}
2. Sign in (once, within 15 minutes):
   {link}
3. Connect your agent. Its token is shown only now:
   claude mcp add --transport http {server} {base}/mcp/{server} --header "Authorization: Bearer {token.text}"
""")


def _transport(url: str | None, command_line: str | None) -> str:
    if url:
        return f"    url: {_scalar(url)}"
    words = ", ".join(_scalar(word) for word in shlex.split(command_line or ""))
    if not words:
        fail("A server needs a URL or a command line.", USAGE)
    return f"    command: [{words}]"


def _scalar(text: str) -> str:
    return yaml.safe_dump(text, default_style='"', allow_unicode=True, width=10_000).strip()


def _write(files: dict[Path, str], keys: Path, *, force: bool) -> None:
    there = [path for path in (*files, keys) if path.exists()]
    if there and not force:
        fail(f"{there[0]} is there already. Nothing was written; --force overwrites.", USAGE)
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    if not keys.exists():
        # The keys of an installation are never overwritten: what they sealed could not be opened again.
        make(keys)


async def _sign_in(config: Path, person: PersonId) -> str:
    try:
        settings = await load(config, os.environ)
    except ConfigErrors as err:
        fail(f"{err}\n\nThe files were written, but they cannot be used as they are.")
    url = settings.database.get_secret_value()
    await migrate.upgrade(url)
    random = secrets.token_bytes(tokens.RANDOM_BYTES)
    async with Database.opened(url) as db:
        return settings.public_url + await db.write(lambda tx: make_login_link(tx, person, tx.now, random))
