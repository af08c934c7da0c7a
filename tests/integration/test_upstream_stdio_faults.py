"""Child processes that start badly, talk badly, die, or will not die."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.upstreams import NoAnswer, Overlarge, Result, RpcError, Unsent, nothing
from gateway.upstreams import pending as pending_module
from gateway.upstreams import process as process_module
from gateway.upstreams import stdio as stdio_module
from gateway.upstreams.peers import NOBODY
from gateway.upstreams.stdio import StdioUpstream
from tests.contracts.upstream_contract import Sent
from tests.fakes.upstreams import relay, running, send_call, tool_call

SCRIPT = Path(__file__).parents[1] / "fakes" / "stdio_script.py"


def server(mode: str, *more: str, **options: Any) -> StdioUpstream:
    return StdioUpstream(name="peer", command=[sys.executable, str(SCRIPT), mode, *more], **options)


async def result_of(upstream: StdioUpstream, tool: str) -> Any:
    answer = await send_call(upstream, tool_call(tool))
    assert isinstance(answer, Result)
    return json.loads(answer.raw)


async def test_banners_are_logged_with_their_control_characters_escaped_and_skipped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, logger="gateway.upstreams"):
        async with running(server("banner")) as upstream:
            assert [tool["name"] for tool in await upstream.list_tools()] == ["echo"]
    said = {(record.source, record.getMessage()) for record in caplog.records if hasattr(record, "source")}
    assert ("stdout", r"upstream says: \x1b[1mWelcome\x1b[0m to the server") in said
    assert ("stdout", "upstream says: {neither is this") in said
    assert ("stderr", r"upstream says: warning: \x1b[31mred\x07\x00") in said


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        pytest.param(["no-such-program"], "was not found on PATH. Install it", id="not installed"),
        pytest.param(["/no/such/program"], "there is no executable file /no/such/program", id="no such file"),
        pytest.param(["/dev/null"], "there is no executable file /dev/null", id="not executable"),
        pytest.param([sys.executable, "-c", "raise SystemExit(3)"], "ended with exit code 3", id="ends at once"),
    ],
)
async def test_what_cannot_be_started_was_sent_nothing(command: list[str], sentence: str) -> None:
    sent = Sent()
    async with running(StdioUpstream(name="peer", command=command)) as upstream:
        with pytest.raises(Unsent, match=f"^peer .*{sentence}"):
            await send_call(upstream, tool_call("echo"), sent=sent)
        assert upstream.up is False
    assert sent.times == 0


async def test_npx_that_is_missing_is_said_to_come_with_node(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    async with running(StdioUpstream(name="peer", command=["npx", "-y", "x"])) as upstream:
        with pytest.raises(Unsent, match=r"npx was not found on PATH \(it comes with Node\.js\)"):
            await upstream.list_tools()


async def test_a_process_that_says_nothing_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    async with running(server("mute", start_seconds=0.3, probe_seconds=0.1)) as upstream:
        with pytest.raises(Unsent, match=r"peer did not answer within 0\.3 s of its start"):
            await upstream.list_tools()


async def test_a_process_that_says_nothing_does_not_hold_up_the_end() -> None:
    async with asyncio.timeout(20), running(server("mute")) as upstream:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await upstream.list_tools()
    assert upstream.up is False


async def test_a_process_that_refuses_the_handshake_is_named_with_its_reason() -> None:
    async with running(server("refuses")) as upstream:
        with pytest.raises(Unsent, match="cannot be used: it refused to begin a session: Method not found"):
            await upstream.list_tools()


@pytest.mark.parametrize("mode", ["legacy", "silent-discover"])
async def test_an_old_server_is_met_with_initialize(mode: str) -> None:
    async with running(server(mode, probe_seconds=0.2)) as upstream:
        assert await result_of(upstream, "echo") == {"content": [], "arguments": {}}
        assert upstream.up is True


async def test_a_process_that_is_started_again_for_a_session_logs_at_the_level_that_was_set() -> None:
    async def levels(upstream: StdioUpstream, session: str) -> Any:
        asked = tool_call("levels", session=session, log_level="debug")
        answer = await upstream.request(asked, peer=NOBODY, sent=nothing)
        assert isinstance(answer, Result)
        return json.loads(answer.raw)

    async with running(server("legacy")) as upstream:
        set_debug = relay("logging/setLevel", b'{"level":"debug"}', repeatable=True)
        assert isinstance(await upstream.request(set_debug, peer=NOBODY, sent=nothing), Result)
        before = await levels(upstream, "ada")
        assert before["levels"] == ["debug"]
        with pytest.raises(NoAnswer):
            await send_call(upstream, tool_call("die"))
        after = await levels(upstream, "ada")
        assert (after["levels"], after["process"] != before["process"]) == (["debug"], True)
        assert (await levels(upstream, "bob"))["levels"] == [], "of all others' process nobody has set the level"
        await upstream.forget("ada")
        assert (await levels(upstream, "ada"))["levels"] == []


async def test_a_server_that_dies_of_discover_is_started_again_with_initialize(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio_module, "_AGAIN_SECONDS", (0.01, 0.05))
    up = asyncio.Event()
    upstream = server("dies-of-discover")
    upstream.on_tools_changed = up.set
    async with running(upstream):
        async with asyncio.timeout(10):
            await up.wait()
        assert await result_of(upstream, "echo") == {"content": [], "arguments": {}}


@pytest.mark.parametrize(
    ("tool", "how"),
    [
        pytest.param("die", "was ended by SIGKILL", id="killed"),
        pytest.param("exit", "ended with exit code 7", id="exits"),
    ],
)
async def test_a_call_in_a_process_that_ends_is_unknown_and_the_next_process_takes_calls(
    tool: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stdio_module, "_AGAIN_SECONDS", (0.01, 0.05))
    upstream, sent, up = server("legacy"), Sent(), asyncio.Event()
    async with running(upstream):
        await upstream.list_tools()
        upstream.on_tools_changed = up.set
        with pytest.raises(NoAnswer, match=f"peer {how} before it answered"):
            await send_call(upstream, tool_call(tool), sent=sent)
        assert sent.times == 1
        async with asyncio.timeout(10):
            await up.wait()
        assert await result_of(upstream, "echo") == {"content": [], "arguments": {}}


async def test_while_it_waits_to_start_again_calls_are_told_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio_module, "_AGAIN_SECONDS", (600.0, 600.0))
    upstream, sent = server("legacy"), Sent()
    async with running(upstream):
        with pytest.raises(NoAnswer):
            await send_call(upstream, tool_call("exit"))
        with pytest.raises(Unsent, match=r"peer (is ending|ended with exit code 7)"):
            await send_call(upstream, tool_call("echo"), sent=sent)
    assert sent.times == 0


async def test_foreign_and_second_answers_are_dropped() -> None:
    async with running(server("legacy")) as upstream:
        assert await result_of(upstream, "foreign") == {"content": [], "own": True}
        assert await result_of(upstream, "echo") == {"content": [], "arguments": {}}


GARBAGE = [
    pytest.param('{"jsonrpc":"2.0","id":$ID,"result":["no"]}', "has a result that is not an object", id="a list"),
    pytest.param('{"id": $ID, "result": {}}', "is not JSON-RPC 2.0", id="no jsonrpc"),
    pytest.param('{"jsonrpc":"2.0","id":$ID}', "not exactly one of result and error", id="neither"),
    pytest.param('{"jsonrpc":"2.0","id":$ID,"error":"no"}', "error that is not an object", id="a bare error"),
    pytest.param('{"jsonrpc":"2.0","id":$ID,"result":{},"result":{}}', "twice", id="result named twice"),
    pytest.param('{"jsonrpc":"2.0","id":$ID,"result":{"a":', "is not valid JSON", id="cut off"),
    pytest.param(
        '{"jsonrpc":"2.0","id":"$ID","result":{}}', "a string, instead of the number", id="the id as a string"
    ),
    pytest.param('[{"jsonrpc":"2.0","id":$ID,"result":{}}]', "is not a JSON object", id="a batch"),
    pytest.param('Done: {"id": $ID, "result": ["no"]}', "is not a JSON object", id="prose"),
]


@pytest.mark.parametrize(("line", "why"), GARBAGE)
async def test_garbage_in_the_place_of_an_answer_ends_its_call_at_once(
    line: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending_module, "_GRACE_SECONDS", 0.05)
    sent = Sent()
    async with running(server("legacy")) as upstream:
        async with asyncio.timeout(60):
            with pytest.raises(NoAnswer, match=f"^peer answered .*{why}"):
                await send_call(upstream, tool_call("says", json.dumps({"lines": [line]}).encode()), sent=sent)
        assert await result_of(upstream, "echo") == {"content": [], "arguments": {}}
    assert sent.times == 1


@pytest.mark.parametrize(
    "line",
    [
        pytest.param('sending {"jsonrpc":"2.0","id":$ID,"result":{"content":[]}}', id="prose that quotes the answer"),
        pytest.param('got {"jsonrpc":"2.0","id":$ID,"method":"tools/call","error":1}', id="prose that quotes the call"),
        pytest.param('{"level":"info","id":$ID,"message":"working"}', id="a log in JSON"),
        pytest.param('{"jsonrpc":"1.0","result":{"id":$ID}}', id="the number elsewhere"),
        pytest.param('{"id":999999,"result":[]}', id="somebody else's"),
        pytest.param("call $ID is done", id="prose with the number"),
    ],
)
async def test_a_line_that_may_be_a_log_leaves_its_call_the_time_to_be_answered(line: str) -> None:
    answer = '{"jsonrpc":"2.0","id":$ID,"result":{"content":[]}}'
    async with running(server("legacy")) as upstream:
        said = tool_call("says", json.dumps({"lines": [line, answer]}).encode())
        assert await send_call(upstream, said) == Result(raw=b'{"content":[]}')


async def test_a_server_that_answers_discover_with_garbage_is_met_with_initialize() -> None:
    async with running(server("garbled-discover")) as upstream:
        assert await result_of(upstream, "echo") == {"content": [], "arguments": {}}


async def test_an_error_without_an_id_belongs_to_the_only_call_there_is() -> None:
    async with running(server("legacy")) as upstream:
        answer = await send_call(upstream, tool_call("null-id"))
    assert answer == RpcError(code=-32700, message="Parse error")


async def test_an_answer_over_the_cap_ends_only_its_own_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "MAX_ANSWER_BYTES", 100_000)
    monkeypatch.setattr(pending_module, "MAX_ANSWER_BYTES", 100_000)
    async with running(server("legacy")) as upstream:
        with pytest.raises(Overlarge, match="peer answered with more than 100000 bytes"):
            await send_call(upstream, tool_call("big"))
        assert await result_of(upstream, "echo") == {"content": [], "arguments": {}}


async def test_its_own_requests_are_answered() -> None:
    async with running(server("legacy")) as upstream:
        elicitation, ping = (await result_of(upstream, "asks"))["answers"]
    assert ping["result"] == {}
    assert elicitation["result"] == {"action": "decline"}


async def test_it_says_when_its_tools_changed() -> None:
    async with running(server("legacy")) as upstream:
        await upstream.list_tools()
        changed = asyncio.Event()
        upstream.on_tools_changed = changed.set
        await result_of(upstream, "changed")
        assert changed.is_set()


async def test_it_gets_a_minimal_environment_and_a_session_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "secret")
    async with running(server("legacy", env={"TOKEN": "given"})) as upstream:
        seen = await result_of(upstream, "env")
    assert seen["env"]["TOKEN"] == "given"
    assert "SLACK_BOT_TOKEN" not in seen["env"]
    assert seen["env"]["PATH"] == os.environ["PATH"]
    assert seen["session"] is True


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
@pytest.mark.parametrize("politely", [True, False], ids=["closed", "run cancelled"])
async def test_a_process_that_will_not_end_is_killed_with_its_children(tmp_path: Path, *, politely: bool) -> None:
    note = tmp_path / "pids"
    upstream = server("ignores-term", str(note))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(upstream.run())
        await upstream.list_tools()
        pids = [int(pid) for pid in note.read_text().split()]
        assert all(_runs(pid) for pid in pids)
        if politely:
            await upstream.close()
        else:
            task.cancel()
    async with asyncio.timeout(5):
        while any(_runs(pid) for pid in pids):  # noqa: ASYNC110 - nobody tells us of grandchildren
            await asyncio.sleep(0)
    with pytest.raises(Unsent, match="peer was stopped"):
        await send_call(upstream, tool_call("echo"))
