"""`placet demo` as a newcomer runs it: one link, a story that waits for a person, and nothing left behind."""

from __future__ import annotations

import re
import signal
import socket
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from playwright.async_api import async_playwright, expect

from tests.acceptance.showing import HELD, demo, seen, workspace, you
from tests.browser.chromium import ARGUMENTS, PATIENCE_MS, path_of_chromium

CONNECT = r'claude mcp add --transport http shop (\S+/mcp/shop) --header "(Authorization): (Bearer plc_agent_\S+)"'
REFUNDED = "shop   did it: refunded 349 USD on order A-1002"


async def test_the_story_meets_the_four_verdicts_and_the_refund_happens_once_when_you_say_so(tmp_path: Path) -> None:
    async with demo(tmp_path) as running, you(running) as person:
        page = await running.says("/requests/req_")
        story = running.story()
        for told in (
            'is told (allowed): {"customer": "Alan Turing"',
            "is told (policy_denied): ",
            "is told (allowed): Mail to Alan Turing is on its way.",
            "is told (rate_limited): ",
        ):
            assert told in story
        assert (story.count("did it: mail"), story.count("did it: deleted")) == (2, 0)
        request = await person.held()
        assert page.strip().endswith(f"/requests/{request['id']}")
        assert request["arguments"]["amount"] == 349
        assert "refunded" not in running.text
        await person.decide(request, decision="approve")
        text = await running.ended()
    assert text.count(REFUNDED) == 1
    assert "is told (approved): 349 USD paid back on order A-1002." in text
    assert text.index(HELD) < text.index(REFUNDED) < text.index("is told (approved)")
    assert "The demo is over" in running.lines[-1]


async def test_a_denial_is_told_to_the_agent_and_nothing_is_paid(tmp_path: Path) -> None:
    async with demo(tmp_path) as running, you(running) as person:
        await running.says(HELD)
        await person.decide(await person.held(), decision="deny", reason="The box was opened")
        text = await running.ended()
    assert "refunded" not in text
    told = next(line for line in running.lines if "is told (approval_denied): " in line)
    assert '"The box was opened"' in told


async def test_the_refund_can_be_approved_in_the_look_alike(tmp_path: Path) -> None:
    async with demo(tmp_path, "--port", "0") as running, workspace(running) as (http, who):
        await running.says(HELD)
        card = await seen(http, who, "refund_payment")
        assert "refunded" not in running.text
        press = {"as": who, "channel": card["channel"], "ts": card["ts"], "action_id": "approve"}
        async with http.post("/view/press", json=press) as answer:
            assert (answer.status, await answer.json()) == (200, {"ok": True, "problem": None})
        await running.says("is told (approved): 349 USD paid back on order A-1002.")
        after = await seen(http, who, "ran, succeeded")
        assert (after["ts"], "Approved by You" in after["text"]) == (card["ts"], True)
        await running.says("Ctrl-C ends the demo.")
        assert running.process.returncode is None
        running.process.send_signal(signal.SIGINT)
        assert (await running.ended()).count(REFUNDED) == 1


@pytest.mark.skipif(path_of_chromium() is None, reason="no Chromium on this machine")
async def test_the_page_and_the_look_alike_in_a_browser_tell_the_same(tmp_path: Path) -> None:
    async with demo(tmp_path) as running, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path_of_chromium(), args=ARGUMENTS)
        console, slack = await browser.new_page(), await browser.new_page()
        complaints: list[str] = []
        for page in (console, slack):
            page.set_default_timeout(PATIENCE_MS)
            page.on("pageerror", lambda error: complaints.append(str(error)))
        await console.goto(await running.console())
        await console.get_by_role("button", name="Sign in").click()
        await running.says(HELD)
        await console.locator("a.row", has_text="refund_payment").click()
        await expect(console.get_by_role("button", name="Approve and run refund_payment")).to_be_visible()
        await slack.goto(await running.slack())
        # Money moves: Slack asks once more.
        await slack.get_by_role("button", name="Approve", exact=True).click()
        await slack.get_by_role("dialog").get_by_role("button", name="Approve").click()
        await expect(slack.get_by_text(re.compile("Approved by You at .* via Slack"))).to_be_visible()
        await running.says("is told (approved)")
        await expect(console.locator(".verdict")).to_contain_text("Approved by You (you@example.com) via slack")
        # Both pages are still open: the demo ends all the same.
        assert (await running.ended()).count(REFUNDED) == 1
        assert complaints == []
        await browser.close()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_a_demo_that_is_ended_while_its_call_waits_pays_nothing_and_says_no_more(
    tmp_path: Path, how: signal.Signals
) -> None:
    async with demo(tmp_path) as running:
        await running.says("/requests/req_")
        running.process.send_signal(how)
        text = await running.ended()
    assert "refunded" not in text
    assert "That is all" not in text
    assert "The demo is over" in running.lines[-1]


async def test_without_its_agent_it_waits_for_a_real_one(tmp_path: Path) -> None:
    async with demo(tmp_path, "--no-agent", "--port", "0") as running:
        line = await running.says("claude mcp add ")
        found = re.fullmatch(CONNECT, line.strip())
        assert found is not None, line
        url, header, bearer = found.groups()
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "tester", "version": "1"}}
        message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}
        headers = {header: bearer, "Accept": "application/json, text/event-stream"}
        async with aiohttp.ClientSession(headers=headers) as http:
            async with http.post(url, json=message) as answer:
                assert answer.status == 200, await answer.text()
            async with http.post(url, json=message, headers={header: "Bearer plc_agent_wrong"}) as answer:
                assert answer.status == 401
        await running.says("Ctrl-C ends the demo.")
        running.process.send_signal(signal.SIGTERM)
        text = await running.ended()
    assert "1. It looks an order up" not in text


async def test_a_port_that_is_taken_is_not_insisted_on(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with demo(tmp_path, "--no-agent", "--port", str(port), "--exit-after") as running:
            link = urlsplit(await running.console())
            await running.ended()
    assert link.port not in {None, port}
