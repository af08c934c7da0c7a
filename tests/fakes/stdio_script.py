"""A stdio MCP server that misbehaves on order: the first argument names how."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

TOOL = {"name": "echo", "inputSchema": {"type": "object"}}
LEVELS: list[str] = []
VERSIONS = {"2025-11-25", "2025-06-18", "2024-11-05"}


def say(message: Any) -> None:
    sys.stdout.write((message if isinstance(message, str) else json.dumps(message)) + "\n")
    sys.stdout.flush()


def answer(request: dict[str, Any], result: Any) -> None:
    say({"jsonrpc": "2.0", "id": request["id"], "result": result})


def refuse(request: dict[str, Any], code: int) -> None:
    say({"jsonrpc": "2.0", "id": request["id"], "error": {"code": code, "message": "Method not found"}})


def starting(mode: str) -> None:
    if mode == "banner":
        say("\x1b[1mWelcome\x1b[0m to the server\n\n[not json\n{neither is this")
        print("warning: \x1b[31mred\x07\x00", file=sys.stderr, flush=True)
    if mode == "exits":
        sys.exit(3)
    if mode == "mute":
        time.sleep(600)
    if mode == "ignores-term":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        Path(sys.argv[2]).write_text(f"{os.getpid()} {child.pid}")


def called(mode: str, request: dict[str, Any]) -> None:
    name = request["params"]["name"]
    match name:
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            sys.exit(7)
        case "big":
            answer(request, {"content": [], "x": "y" * 200_000})
        case "asks":
            say({"jsonrpc": "2.0", "id": "p", "method": "ping"})
            say({"jsonrpc": "2.0", "id": "e", "method": "elicitation/create", "params": {}})
            answers = sorted((json.loads(sys.stdin.readline()) for _ in range(2)), key=lambda item: str(item["id"]))
            answer(request, {"content": [], "answers": answers})
        case "env":
            answer(request, {"content": [], "env": dict(os.environ), "session": os.getsid(0) == os.getpid()})
        case "changed":
            say({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
            answer(request, {"content": []})
        case _:
            said(name, request)


def said(name: str, request: dict[str, Any]) -> None:
    match name:
        case "foreign":
            say({"jsonrpc": "2.0", "id": 999_999, "result": {"content": []}})
            answer(request, {"content": [], "own": True})
            answer(request, {"content": [], "second": True})
        case "says":
            for line in request["params"]["arguments"]["lines"]:
                say(line.replace("$ID", str(request["id"])))
        case "levels":
            answer(request, {"content": [], "levels": LEVELS, "process": os.getpid()})
        case "null-id":
            say({"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "Parse error"}})
        case _:
            answer(request, {"content": [], "arguments": request["params"].get("arguments")})


def discovered(mode: str, request: dict[str, Any]) -> None:
    match mode:
        case "dies-of-discover":
            sys.exit(1)
        case "silent-discover":
            pass
        case "garbled-discover":
            say({"id": request["id"], "error": "what?"})
        case _:
            refuse(request, -32601)


def serve(mode: str) -> None:
    for line in sys.stdin:
        request = json.loads(line)
        match request.get("method"):
            case "server/discover":
                discovered(mode, request)
            case "initialize" if mode == "refuses":
                refuse(request, -32000)
            case "initialize":
                asked = request["params"]["protocolVersion"]
                able: dict[str, Any] = {"tools": {}, "logging": {}}
                answer(request, {"protocolVersion": asked, "capabilities": able, "serverInfo": {}})
            case "logging/setLevel":
                LEVELS.append(request["params"]["level"])
                answer(request, {})
            case "tools/list":
                answer(request, {"tools": [TOOL]})
            case "tools/call":
                called(mode, request)
            case _:
                pass
    if mode == "ignores-term":
        time.sleep(600)


if __name__ == "__main__":
    starting(sys.argv[1])
    serve(sys.argv[1])
