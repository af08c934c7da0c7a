"""Everything in the repository that is made from code: `python -m tests.generated --check|--write`.

One entry of `GENERATED` a file. A file is compared whole, except that ARCHITECTURE.md has only a part that is
generated, between two marks. `make check` compares, `make schemas` writes; a test runs the comparison as well.
"""

from __future__ import annotations

import argparse
import asyncio
import difflib
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from approvals.channels.slack_manifest import manifest
from approvals.domain.lifecycle import TABLE
from approvals.domain.model import State
from approvals.web.openapi import write_document
from approvals.web.routes import API, Endpoint
from gateway import schemas
from gateway.cli.slack import as_yaml
from tests.fakes.whole_service import whole_service

ROOT = Path(__file__).parent.parent
DOCUMENT_VERSION = "v1"
"""The version of the API, not of the release: the file changes only when the API does."""
PUBLIC_URL = "https://placet.example.com"
COOKIE = "__Host-session"
TABLE_BEGIN = "<!-- generated: the state table -->"
TABLE_END = "<!-- end of the state table -->"


class Unmarked(Exception):
    """A file that has a generated part lacks the marks around it."""


def state_table() -> str:
    """The life of a request as a Markdown table, one row per state, made from `lifecycle.TABLE`."""
    lines = ["| From | Events and where they lead |", "|---|---|"]
    for state in State:
        by_target: dict[State, list[str]] = {}
        for (source, event), target in TABLE.items():
            if source is state:
                by_target.setdefault(target, []).append(event.value)
        said = [f"{', '.join(events)} → **{target.value}**" for target, events in by_target.items()]
        lines.append(f"| {state.value} | {' · '.join(said) or 'nothing: it has ended'} |")
    events = {event for _, event in TABLE}
    lines += ["", f"{len(State)} states, {len(events)} events, {len(TABLE)} arrows."]
    return "\n".join(lines)


def spliced(text: str, part: str) -> str:
    """A document with the part between its marks replaced.

    Raises:
        Unmarked: there are no marks.
    """
    before, begin, rest = text.partition(TABLE_BEGIN)
    _, end, after = rest.partition(TABLE_END)
    if not begin or not end:
        raise Unmarked(f"it needs the lines {TABLE_BEGIN!r} and {TABLE_END!r} around the table")
    return f"{before}{TABLE_BEGIN}\n{part}\n{TABLE_END}{after}"


def _architecture(root: Path) -> str:
    return spliced((root / "ARCHITECTURE.md").read_text(encoding="utf-8"), state_table())


async def _endpoints() -> tuple[Endpoint, ...]:
    with tempfile.TemporaryDirectory() as folder:
        async with whole_service(Path(folder)) as service:
            return *API, *service.endpoints()


def _openapi(_root: Path) -> str:
    endpoints = asyncio.run(_endpoints())
    document = write_document(endpoints, version=DOCUMENT_VERSION, cookie=COOKIE, public_url=PUBLIC_URL)
    return json.dumps(json.loads(document), indent=2, ensure_ascii=False) + "\n"


def _manifest(_root: Path) -> str:
    return as_yaml(manifest())


def _schema(name: str) -> Callable[[Path], str]:
    def made(_root: Path) -> str:
        with tempfile.TemporaryDirectory() as folder:
            schemas.write_schemas(Path(folder))
            return (Path(folder) / f"{name}.schema.json").read_text(encoding="utf-8")

    return made


GENERATED: Mapping[str, Callable[[Path], str]] = {
    "ARCHITECTURE.md": _architecture,
    "docs/openapi.json": _openapi,
    "config/slack-manifest.yaml": _manifest,
    **{f"config/schema/{name}.schema.json": _schema(name) for name in schemas.MODELS},
}
"""Each generated file by its path, and what makes its text out of the repository at a root."""


def differences(root: Path = ROOT) -> list[str]:
    """What is not as the code would write it: a sentence per file, with its first changed lines."""
    found: list[str] = []
    for name, make in GENERATED.items():
        path = root / name
        try:
            wanted = make(root)
            have = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            found.append(f"{name} is missing")
            continue
        except Unmarked as err:
            found.append(f"{name}: {err}")
            continue
        if have != wanted:
            found.append("\n".join([f"{name} is not what the code says", *_changed(have, wanted)]))
    return found


def write(root: Path = ROOT) -> list[str]:
    """Write every file that differs; says which."""
    written: list[str] = []
    for name, make in GENERATED.items():
        path, text = root / name, make(root)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            written.append(name)
    return written


def _changed(have: str, wanted: str, lines: int = 12) -> list[str]:
    diff = difflib.unified_diff(have.splitlines(), wanted.splitlines(), "in the repository", "made now", "", "", 0, "")
    return [f"    {line}" for _, line in zip(range(lines), diff, strict=False)]


def main(arguments: list[str] | None = None) -> int:
    """The command: 0 when all is as it should be, 1 when something differs or cannot be written."""
    parser = argparse.ArgumentParser(prog="python -m tests.generated", description="Files made from code.")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--check", action="store_true", help="compare, and exit with 1 on a difference")
    which.add_argument("--write", action="store_true", help="write what differs")
    chosen = parser.parse_args(arguments)
    if chosen.write:
        try:
            written = write()
        except (Unmarked, FileNotFoundError) as err:
            print(f"cannot write the generated files: {err}", file=sys.stderr)
            return 1
        print("\n".join(f"wrote {name}" for name in written) or "generated files are up to date")
        return 0
    found = differences()
    if not found:
        print(f"{len(GENERATED)} generated files are up to date")
        return 0
    print("\n".join([*found, "", "run: make schemas"]), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
