"""`placet demo`: the whole story on this machine, with nothing to set up."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import tempfile
from pathlib import Path

import click

from approvals import tokens
from approvals.acting import Actor
from approvals.domain.model import PersonId
from approvals.roster import make_login_link
from gateway import logs
from gateway.app import Service
from gateway.cli.common import operator
from gateway.demo.stage import SERVER, YOU, Stage, free_port, staged
from gateway.demo.story import Story
from gateway.process import serve
from gateway.start import load


@click.command()
@click.option("--no-agent", is_flag=True, help="Wait for a real agent, and print how to connect it.")
@click.option("--port", type=click.IntRange(0, 65535), default=8642, show_default=True, help="Port of the console.")
@click.option("--exit-after", is_flag=True, help="End when the story is over, instead of at Ctrl-C.")
def command(no_agent: bool, port: int, exit_after: bool) -> None:
    """See the whole story: a shop, an agent, and you.

    Starts a small MCP server, the gateway, the web console, a look-alike of Slack and a scripted agent, all on this
    machine and in a temporary folder. Needs no account and leaves nothing behind.
    """
    logs.set_up("text", "error")
    with tempfile.TemporaryDirectory(prefix="placet-demo-") as folder:
        asyncio.run(_run(Path(folder), no_agent=no_agent, port=free_port(port), exit_after=exit_after))
    click.echo("\nThe demo is over, and its folder is gone. `placet init` sets up the real thing.")


async def _run(folder: Path, *, no_agent: bool, port: int, exit_after: bool) -> None:
    story = Story(click.echo)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with staged(folder, port=port, on_ledger=story.wrote) as stage:
        settings = await load(stage.config, os.environ)

        def ready(service: Service, url: str) -> None:
            service.work.start(_play(service, url, stage, story, stop, no_agent=no_agent, exit_after=exit_after))

        await serve(settings, env=os.environ, stop=stop, ready=ready)


async def _play(
    service: Service, url: str, stage: Stage, story: Story, stop: asyncio.Event, *, no_agent: bool, exit_after: bool
) -> None:
    random = secrets.token_bytes(tokens.RANDOM_BYTES)
    actor = Actor(id=operator(), via="cli")
    path = await service.db.write(lambda tx: make_login_link(tx, PersonId(YOU), random, by=actor))
    click.echo(f"""
Placet is running on this machine.

   Console, signed in as You:  {url}{path}
   Look-alike of Slack:        {stage.slack_page}
""")
    endpoint = f"{url}/mcp/{SERVER}"
    connect = f'claude mcp add --transport http {SERVER} {endpoint} --header "Authorization: Bearer {stage.token}"'
    if no_agent:
        click.echo(f"Connect your own agent, then ask it to refund order A-1002:\n\n   {connect}\n")
    else:
        await story.play(endpoint, stage.token)
        if stop.is_set():
            return  # ended by hand in the middle of the story: there is no page any more to send anybody to
        click.echo(f"That is all. The page keeps the record. To try it with your own agent:\n\n   {connect}\n")
    if exit_after:
        stop.set()
    else:
        click.echo("Ctrl-C ends the demo.")
