"""The labelled tools of tests/fixtures/risk, as the definitions a server would list."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.policy.model import RiskClass, Severity

FOLDER = Path(__file__).parents[1] / "fixtures" / "risk"
ROOT_POLICIES = FOLDER.parent / "policies"
_TOOL = re.compile(r'([\w.\-]+)(?:\(([^)]*)\))?((?:\+\w+)*)(?: "([^"]*)")?')
_HINTS = {"destructive": "destructiveHint", "readonly": "readOnlyHint"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A tool and what a person says of it."""

    server: str
    definition: dict[str, Any]
    kind: RiskClass
    severity: Severity
    why: str = ""

    @property
    def name(self) -> str:
        """As the server calls it."""
        return str(self.definition["name"])


def labelled(name: str) -> list[Labelled]:
    """The tools of one table: learned, checked, or unseen."""
    return list(_table((FOLDER / f"{name}.txt").read_text(encoding="utf-8")))


def _table(text: str) -> Iterator[Labelled]:
    server = ""
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("["):
            server = line.strip("[]")
            continue
        label, _, tools = line.partition(" ")
        kind, _, severity = label.partition("/")
        for name, parameters, hints, words in _TOOL.findall(tools.strip()):
            definition: dict[str, Any] = {"name": name, "inputSchema": _schema(parameters)}
            if words:
                definition["description"] = words
            if hints:
                definition["annotations"] = {_HINTS[hint]: True for hint in hints.strip("+").split("+")}
            yield Labelled(server=server, definition=definition, kind=RiskClass(kind), severity=Severity(severity))


def _schema(parameters: str) -> dict[str, Any]:
    names = [name for name in parameters.split(",") if name]
    return {"type": "object", "properties": {name: {} for name in names}}


def binance_us() -> list[Labelled]:
    """The 93 tools of the first catalogue."""
    listed = {tool["name"]: tool for tool in json.loads((FOLDER / "binance_us.json").read_text("utf-8"))["tools"]}
    found = []
    for line in (FOLDER / "binance_us.txt").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        name, kind, severity, why = line.split()
        definition = listed.pop(f"binance_us_{name}")
        found.append(
            Labelled(
                server="binance-us", definition=definition, kind=RiskClass(kind), severity=Severity(severity), why=why
            )
        )
    assert not listed
    return found
