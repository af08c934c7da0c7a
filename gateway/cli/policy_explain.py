"""`placet policy explain`: the ruling on one call, with every rule considered."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from gateway.cli.common import USAGE, config_option, fail, json_option, run, say
from gateway.cli.session import Session, opened
from gateway.limits import Exceeded, Limits, Room
from gateway.policy.evaluate import evaluate
from gateway.policy.model import Facts, Verdict
from gateway.policy.risk import classify
from gateway.protocol.strict import Malformed, read


@click.command()
@click.argument("call", type=click.File("rb"))
@click.option("--server", required=True, help="The server whose policy judges.")
@click.option("--as", "agent", help="The agent that calls (default: one nobody knows).")
@config_option
@json_option
def command(call: Any, server: str, agent: str | None, config: Path | None, as_json: bool) -> None:
    """Print the ruling on a call, with every rule considered.

    CALL is a JSON file (or -): {"tool": "pay", "arguments": {"amount": 50}}. Nothing is sent or counted.
    """
    tool, arguments = _call(call.read())

    async def job() -> dict[str, Any]:
        async with opened(config) as session:
            return await _explain(session, server, tool, arguments, agent)

    value = run(job)
    lines = [f"{value['verdict']}  {value['rule']}", *([f"  {value['reason']}"] if value["reason"] else [])]
    lines += [f"  {'*' if one['matched'] else ' '} {one['rule']}: {one['why']}" for one in value["considered"]]
    lines += [f"  limit {one['counter']}: {one['remaining']} left until {one['resets_at']}" for one in value["limits"]]
    say(value, "\n".join(lines), as_json=as_json)


def _call(body: bytes) -> tuple[str, dict[str, Any]]:
    value = read(body)
    if isinstance(value, Malformed):
        fail(f"The call cannot be read: {value.message}", USAGE)
    tool, arguments = value.get("tool"), value.get("arguments", {})
    if not isinstance(tool, str) or not isinstance(arguments, dict):
        fail('A call is {"tool": "name", "arguments": {…}}.', USAGE)
    return tool, arguments


async def _explain(
    session: Session, server: str, tool: str, arguments: dict[str, Any], agent: str | None
) -> dict[str, Any]:
    settings = session.settings.servers.get(server)
    if settings is None:
        known = ", ".join(session.settings.servers) or "none"
        fail(f"There is no server {server!r} in the configuration. It has: {known}.", USAGE)
    row = await session.db.read(lambda tx: tx.agents.get(agent)) if agent else None
    configured = session.settings.agents.get(agent) if agent else None
    owner = configured.owner if configured is not None else row.owner if row is not None else None
    facts = Facts(
        server=server,
        tool=tool,
        arguments=arguments,
        agent=agent or "somebody",
        owner=owner,
        now=datetime.now(UTC),
        # The server is not asked: its definition could say more, the name is what a file can know.
        risk=classify({"name": tool}),
    )
    ruling = evaluate(settings.policies, facts)
    checked = await Limits(session.db).check(ruling.limits)
    over = isinstance(checked, Exceeded) and ruling.verdict is Verdict.ALLOW
    return {
        "verdict": _verdict(ruling.verdict, checked),
        "rule": checked.rule if over and isinstance(checked, Exceeded) else ruling.rule,
        "reason": checked.reason if over and isinstance(checked, Exceeded) else ruling.reason,
        "considered": [one.as_json() for one in ruling.trace],
        "limits": [
            {"counter": one.counter, "remaining": format(one.remaining, "f"), "resets_at": one.resets_at.isoformat()}
            for one in checked.standings
        ],
        "policy_version": ruling.policy_version,
    }


def _verdict(verdict: Verdict, checked: Room | Exceeded) -> str:
    if verdict is not Verdict.ALLOW or not isinstance(checked, Exceeded):
        return verdict.value
    return (Verdict.REQUIRE_APPROVAL if checked.asks else Verdict.RATE_LIMITED).value
