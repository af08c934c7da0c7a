"""`placet demo` as a process, and the person at its two pages, for the acceptance tests."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp

from tests.acceptance.harness import BIN, PATIENCE_SECONDS

HELD = "placet holds the call"
PROGRAM = BIN / "placet"


class Demo:
    """A running demo: what it has printed, and the two addresses it named."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self.process, self.folder = process, folder
        self.lines: list[str] = []
        self._more = asyncio.Event()
        self._reader = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.lines.append(line.decode().rstrip())
            self._more.set()

    @property
    def text(self) -> str:
        """Everything that was printed."""
        return "\n".join(self.lines)

    async def says(self, part: str) -> str:
        """Wait for the line with this in it."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                self._more.clear()
                for line in self.lines:
                    if part in line:
                        return line
                assert self.process.returncode is None, self.text
                await self._more.wait()

    async def ended(self) -> str:
        """Wait for a good end, which leaves nothing behind; everything that was printed."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            code = await self.process.wait()
            await self._reader
        assert code == 0, self.text
        assert list(self.folder.iterdir()) == []
        assert "Traceback" not in self.text
        return self.text

    async def close(self) -> None:
        """End it, however it stands."""
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        await self._reader

    async def console(self) -> str:
        """The link that signs in."""
        return (await self.says("Console, signed in as You:")).split()[-1]

    async def slack(self) -> str:
        """The address of the look-alike."""
        return (await self.says("Look-alike of Slack:")).split()[-1]

    def story(self) -> str:
        """What the agent's part says up to the held call."""
        return self.text.partition(HELD)[0]


@asynccontextmanager
async def demo(
    folder: Path, *options: str, program: Path = PROGRAM, env: Mapping[str, str] = os.environ
) -> AsyncIterator[Demo]:
    """Run it with a temporary folder of its own."""
    process = await asyncio.create_subprocess_exec(
        str(program), "demo", *(options or ("--port", "0", "--exit-after")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=folder,
        env={**env, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    running = Demo(process, folder)
    try:
        yield running
    finally:
        await running.close()


class You:
    """Somebody who signed in by a printed link."""

    def __init__(self, http: aiohttp.ClientSession, base: str, csrf: str) -> None:
        self._http, self._base = http, base
        self._headers = {"X-CSRF-Token": csrf, "Origin": base}

    async def held(self) -> dict[str, Any]:
        """Wait for the one request that waits."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._http.get(f"{self._base}/api/v1/events") as feed:
            while True:
                async with self._http.get(f"{self._base}/api/v1/requests?state=pending") as answer:
                    requests = (await answer.json())["requests"]
                if requests:
                    (request,) = requests
                    return dict(request)
                await feed.content.readline()

    async def decide(self, request: dict[str, Any], **decision: str) -> None:
        """Decide it, by the binding that was shown."""
        path = f"{self._base}/api/v1/requests/{request['id']}/decision"
        body = {"binding": request["binding"], **decision}
        async with self._http.post(path, json=body, headers=self._headers) as answer:
            assert answer.status == 200, await answer.text()


async def sign_in(http: aiohttp.ClientSession, link: str) -> tuple[int, Any]:
    """Spend a link."""
    parts = urlsplit(link)
    assert (parts.path, parts.fragment.startswith("plc_login_")) == ("/login", True)
    base = f"{parts.scheme}://{parts.netloc}"
    body, headers = {"token": parts.fragment}, {"Origin": base}
    async with http.post(f"{base}/api/v1/login", json=body, headers=headers) as answer:
        return answer.status, await answer.json()


@asynccontextmanager
async def signed_in(link: str) -> AsyncIterator[You]:
    """Sign in by a link, which works once."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        status, me = await sign_in(http, link)
        assert status == 200, me
        async with aiohttp.ClientSession() as somebody:
            status, problem = await sign_in(somebody, link)
        assert (status, problem["code"]) == (401, "link_invalid")
        yield You(http, link.partition("/login")[0], me["csrf"])


@asynccontextmanager
async def you(running: Demo) -> AsyncIterator[You]:
    """The person of the demo, signed in."""
    async with signed_in(await running.console()) as person:
        yield person


@asynccontextmanager
async def workspace(running: Demo) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    """What the page of the look-alike itself uses, and who looks at it."""
    parts = urlsplit(await running.slack())
    given = parse_qs(parts.fragment)
    async with aiohttp.ClientSession(
        f"{parts.scheme}://{parts.netloc}", headers={"X-Page-Key": given["key"][0]}
    ) as http:
        yield http, given["as"][0]


async def seen(http: aiohttp.ClientSession, who: str, part: str) -> dict[str, Any]:
    """Wait until the person sees a message with this in it."""
    async with asyncio.timeout(PATIENCE_SECONDS), http.get("/view/events?key=" + http.headers["X-Page-Key"]) as stream:
        while True:
            async with http.get("/view/state", params={"as": who}) as answer:
                messages = (await answer.json())["messages"]
            for message in messages:
                if part in json.dumps(message, ensure_ascii=False):
                    return dict(message)
            await stream.content.readline()
