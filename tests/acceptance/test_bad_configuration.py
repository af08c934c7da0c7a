"""A bad configuration: every error at once with its place, a start that fails, and a reload that changes nothing."""

from __future__ import annotations

import asyncio
import hashlib
import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.acceptance.counting import HELD, Shop, open_shop, shop
from tests.acceptance.harness import policy

BAD_POLICY = """\
{
 "version": "1",
 "default": "maybe",
 "tools": {
  "pay": {"action": "require_aproval"},
  "read": {"limits": [{"counter": "c", "window": "minute", "max": -1}]}
 }
}
"""


def spoil(it: Shop) -> None:
    """A configuration and a policy with several mistakes."""
    (it.placet.folder / "policies" / "shop.json").write_text(BAD_POLICY)
    text = (it.placet.folder / "placet.yaml").read_text()
    text = text.replace("approvals:", "aprovals:\n  quorum: 0\napprovals:\n  quorum: 0", 1)
    (it.placet.folder / "placet.yaml").write_text(text + "freez: yes\n")


def places(it: Shop, said: str) -> list[tuple[str, int, int]]:
    """The file:line:column of every complaint."""
    folder = re.escape(f"{it.placet.folder}/")
    found = re.findall(rf"^{folder}(\S+?):(\d+):(\d+): \S", said, re.MULTILINE)
    return [(file, int(line), int(column)) for file, line, column in found]


def line_of(file: Path, text: str) -> int:
    return next(number for number, line in enumerate(file.read_text().splitlines(), 1) if text in line)


@pytest.mark.parametrize("command", ["serve", "check"])
async def test_every_mistake_is_named_with_its_place_and_nothing_starts(tmp_path: Path, command: str) -> None:
    it = shop(tmp_path)
    spoil(it)
    out, err = await it.placet.cli(command, "--config", str(tmp_path / "placet.yaml"), code=1)
    said = out + err
    config = tmp_path / "placet.yaml"
    named = {(file, line) for file, line, _ in places(it, said)}
    assert named >= {
        ("placet.yaml", line_of(config, "aprovals:")),
        ("placet.yaml", line_of(config, "freez:")),
        ("policies/shop.json", 3),
        ("policies/shop.json", 5),
        ("policies/shop.json", 6),
    }
    assert "Traceback" not in said
    for word in ("aprovals", "freez", "maybe", "require_aproval"):
        assert word in said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("listen: {port: 1\n", "placet.yaml:", id="not YAML"),
        pytest.param("listen: {port: 8642}\nlisten: {port: 1}\n", "placet.yaml:2:1", id="a key twice"),
        pytest.param("database: ${env:NO_SUCH_NAME_HERE}\n", "NO_SUCH_NAME_HERE", id="a secret that is not there"),
        pytest.param("[]\n", "placet.yaml:1:1", id="a list"),
    ],
)
async def test_a_file_that_is_no_configuration_is_refused_in_words(tmp_path: Path, text: str, says: str) -> None:
    it = shop(tmp_path)
    (tmp_path / "placet.yaml").write_text(text)
    _, err = await it.placet.cli("serve", "--config", str(tmp_path / "placet.yaml"), code=1)
    assert says in err
    assert "Traceback" not in err


async def test_no_file_at_all_is_said_with_what_to_do(tmp_path: Path) -> None:
    it = shop(tmp_path)
    (tmp_path / "placet.yaml").unlink()
    _, err = await it.placet.cli("serve", "--config", str(tmp_path / "placet.yaml"), code=1)
    assert "placet.yaml" in err
    assert "Traceback" not in err


async def test_a_bad_file_on_reload_keeps_the_old_policy_and_says_so_everywhere(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as it, it.agent() as agent:
        good = (tmp_path / "policies" / "shop.json").read_text()
        spoil(it)
        line = await it.placet.reload("the old one stays in force")
        assert "shop.json" in line
        text = await difference(it)
        assert text is not None
        assert len(places(it, text)) >= 5
        _, me = await it.ada.ask("GET", "/api/v1/me")
        differs, why = (one["text"] for one in me["notices"] if one["level"] == "error")
        assert "policies/shop.json:5" in why
        hashes = re.findall(r"\(([0-9a-f]{12})\)", differs)
        assert hashes == [sha(BAD_POLICY), sha(good)]
        await both_hashes_everywhere(it, differs, hashes)
        async with asyncio.TaskGroup() as group:
            called = group.create_task(agent.call("pay", {"to": "still", "amount": 5}))
            await it.ada.approve(await it.ada.pending_of(to="still"))
        assert (called.result().code, it.seen("still")) == ("approved", 1)

        it.placet.write_policy("shop", policy({**HELD, "pay": {}}))
        it.placet.write_config()
        await it.placet.reload()
        assert await difference(it) is None
        out, _ = await it.placet.cli("policy", "status")
        assert "DIFFERS" not in out
        assert not (await agent.call("pay", {"to": "now", "amount": 5})).verdict


async def test_a_changed_file_is_taken_up_by_itself(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as it, it.agent() as agent:
        change = policy({**HELD, "read": {"action": "deny", "reason": "closed today"}})
        await it.placet.saying("configuration reloaded", lambda: it.placet.write_policy("shop", change))
        said = await agent.call("read", {"to": "x", "amount": 5})
        assert (said.code, said.verdict["reason"]) == ("policy_denied", "closed today")


async def test_what_needs_a_restart_is_refused_on_reload_and_said(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as it:
        it.placet.config["listen"] = {"host": "127.0.0.1", "port": it.placet.port + 1}
        it.placet.write_config()
        await it.placet.reload("the old one stays in force")
        assert await difference(it) == "listen changed: restart the service to use it"


async def test_a_port_in_use_is_said_in_a_sentence(tmp_path: Path) -> None:
    second = tmp_path / "second"
    second.mkdir()
    async with open_shop(tmp_path) as it:
        other = shop(second)
        other.placet.config["listen"]["port"] = it.placet.port
        other.placet.write_config()
        _, err = await other.placet.cli("serve", code=1)
        assert f"Cannot listen on 127.0.0.1:{it.placet.port}" in err
        assert "Traceback" not in err


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


async def both_hashes_everywhere(it: Shop, sentence: str, hashes: list[str]) -> None:
    """The same on the command line, in `/readyz` and in the metrics."""
    async with aiohttp.ClientSession() as http:
        async with http.get(it.placet.url + "/readyz") as answer:
            assert {"id": "policy", "ok": False, "text": sentence} in (await answer.json())["checks"]
        async with http.get(it.placet.url + "/metrics") as answer:
            (line,) = [one for one in (await answer.text()).splitlines() if one.startswith("placet_policy_differs{")]
    assert line.endswith(" 1.0")
    assert [f'disk="{hashes[0]}"' in line, f'enforced="{hashes[1]}"' in line] == [True, True]
    for command in (["check"], ["policy", "status"]):
        out, _ = await it.placet.cli(*command, code=1)
        assert all(one in out for one in hashes)


async def difference(it: Shop) -> Any:
    """What `/readyz` says of the configuration; it stays ready."""
    async with aiohttp.ClientSession() as http, http.get(it.placet.url + "/readyz") as answer:
        body = await answer.json()
        assert (answer.status, body["ready"]) == (200, True)
    return next((check["text"] for check in body["checks"] if check["id"] == "configuration"), None)
