"""What a clone makes: a wheel that has everything in it, works from an empty folder, and gets to a first approval.

Nothing is downloaded but what building takes: the fresh environment sees the libraries of the one that runs the tests,
and not the checkout.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.acceptance.harness import PATIENCE_SECONDS, ROOT, free_port
from tests.acceptance.showing import demo, seen, signed_in, workspace

pytestmark = pytest.mark.slow

BUILD_SECONDS = 100
NO_BUILD_TOOLS = re.compile(r"No matching distribution found for setuptools|Could not find a version.*setuptools")
FONTS = ("IBMPlexSans%5Bwdth%2Cwght%5D.ttf", "IBMPlexMono-Regular.ttf", "IBMPlexSansCondensed-Medium.ttf")
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".html": "text/html"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A fresh environment with the wheel in it."""

    wheel: Path
    python: Path
    env: dict[str, str]

    @property
    def program(self) -> Path:
        """The command it installed."""
        return self.python.parent / "placet"

    def run(self, *words: str | Path, folder: Path) -> str:
        """Run something of it from a folder, and it must go well; what it printed."""
        done = subprocess.run(
            [*map(str, words)], cwd=folder, env=self.env, capture_output=True, text=True, timeout=PATIENCE_SECONDS
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def _bare() -> dict[str, str]:
    """This environment without what leads Python to the checkout."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PLACET", "VIRTUAL"))}


def _run(*words: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*map(str, words)], cwd=folder, env=_bare(), capture_output=True, text=True, timeout=BUILD_SECONDS
    )


def _files(folder: str) -> list[str]:
    listed = _run("git", "ls-tree", "-r", "--name-only", "HEAD", f"{folder}/", folder=ROOT)
    return [name for name in listed.stdout.splitlines() if not name.endswith((".mako", ".md"))]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone: there is no .git")
    folder = tmp_path_factory.mktemp("clone")
    tree, made, venv = folder / "tree", folder / "made", folder / "venv"
    tree.mkdir()
    archive = _run("git", "archive", "--output", folder / "tree.tar", "HEAD", folder=ROOT)
    assert archive.returncode == 0, archive.stderr
    assert _run("tar", "xf", folder / "tree.tar", folder=tree).returncode == 0
    built = _run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", made, ".", folder=tree)
    if NO_BUILD_TOOLS.search(built.stderr):
        pytest.skip("no setuptools to build with can be had here")
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = made.iterdir()
    assert _run(sys.executable, "-m", "venv", "--without-pip", venv, folder=folder).returncode == 0
    pip = (sys.executable, "-m", "pip", "--python", venv / "bin" / "python")
    put = _run(*pip, "install", "--no-deps", "--no-index", wheel, folder=folder)
    assert put.returncode == 0, put.stderr
    # Only the folder itself: the .pth files in it, of which one leads to the checkout, are not read.
    (site,) = venv.glob("lib/python*/site-packages")
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return Installed(wheel=wheel, python=venv / "bin" / "python", env={**_bare(), "PYTHONUNBUFFERED": "1"})


def test_the_wheel_has_every_file_of_the_packages_and_nothing_else(installed: Installed) -> None:
    tree = {*_files("approvals"), *_files("gateway")}
    tree |= {f"approvals/{name}" for name in _files("migrations") if name.endswith(".py")}
    with zipfile.ZipFile(installed.wheel) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name and not name.endswith(".md")}
    assert sorted(tree - names) == []
    assert sorted(names - tree) == []
    assert {"approvals/py.typed", "gateway/py.typed"} <= names


def test_it_runs_from_its_own_files(installed: Installed, tmp_path: Path) -> None:
    said = installed.run(installed.program, "version", folder=tmp_path)
    assert re.fullmatch(r"placet \d+\.\d+\.\d+ \(Python 3\.\d+\.\d+\)", said.strip())
    ask = (
        "import approvals, gateway; from approvals.storage import migrate; "
        "print(approvals.__file__, gateway.__file__, migrate.scripts(), migrate.head(), sep='\\n')"
    )
    *places, head = installed.run(installed.python, "-c", ask, folder=tmp_path).split()
    home = installed.python.parents[1]
    assert all(Path(place).is_relative_to(home) for place in places), places
    assert places[2].endswith("approvals/migrations")
    assert head


@asynccontextmanager
async def serving(installed: Installed, folder: Path) -> AsyncIterator[list[str]]:
    """`placet serve` in a folder; ends well."""
    process = await asyncio.create_subprocess_exec(
        str(installed.program), "serve",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=folder,
        env=installed.env,
    )  # fmt: skip
    assert process.stdout is not None
    lines: list[str] = []
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not any("is ready on" in line for line in lines):
                line = (await process.stdout.readline()).decode()
                assert line, "\n".join(lines)
                lines.append(line)
        yield lines
        process.terminate()
        async with asyncio.timeout(PATIENCE_SECONDS):
            rest, _ = await process.communicate()
        lines += rest.decode().splitlines()
        assert process.returncode == 0, lines
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def test_init_check_serve_and_the_first_approval(installed: Installed, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "seen.jsonl"
    script = ROOT / "tests" / "fixtures" / "counting_server.py"
    answers = ("--server", "shop", "--command", f"{sys.executable} {script} {log}", "--email", "you@example.com")
    said = installed.run(
        installed.program, "init", *answers, "--name", "You", "--port", str(port), folder=tmp_path
    )  # fmt: skip
    link = next(word for word in said.split() if "/login#" in word)
    connect = re.search(r'claude mcp add --transport http shop (\S+) --header "Authorization: (Bearer \S+)"', said)
    assert connect is not None, said
    installed.run(installed.program, "check", folder=tmp_path)

    async with serving(installed, tmp_path) as lines, signed_in(link) as person, asyncio.TaskGroup() as group:
        await _everything_is_served(installed, f"http://127.0.0.1:{port}")
        called = group.create_task(_pay(connect[1], connect[2]))
        request = await person.held()
        assert (request["tool"], request["arguments"]) == ("pay", {"to": "Ann", "amount": 5})
        assert not log.exists()
        await person.decide(request, decision="approve")
        assert await called == "pay 5 to Ann"
    assert len(log.read_text().splitlines()) == 1
    assert not any("Traceback" in line for line in lines)


async def _pay(url: str, bearer: str) -> str:
    """The official client, connected as `placet init` says."""
    async with (
        httpx2.AsyncClient(headers={"Authorization": bearer}, timeout=PATIENCE_SECONDS) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        result = await client.call_tool("pay", {"to": "Ann", "amount": 5})
        return "".join(getattr(block, "text", "") for block in result.content)


async def _everything_is_served(installed: Installed, base: str) -> None:
    """The page, each of its files, and its fonts."""
    with zipfile.ZipFile(installed.wheel) as wheel:
        inside = [
            name.partition("/static/")[2] for name in wheel.namelist() if name.startswith("approvals/web/static/")
        ]
    async with aiohttp.ClientSession(base) as http:
        async with http.get("/readyz") as answer:
            assert (answer.status, (await answer.json())["ready"]) == (200, True)
        async with http.get("/login") as answer:
            assert (answer.status, answer.content_type) == (200, "text/html")
            named = re.findall(r'(?:href|src)="/static/([^"]+)"', await answer.text())
        assert set(named) <= set(inside)
        for name in [*filter(lambda name: name != "index.html", inside), *(f"fonts/{font}" for font in FONTS)]:
            async with http.get(f"/static/{name}") as answer:
                assert answer.status == 200, name
                assert answer.content_type == TYPES.get(Path(name).suffix, answer.content_type), name
                assert await answer.read(), name


async def test_the_demo_runs_with_its_look_alike_of_slack(installed: Installed, tmp_path: Path) -> None:
    with zipfile.ZipFile(installed.wheel) as wheel:
        of_slack = [name for name in wheel.namelist() if name.startswith("approvals/testing/slack/static/")]
    assert len(of_slack) > 5
    async with (
        demo(tmp_path, "--port", "0", "--exit-after", program=installed.program, env=installed.env) as running,
        workspace(running) as (http, who),
    ):
        for name in ("sans.ttf", "mono.ttf", *(name.rpartition("/")[2] for name in of_slack)):
            async with http.get(f"/static/{name}") as answer:
                assert (answer.status, bool(await answer.read())) == (200, True), name
        card = await seen(http, who, "refund_payment")
        press = {"as": who, "channel": card["channel"], "ts": card["ts"], "action_id": "approve"}
        async with http.post("/view/press", json=press) as answer:
            assert answer.status == 200
        assert "is told (approved)" in await running.ended()
