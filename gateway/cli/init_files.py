"""The files of `placet init`: made aside, and put in place all together or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import yaml

from gateway.schemas import MODELS, rendered

_CONFIG = """\
# yaml-language-server: $schema={schema}
# What everything means: docs/configuration.md. `placet check` says what is wrong.
listen: {{host: 127.0.0.1, port: {port}}}
public_url: http://127.0.0.1:{port}        # links are made from this, never from Host
database: sqlite:///placet.db
keys: {{file: placet.keys}}

servers:
  {server}:
{transport}
    policy: {policy}

agents:
  {agent}: {{token_sha256: {token_sha256}, owner: {email}, servers: [{server}]}}

people:
  {email}: {{name: {name}, roles: [reviewer, operator, admin], groups: [team]}}

approvals:
  reviewers: ["group:team"]
  timeout: 15m
"""

_POLICY = """\
# yaml-language-server: $schema={schema}
# The policy of the server {server}. A tool that is not named here is refused, and not even listed.
version: "1"
default: deny
tools:
  # Tools by what they do, judged from their names and descriptions. Name single tools to be exact:
  # all rules that name a tool count, and the strictest wins.
  "risk:read": {{rate_limit: 60/minute}}
  "risk:write": {{action: require_approval, reason: A person looks at every change}}
  "risk:execute": {{action: require_approval, reason: A person looks at everything that is run}}
  "risk:financial": {{action: require_approval, reason: Money moves}}
  "risk:destructive": {{action: require_approval, reason: This destroys something; look twice}}
"""

CONFIG, KEYS, DATABASE = Path("placet.yaml"), Path("placet.keys"), Path("placet.db")
EXAMPLES = (Path(".env.example"), Path(".env.placet.example"))
VARIABLES = "SLACK_BOT_TOKEN=\nSLACK_APP_TOKEN=\nSLACK_SIGNING_SECRET=\n"
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._@+-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What was asked, and found good. Exactly one of `url` and `words` is there."""

    server: str
    url: str | None
    words: tuple[str, ...]
    email: str
    name: str
    agent: str
    port: int


def texts(answers: Answers, token_sha256: str) -> dict[Path, str]:
    """The files of a configuration, by their place in its folder."""
    policy = Path("policies") / f"{answers.server}.yaml"
    config = _CONFIG.format(
        schema="schema/placet.schema.json",
        port=answers.port,
        server=_plain(answers.server),
        transport=_transport(answers),
        policy=_plain(policy.as_posix()),
        agent=_plain(answers.agent),
        token_sha256=_plain(token_sha256),
        email=_plain(answers.email),
        name=_quoted(answers.name),
    )
    return {
        CONFIG: config,
        policy: _POLICY.format(schema="../schema/policy.schema.json", server=answers.server),
        **{Path("schema") / f"{name}.schema.json": rendered(name) for name in MODELS},
    }


def example(folder: Path) -> Path | None:
    """Where the names of Slack's variables can be written: never over a file of somebody else."""
    return next((name for name in EXAMPLES if not _other(folder / name, VARIABLES)), None)


def in_the_way(folder: Path, files: Mapping[Path, str]) -> Path | None:
    """A file that is there already, and is not just what would be written."""
    return next((folder / name for name, text in files.items() if _other(folder / name, text)), None)


def write(folder: Path, files: Mapping[Path, str]) -> None:
    """Write files below a folder."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


@contextmanager
def in_place(made: Path, folder: Path, names: Iterable[Path]) -> Iterator[None]:
    """Move files from where they were made into a folder; if the block fails, everything is as before.

    A database that the block makes is taken away again, too; one that was there stays.
    """
    with ExitStack() as undo:
        for name in names:
            target, kept = folder / name, made / "before" / name
            for parent in reversed(target.parents):
                if not parent.exists():
                    parent.mkdir()
                    undo.callback(_remove_empty, parent)
            if target.exists():
                kept.parent.mkdir(parents=True, exist_ok=True)
                target.replace(kept)
                undo.callback(kept.replace, target)
            (made / name).replace(target)
            undo.callback(target.unlink, missing_ok=True)
        if not (folder / DATABASE).exists():
            for tail in ("", "-wal", "-shm", "-journal"):
                undo.callback((folder / f"{DATABASE}{tail}").unlink, missing_ok=True)
        yield
        undo.pop_all()


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _other(path: Path, text: str) -> bool:
    if path.is_symlink() or path.exists():
        return not path.is_file() or path.read_bytes() != text.encode()
    return False


def _transport(answers: Answers) -> str:
    if answers.url is not None:
        return f"    url: {_quoted(answers.url)}"
    return f"    command: [{', '.join(map(_quoted, answers.words))}]"


def _plain(text: str) -> str:
    """A value or key of YAML: without quotes where nobody could take it for anything but this text."""
    return text if _PLAIN.fullmatch(text) and yaml.safe_load(text) == text else _quoted(text)


def _quoted(text: str) -> str:
    return yaml.safe_dump(text, default_style='"', allow_unicode=True, width=10_000).strip()
