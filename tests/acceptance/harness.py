"""`placet serve` as a process, and the people around it, for the acceptance tests.

Nothing here knows the inside of Placet: it writes a configuration, starts the command, waits for the line
that says it is ready, and speaks HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from approvals import tokens

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
MCP1_BIN = ROOT / ".venv-mcp1" / "bin"
NPM_BIN = ROOT / "tests" / "npm" / "node_modules" / ".bin"
PATIENCE_SECONDS = 30
LOOK_SECONDS = 0.5


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def agent_token() -> tokens.Token:
    """A fresh agent token."""
    return tokens.make(tokens.Kind.AGENT, secrets.token_bytes(tokens.RANDOM_BYTES))


def person_token() -> tokens.Token:
    """A fresh person token."""
    return tokens.make(tokens.Kind.PERSON, secrets.token_bytes(tokens.RANDOM_BYTES))


def policy(tools: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A policy that denies what it does not name."""
    return {"version": "1", "default": "deny", "tools": dict(tools), **more}


class Placet:
    """One `placet serve` over a folder that survives restarts."""

    def __init__(self, folder: Path, *, servers: Mapping[str, Any], policies: Mapping[str, Any], **config: Any) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.agent = agent_token()
        self.other_agent = agent_token()
        self.ada, self.bob = person_token(), person_token()
        self.output: list[str] = []
        self._process: asyncio.subprocess.Process | None = None
        self._ready = asyncio.Event()
        self._line = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        names = list(servers)
        self.config: dict[str, Any] = {
            "listen": {"host": "127.0.0.1", "port": self.port},
            "public_url": self.url,
            "database": f"sqlite:///{folder / 'placet.db'}",
            "keys": {"file": str(folder / "placet.keys")},
            "servers": {name: {**spec, "policy": f"policies/{name}.json"} for name, spec in servers.items()},
            "agents": {
                "claude-ada": {"token_sha256": self.agent.sha256, "owner": "ada@example.com", "servers": names},
                "other": {"token_sha256": self.other_agent.sha256, "owner": "bob@example.com", "servers": names},
            },
            "people": {
                "ada@example.com": {
                    "name": "Ada", "roles": ["reviewer"], "groups": ["finance"],
                    "slack": "U0ADA", "token_sha256": self.ada.sha256,
                },
                "bob@example.com": {
                    "name": "Bob", "roles": ["reviewer"], "groups": ["finance"],
                    "slack": "U0BOB", "token_sha256": self.bob.sha256,
                },
            },
            "approvals": {"reviewers": ["group:finance"], "fold": {"from": "never"}},
            **config,
        }  # fmt: skip
        (folder / "policies").mkdir(exist_ok=True)
        for name, policy in policies.items():
            self.write_policy(name, policy)
        self.write_config()

    def write_policy(self, server: str, policy: Any) -> None:
        """Write a server's policy file."""
        (self.folder / "policies" / f"{server}.json").write_text(json.dumps(policy, indent=1))

    def write_config(self) -> None:
        """Write `placet.yaml` from `config`."""
        plain = json.loads(json.dumps(self.config))  # no value twice: the loader refuses YAML anchors
        (self.folder / "placet.yaml").write_text(yaml.safe_dump(plain, sort_keys=False))

    async def start(self) -> None:
        """Start the process and wait for the line that says it is ready."""
        self._ready.clear()
        self._process = await asyncio.create_subprocess_exec(
            str(BIN / "placet"),
            "serve",
            "--config",
            str(self.folder / "placet.yaml"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=self.folder,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        self._reader = asyncio.get_running_loop().create_task(self._read(self._process))
        done = asyncio.get_running_loop().create_task(self._process.wait())
        ready = asyncio.get_running_loop().create_task(self._ready.wait())
        await asyncio.wait({done, ready}, timeout=PATIENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if not self._ready.is_set():
            done.cancel()
            raise AssertionError("placet serve did not become ready:\n" + "\n".join(self.output))

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            self.output.append(line.decode(errors="replace").rstrip())
            self._line.set()
            if "is ready" in self.output[-1]:
                self._ready.set()

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Signal the process and wait for its end."""
        process, self._process = self._process, None
        if process is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(how)
        code = await asyncio.wait_for(process.wait(), PATIENCE_SECONDS)
        if self._reader is not None:
            await self._reader
        return code

    def tell(self, what: signal.Signals) -> None:
        """Send the process a signal."""
        assert self._process is not None
        self._process.send_signal(what)

    async def reload(self, says: str = "configuration reloaded") -> str:
        """Ask for a reload and wait for the line that tells of it."""
        return await self.saying(says, lambda: self.tell(signal.SIGHUP))

    async def saying(self, text: str, act: Callable[[], None]) -> str:
        """Do something and wait for the line of output it leads to."""
        seen = len(self.output)
        act()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                self._line.clear()
                for line in self.output[seen:]:
                    if text in line:
                        return line
                await self._line.wait()

    async def cli(self, *arguments: str, code: int = 0, person: str | None = "ada@example.com") -> tuple[str, str]:
        """Run a command on this configuration; what it printed and what it complained of."""
        env = {**os.environ, **({"PLACET_PERSON": person} if person else {})}
        process = await asyncio.create_subprocess_exec(
            str(BIN / "placet"),
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self.folder,
            env=env,
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()
        said = out.decode(), err.decode()
        assert process.returncode == code, f"placet {' '.join(arguments)} ended with {process.returncode}: {said}"
        return said

    def mcp(self, server: str | None = None) -> str:
        """The MCP endpoint of one server, or of all."""
        return f"{self.url}/mcp" + (f"/{server}" if server else "")

    def bearer(self, token: tokens.Token | None = None) -> dict[str, str]:
        """Headers of the agent, or of whose token it is."""
        return {"Authorization": f"Bearer {(token or self.agent).text}"}


@contextlib.asynccontextmanager
async def serving(placet: Placet) -> AsyncIterator[Placet]:
    """Start and in the end stop a Placet."""
    await placet.start()
    try:
        yield placet
    finally:
        await placet.stop()


class Reviewer:
    """A person with a bearer token at the REST API."""

    def __init__(self, placet: Placet, token: tokens.Token) -> None:
        self._placet, self._token = placet, token

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """One request; the status and the decoded body."""
        async with (
            aiohttp.ClientSession(headers=self._placet.bearer(self._token)) as http,
            http.request(method, self._placet.url + path, json=body) as response,
        ):
            text = await response.text()
            return response.status, json.loads(text) if text else None

    async def requests(self, **filters: str) -> list[dict[str, Any]]:
        """The listed requests."""
        query = "&".join(f"{k}={v}" for k, v in filters.items())
        status, body = await self.ask("GET", f"/api/v1/requests?{query}")
        assert status == 200, body
        return list(body["requests"])

    async def next_pending(self, count: int = 1) -> list[dict[str, Any]]:
        """Wait for the live feed until `count` requests are pending."""
        async with (
            asyncio.timeout(PATIENCE_SECONDS),
            aiohttp.ClientSession(headers=self._placet.bearer(self._token)) as http,
            http.get(self._placet.url + "/api/v1/events") as stream,
        ):
            while True:
                pending = await self.requests(state="pending")
                if len(pending) >= count:
                    return pending
                await stream.content.readline()

    async def until(self, request_id: str, check: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait for the live feed until a request is as asked."""
        async with (
            asyncio.timeout(PATIENCE_SECONDS),
            aiohttp.ClientSession(headers=self._placet.bearer(self._token)) as http,
            http.get(self._placet.url + "/api/v1/events") as stream,
        ):
            while True:
                shown = await self.show(request_id)
                if check(shown):
                    return shown
                # Whether the agent waits is no event of the request: the feed is silent about it.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await stream.content.readline()

    async def until_state(self, request_id: str, *states: str) -> dict[str, Any]:
        """Wait for the live feed until a request is in one of these states."""
        return await self.until(request_id, lambda request: request["state"] in states)

    async def show(self, request_id: str) -> dict[str, Any]:
        """One request."""
        status, body = await self.ask("GET", f"/api/v1/requests/{request_id}")
        assert status == 200, body
        return dict(body)

    async def pending_of(self, **arguments: Any) -> dict[str, Any]:
        """Wait for the pending request whose arguments contain these."""
        async with (
            asyncio.timeout(PATIENCE_SECONDS),
            aiohttp.ClientSession(headers=self._placet.bearer(self._token)) as http,
            http.get(self._placet.url + "/api/v1/events") as stream,
        ):
            while True:
                for request in await self.requests(state="pending"):
                    if arguments.items() <= request["arguments"].items():
                        return request
                await stream.content.readline()

    async def approve(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Approve, and it must work."""
        status, body = await self.decide(request, "approve")
        assert status == 200, body
        return dict(body)

    async def deny(self, request: Mapping[str, Any], reason: str) -> dict[str, Any]:
        """Deny, and it must work."""
        status, body = await self.decide(request, "deny", reason=reason)
        assert status == 200, body
        return dict(body)

    async def decide(self, request: Mapping[str, Any], decision: str, **more: Any) -> tuple[int, Any]:
        """Decide one request by the binding that was shown."""
        body = {"decision": decision, "binding": request["binding"], **more}
        return await self.ask("POST", f"/api/v1/requests/{request['id']}/decision", body)
