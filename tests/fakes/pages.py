"""Reading Markdown pages for tests: their fenced blocks, and the lines of a shell in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def pages() -> list[Path]:
    """Every page for readers."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Each fenced block as its info string and its body."""
    for found in _FENCE.finditer(text):
        yield found[1].strip(), found[2]


def fenced(text: str, info: str) -> list[str]:
    """The bodies of the blocks with one info string."""
    return [body for said, body in blocks(text) if said == info]


def commands(text: str) -> Iterator[list[str]]:
    """The words of every `placet …` line in a page's shell blocks, up to a comment, pipe or `&&`."""
    for info, body in blocks(text):
        if info not in {"sh", ""}:
            continue
        for line in body.replace("\\\n", " ").splitlines():
            for part in re.split(r" \| | && ", line):
                if found := re.match(r"^(?:\S*/)?placet\s+(.*)$", part.strip()):
                    yield shlex.split(found[1], comments=True)
