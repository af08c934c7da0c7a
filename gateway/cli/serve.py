"""`placet serve`: run the gateway and the web console until told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path

import click

from approvals.errors import Refusal
from gateway import logs
from gateway.app import Service
from gateway.cli.common import config_file, config_option, fail
from gateway.config import ConfigErrors
from gateway.process import serve
from gateway.settings import Listen, Settings
from gateway.start import load


@click.command()
@config_option
@click.option("--host", help="Listen on this address instead of listen.host.")
@click.option("--port", type=click.IntRange(0, 65535), help="Listen on this port instead of listen.port.")
@click.option("--role", type=click.Choice(["all"]), default="all", help="Which part to run.")
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", help="How log lines look.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info")
def command(
    config: Path | None, host: str | None, port: int | None, role: str, log_format: str, log_level: str
) -> None:
    """Run the gateway and the web console.

    SIGTERM and Ctrl-C stop it in good order: held calls are told to come back, running ones may end; a second signal
    ends it at once. SIGHUP reloads the configuration.
    """
    del role
    logs.set_up(log_format, log_level)
    file = config_file(config)
    try:
        settings = asyncio.run(load(file, os.environ))
    except ConfigErrors as err:
        fail(f"{err}\n\nThe configuration {file} cannot be used. `placet check` says the same.")
    except Refusal as refused:
        fail(str(refused))
    try:
        asyncio.run(_run(_listening(settings, host, port)))
    except* Refusal as group:
        fail(str(group.exceptions[0]))
    except* ValueError as group:
        fail(str(group.exceptions[0]))
    except* OSError as group:
        fail(f"Cannot listen on {settings.listen.host}:{settings.listen.port}: {group.exceptions[0]}")


def _listening(settings: Settings, host: str | None, port: int | None) -> Settings:
    listen = Listen(host=host or settings.listen.host, port=settings.listen.port if port is None else port)
    return replace(settings, listen=listen)


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def wind_down(number: signal.Signals) -> None:
        # The next signal of the kind is the system's own: it ends the process at once.
        loop.remove_signal_handler(number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, wind_down, number)

    def ready(service: Service, url: str) -> None:
        loop.add_signal_handler(signal.SIGHUP, service.reloader.ask)
        for note in settings.notes:
            click.echo(f"note: {note}")
        click.echo(f"Placet {service.version} is ready on {url} (console: {settings.public_url})")

    await serve(settings, env=os.environ, stop=stop, ready=ready)
