"""`placet slack`: the manifest that makes the app, and whether the app works."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import click
import yaml

from approvals.channels.slack_check import Line, check
from approvals.channels.slack_manifest import THREAD_EVENTS, THREAD_SCOPES, manifest
from approvals.directory import Directory
from gateway.cli.common import FAILED, USAGE, config_file, config_option, fail, json_option, run, say
from gateway.config import ConfigErrors
from gateway.policy.routes import askers, terms
from gateway.settings import Settings, SlackSettings, claim_rules, every_policy
from gateway.start import load

NEW_APP = "https://api.slack.com/apps?new_app=1&manifest_yaml="


@click.group()
def command() -> None:
    """Make the Slack app, and see whether it works."""


@command.command(name="manifest")
@click.option("--url", help="The public https address of Placet, for Request URLs instead of Socket Mode.")
@click.option("--threads", is_flag=True, help="Also ask for what people write under cards, to keep it as comments.")
@json_option
def print_manifest(url: str | None, threads: bool, as_json: bool) -> None:
    """Print the app manifest, and the link that makes the app from it.

    Without --url the app uses Socket Mode: nothing has to be reachable from outside.
    """
    more = {"events": THREAD_EVENTS, "scopes": THREAD_SCOPES} if threads else {}
    made = manifest(_public(url) if url else None, **more)
    text = as_yaml(made)
    click.echo(json.dumps(made, indent=2) if as_json else text, nl=as_json)
    click.echo(f"Make the app: {NEW_APP}{quote(text, safe='')}", err=True)


@command.command(name="check")
@config_option
@json_option
def try_it(config: Path | None, as_json: bool) -> None:
    """Ask Slack whether the tokens, scopes, the socket and the channels are as they must be.

    Nothing is posted that anybody would see. Exit code 1 if something fails.
    """

    file = config_file(config)

    async def job() -> list[Line]:
        try:
            settings = await load(file, os.environ)
        except ConfigErrors as err:
            fail(str(err))
        if settings.slack is None:
            fail("There is no section slack in the configuration. `placet slack manifest` is where to begin.")
        return [*await _asked(settings.slack, _places(settings)), await _linked(settings)]

    lines = run(job)
    well = all(line.status != "fail" for line in lines)
    say({"ok": well, "checks": [asdict(line) for line in lines]}, "\n".join(map(_written, lines)), as_json=as_json)
    if not well:
        raise SystemExit(FAILED)


def as_yaml(made: dict[str, Any]) -> str:
    """A manifest as YAML, in its own order."""
    return yaml.safe_dump(made, sort_keys=False, allow_unicode=True, width=120)


async def _asked(slack: SlackSettings, places: tuple[str, ...]) -> list[Line]:
    return await check(
        bot_token=slack.bot_token.get_secret_value(),
        app_token=slack.app_token.get_secret_value() if slack.app_token is not None else None,
        has_signing_secret=slack.signing_secret is not None,
        channels=(slack.channel, *places),
        api_url=slack.api_url,
    )


def _places(settings: Settings) -> tuple[str, ...]:
    """The channels that rules name themselves; people are no channels."""
    found: list[str] = []
    for policy in every_policy(settings):
        for asker in askers(policy):
            found += terms(asker.spec, settings.approvals.defaults).channels
    words = (word.removeprefix("slack:") for word in found if word.startswith("slack:"))
    return tuple(word for word in words if word and word[0] not in "@UW")


async def _linked(settings: Settings) -> Line:
    directory = Directory(settings.people, settings.person_tokens, claim_rules(settings))
    async with settings.store.opened() as db:
        people = await db.read(directory.people)
    count = sum(bool(person.slack) and not person.disabled for person in people.values())
    if count:
        return Line(id="people", status="ok", text=f"{count} {'person is' if count == 1 else 'people are'} linked")
    fix = "placet people add EMAIL --slack U…"
    return Line(id="people", status="fail", text="nobody is linked to Slack, so nobody can decide there", fix=fix)


def _written(line: Line) -> str:
    return f"{line.status:4}  {line.id}: {line.text}" + (f"\n      {line.fix}" if line.fix else "")


def _public(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment or parts.username:
        fail(f"{url!r} cannot be reached by Slack: give the public address, like https://placet.example.com.", USAGE)
    return url.rstrip("/")
