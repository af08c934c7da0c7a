"""`placet servers`: the upstream servers, their tools, and accepting a tool that changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from approvals.domain.model import Role
from approvals.domain.plain import visible
from approvals.errors import NotPermitted
from approvals.storage.pins import Pin
from gateway.cli.common import USAGE, config_option, fail, json_option, run, say
from gateway.cli.servers_health import Health, asked
from gateway.cli.servers_login import login, logout
from gateway.cli.session import Session, as_option, opened
from gateway.pins import accept as accept_pin
from gateway.pins import difference
from gateway.policy.evaluate import listing
from gateway.policy.risk import classify
from gateway.policy.risk.overrides import settled


@click.group()
def command() -> None:
    """List upstream servers and their tools; accept a tool that changed; sign in to a server."""


command.add_command(login)
command.add_command(logout)


@command.command(name="list")
@config_option
@json_option
def list_(config: Path | None, as_json: bool) -> None:
    """List the configured servers, and how they are if a service runs."""

    async def job() -> None:
        async with opened(config) as session:
            drifted = await session.db.read(lambda tx: tx.pins.drifted())
            healths = await asked(session.settings)
            shown = [_server(session, name, drifted, (healths or {}).get(name)) for name in session.settings.servers]
        lines = [f"{one['name']:<20} {one['transport']:<6} {_policy(one)}{_waits(one)}{_health(one)}" for one in shown]
        if healths is None:
            lines.append("No service answers here, so how they are is not known.")
        text = "\n".join(lines) if shown else "No servers are configured."
        say({"servers": shown}, text, as_json=as_json)

    run(job)


@command.command()
@click.argument("name")
@config_option
@json_option
def tools(name: str, config: Path | None, as_json: bool) -> None:
    """List the tools of a server as they were last seen, with what changed since they were accepted."""

    async def job() -> None:
        async with opened(config) as session:
            server = _known(session, name)
            pins = await session.db.read(lambda tx: tx.pins.of(name))
            shown = [_tool(session, pin, listed=_listed(session, server, pin)) for pin in pins.values()]
        lines = []
        for one in shown:
            state = "CHANGED" if one["drifted"] else "listed" if one["listed"] else "not listed"
            lines.append(f"{visible(one['name']):<40} {one['risk']:<12} {one['severity']:<9} {state}")
            lines += [f"    {visible(line)}" for line in one["difference"]]
        say({"tools": shown}, "\n".join(lines) or "None seen yet: start `placet serve` once.", as_json=as_json)

    run(job)


@command.command()
@click.argument("name")
@click.argument("tool")
@click.option("--fingerprint", help="Accept only this definition, as `tools --json` printed it.")
@as_option
@config_option
@json_option
def accept(
    name: str, tool: str, fingerprint: str | None, actor: str | None, config: Path | None, as_json: bool
) -> None:
    """Accept a tool as it is described now; agents may call it again."""

    async def job() -> None:
        async with opened(config) as session:
            person = await session.actor(actor)
            if not person.roles & {Role.OPERATOR, Role.ADMIN}:
                raise NotPermitted(what="accept a tool", roles="operator or admin")
            pin = await accept_pin(session.desk, name, tool, fingerprint=fingerprint, by=person.id)
            shown = _tool(session, pin, listed=False)
        say(shown, f"{tool} of {name} is accepted as it is now.", as_json=as_json)

    run(job)


def _known(session: Session, name: str) -> str:
    if name not in session.settings.servers:
        fail(f"There is no server {name!r}. There are: {', '.join(session.settings.servers) or 'none'}.", USAGE)
    return name


def _server(session: Session, name: str, drifted: Any, health: Health | None) -> dict[str, Any]:
    settings = session.settings.servers[name]
    return {
        "name": name,
        "transport": "http" if settings.url is not None else "stdio",
        "policies": [policy.name for policy in settings.policies],
        "changed_tools": [pin.tool for pin in drifted if pin.server == name],
        "ok": health.ok if health is not None else None,
        "health": health.text if health is not None else None,
    }


def _health(server: dict[str, Any]) -> str:
    if server["health"] is None:
        return ""
    return f"  {server['health'] if server['ok'] else 'TROUBLE: ' + visible(server['health'])}"


def _policy(server: dict[str, Any]) -> str:
    return ", ".join(server["policies"]) or "no policy: everything denied"


def _waits(server: dict[str, Any]) -> str:
    changed = server["changed_tools"]
    return f"  CHANGED: {', '.join(map(visible, changed))}" if changed else ""


def _listed(session: Session, server: str, pin: Pin) -> bool:
    policies = session.settings.servers[server].policies
    return not pin.drifted and listing(policies, pin.tool, classify(pin.seen_definition).kind)


def _tool(session: Session, pin: Pin, *, listed: bool) -> dict[str, Any]:
    server = session.settings.servers.get(pin.server)
    risk = settled(server.policies if server else (), pin.tool, classify(pin.seen_definition))
    return {
        "name": pin.tool,
        "risk": risk.kind.value,
        "severity": risk.severity.value,
        "evidence": [str(one) for one in risk.evidence],
        "listed": listed,
        "drifted": pin.drifted,
        "difference": list(difference(pin)) if pin.drifted else [],
        "fingerprint": pin.seen_fingerprint,
        "accepted_fingerprint": pin.accepted_fingerprint,
        "accepted_by": pin.accepted_by,
        "accepted_at": pin.accepted_at,
    }
