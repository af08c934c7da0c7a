"""The processes that sessions of their own have over stdio, beside the one that all others share.

A server of the session era knows its client by its process: what the client declared, which resources it
follows, which logs it wants. Such a session gets a process of its own. They are bounded, and end with the
session, or when they were not used for a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway.upstreams import Unsent
from gateway.upstreams.process import Process

MAX_PROCESSES = 50
MAX_PROCESSES_A_SESSION = 2
IDLE_SECONDS = 600.0

Key = tuple[str, str]


class Pool:
    """Processes by session key and declared capabilities. `hatch` starts one that declares them."""

    def __init__(self, name: str, hatch: Callable[[str], Process]) -> None:
        self._name, self._hatch = name, hatch
        self._processes: dict[Key, Process] = {}
        self._leaving: set[Process] = set()

    def of(self, session: str) -> list[Process]:
        """The processes of a session, the last used last."""
        self._bury()
        mine = [process for (owner, _), process in self._processes.items() if owner == session]
        return sorted(mine, key=lambda process: process.used_at)

    def get(self, key: Key) -> Process:
        """The process of that key, started if there is none.

        Raises:
            Unsent: there are too many, and all are in use.
        """
        self._bury()
        process = self._processes.get(key)
        if process is None:
            self._make_room(self.of(key[0]), MAX_PROCESSES_A_SESSION, "of this session")
            self._make_room(list(self._processes.values()), MAX_PROCESSES, "of all sessions")
            process = self._processes[key] = self._hatch(key[1])
        process.used_at = asyncio.get_running_loop().time()
        return process

    def forget(self, session: str) -> None:
        """End the processes of a session, each as soon as nothing is under way in it."""
        for process in self.of(session):
            self._leaving.add(process)
        self.sweep()

    def sweep(self) -> None:
        """End what is idle for long, or was left."""
        self._bury()
        now = asyncio.get_running_loop().time()
        for process in list(self._processes.values()):
            if not process.busy and (process in self._leaving or now - process.used_at > IDLE_SECONDS):
                self._end(process)

    def stop(self) -> None:
        """End all."""
        for process in list(self._processes.values()):
            self._end(process)

    def _make_room(self, processes: list[Process], most: int, whose: str) -> None:
        if len(processes) < most:
            return
        idle = sorted((process for process in processes if not process.busy), key=lambda process: process.used_at)
        if not idle:
            raise Unsent(f"{self._name} has no process free: all {most} {whose} are in use, try again later")
        self._end(idle[0])

    def _end(self, process: Process) -> None:
        process.stop()
        self._leaving.discard(process)
        self._processes = {key: other for key, other in self._processes.items() if other is not process}

    def _bury(self) -> None:
        self._processes = {key: process for key, process in self._processes.items() if not process.over}
