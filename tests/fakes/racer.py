"""One of several processes that race for the same rows: `python -m tests.fakes.racer WHAT URL ARGUMENTS`.

Each prints `ready`, waits for a line on its input (the starting shot of the test), races, and prints what it won.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from datetime import timedelta

from approvals.directory import Directory
from approvals.domain.lifecycle import Step
from approvals.domain.model import State
from approvals.storage import migrate
from approvals.storage.engine import Database, Tx
from approvals.storage.requests import Query
from approvals.sweeper import Sweeper
from approvals.testing import samples
from gateway.limits import Limits, Reservation
from gateway.policy.evaluate import evaluate
from gateway.policy.loaders import load_policy
from gateway.policy.model import Facts
from tests.fakes.desk import make_desk
from tests.fakes.keys import VAULT
from tests.fakes.requests import NOON, claimed


def _shot() -> None:
    print("ready", flush=True)
    sys.stdin.readline()


async def claim_all(url: str, holder: str) -> None:
    """Claim every approved request, one work each; print the ids that were won."""
    async with Database.opened(url, VAULT) as db:
        approved = await db.read(lambda tx: tx.requests.search(Query(states=frozenset({State.APPROVED}), limit=500)))
        steps = [claimed(request, holder=holder) for request in approved]
        _shot()
        won = await asyncio.gather(*(_commit(db, step) for step in steps))
    print(" ".join(step.after.id for step, first in zip(steps, won, strict=True) if first))


async def _commit(db: Database, step: Step) -> bool:
    def read_then_write(tx: Tx) -> bool:
        # Reading first is what breaks under plain BEGIN when another process writes in between.
        current = tx.requests.get(step.before.id, lock=True)
        return current == step.before and tx.requests.commit(step)

    return await db.write(read_then_write)


async def migrate_all(url: str, _holder: str) -> None:
    """Migrate; print whether this process was the one that did."""
    _shot()
    print("applied" if await migrate.upgrade(url) else "nothing")


async def commit_one(url: str, id: str) -> None:
    """Claim one request, as a command beside a running service would change it."""
    async with Database.opened(url, VAULT) as db:
        request = await db.read(lambda tx: tx.requests.get(id))
        assert request is not None
        _shot()
        done = await db.write(lambda tx: tx.requests.commit(claimed(request, at=NOON + timedelta(minutes=1))))
    print(done)


async def pause_agents(url: str, _name: str) -> None:
    """Touch something that is no request."""
    async with Database.opened(url, VAULT) as db:
        _shot()
        await db.write(lambda tx: tx.switches.freeze("all", reason="test", by="cli", at=tx.now))
    print("frozen")


async def take_all(url: str, policy: str) -> None:
    """Take what a policy's limits have room for, fifty calls at once; print how many were let through."""
    facts = Facts(server="s", tool="pay", agent="ada", arguments={"amount": 1}, now=NOON)
    uses = evaluate(load_policy(policy, "p.yaml"), facts).limits
    async with Database.opened(url, VAULT) as db:
        limits = Limits(db)
        _shot()
        taken = await asyncio.gather(*(limits.reserve(uses) for _ in range(50)))
    print(sum(isinstance(one, Reservation) for one in taken))


async def sweep_once(url: str, holder: str) -> None:
    """Let time pass until six minutes after the sample request was filed; print what became of the requests."""
    async with Database.opened(url, VAULT, clock=lambda: samples.NOW + timedelta(minutes=6)) as db:
        desk = make_desk(db, Directory(samples.PEOPLE, {}), holder=holder, ids=itertools.count())
        _shot()
        await Sweeper(desk).sweep()
    print("swept")


RACES = {
    "sweep": sweep_once,
    "claim": claim_all,
    "migrate": migrate_all,
    "commit": commit_one,
    "freeze": pause_agents,
    "take": take_all,
}

if __name__ == "__main__":
    what, address, word = sys.argv[1:4]
    asyncio.run(RACES[what](address, word))
