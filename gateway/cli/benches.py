"""What the commands that look at recordings share: the layers a new policy makes, the period, the keys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from gateway.cli.common import USAGE, fail
from gateway.cli.policy_files import all_loaded
from gateway.cli.session import Session, opened
from gateway.config_layers import PAGE, PAGE_PREFIX
from gateway.keys import load
from gateway.policy.durations import duration
from gateway.policy.layers import layered
from gateway.policy.model import Policy
from gateway.recording import Recorder
from gateway.replays import Bench, Period
from gateway.settings import ServerSettings, Settings


@asynccontextmanager
async def opened_bench(config: Path | None) -> AsyncIterator[tuple[Session, Bench]]:
    """The configuration, its database, and the keys that open what was recorded there."""
    async with opened(config) as session:
        try:
            keys = load(session.settings.keys_file)
        except (OSError, ValueError) as err:
            fail(f"Recorded arguments cannot be opened: {err}")
        people = await session.db.read(session.desk.directory.people)
        yield (
            session,
            Bench(
                db=session.db,
                recorder=Recorder.of(keys),
                people=people,
                defaults=session.settings.approvals.defaults,
                agents={agent.name: agent.policies for agent in session.settings.agents.values() if agent.policies},
            ),
        )


def server_of(settings: Settings, name: str) -> ServerSettings:
    """A configured server."""
    found = settings.servers.get(name)
    if found is None:
        known = ", ".join(settings.servers) or "none"
        fail(f"There is no server {name!r} in the configuration. It has: {known}.", USAGE)
    return found


def layers_at(settings: Settings, server: str) -> tuple[Policy, ...]:
    """Every layer that may judge calls at a server: its own, and those of agents."""
    return layered(settings.servers[server].policies, *(agent.policies for agent in settings.agents.values()))


def layers(settings: Settings, server: str, files: Sequence[Path], layer: str | None) -> tuple[Policy, ...]:
    """The layers of a server with new files in the place of old ones: all of its own, or the one that is named.

    A file is a layer with all that it extends. The organisation's layers stay.
    """
    own = tuple(policy for policy in server_of(settings, server).policies if policy not in settings.organisation)
    roots, new = _roots(own), all_loaded(files)
    if len(files) > 1 and layer is not None:
        fail("--layer goes with one file.", USAGE)
    if layer is None and (len(files) > 1 or len(roots) <= 1):
        return layered(settings.organisation, new)
    wanted = Path(layer or files[0]).resolve()
    taken = [root for root in roots if _word(root) == layer or Path(root.name).resolve() == wanted]
    if not taken:
        known = ", ".join(map(_word, roots))
        fail(f"{server} has the layers {known}. Say with --layer which one {files[0]} takes the place of.", USAGE)
    return layered(settings.organisation, *(new if root is taken[0] else _stack(root, own) for root in roots))


def _roots(own: Sequence[Policy]) -> list[Policy]:
    """The layers that no other one extends."""
    bases = {base for policy in own for base in _bases(policy)}
    return [policy for policy in own if Path(policy.name).resolve() not in bases]


def _stack(policy: Policy, own: Sequence[Policy]) -> tuple[Policy, ...]:
    """A layer with all that it extends, the outermost first."""
    bases = [one for base in _bases(policy) for one in own if Path(one.name).resolve() == base]
    return layered(*(_stack(base, own) for base in bases), (policy,))


def _bases(policy: Policy) -> list[Path]:
    return [(Path(policy.name).parent / word).resolve() for _, word in policy.extends]


def _word(policy: Policy) -> str:
    """What a layer is called: its file, or the page."""
    return PAGE if policy.name.startswith(PAGE_PREFIX) else policy.name


def period(since: str, until: str | None) -> Period:
    """The period that two options name."""
    now = datetime.now(UTC)
    return Period(since=moment(since, now, "--since"), until=moment(until, now, "--until") if until else now)


def moment(text: str, now: datetime, option: str) -> datetime:
    """A moment: so long ago, or a date with or without a time, in UTC unless it says otherwise."""
    try:
        return now - duration(text)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        fail(f"{option} {text!r} is neither a length of time like 7d nor a date like 2026-11-24T10:00Z.", USAGE)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
