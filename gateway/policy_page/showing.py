"""Policies in force, as JSON: each layer with its text, where its rules stand, and its file as it is now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from approvals.storage.policies import PolicyVersion, VersionEntry, digest
from approvals.web.shape import moment
from gateway.config_layers import is_page
from gateway.in_force import Standing
from gateway.policy.layers import version_of
from gateway.policy.model import Policy
from gateway.policy.source import Node, Problem, pointer
from gateway.policy_files import PolicyFiles, Unreadable, read_file
from gateway.settings import ServerSettings, Settings

MOST_PLACES = 20_000
"""So many lines of a file are named by their pointers at most."""

Name = Callable[[str], str]
"""The name to show for a person's address."""


def listed(
    settings: Settings, server: ServerSettings, standings: Iterable[Standing], problem: str | None
) -> dict[str, Any]:
    """One server in the list of policies; `problem`: why its newest saved version is not in force."""
    differing = [one for one in standings if one.server == server.name and one.differs]
    return {
        "server": server.name,
        "state": _state(server, differs=bool(differing) or problem is not None),
        "policy_version": version_of(server.policies) if server.policies else None,
        "layers": [short(policy.name, settings) for policy in server.policies],
        "dialects": list(dict.fromkeys(policy.dialect for policy in server.policies)),
        "page": server.page,
        "differences": [
            {"layer": short(one.layer, settings), "enforced": one.in_force, "on_disk": one.on_disk} for one in differing
        ],
        "problem": problem,
    }


def whole(
    settings: Settings, server: ServerSettings, saved: PolicyVersion | None, problem: str | None, name: Name
) -> dict[str, Any]:
    """The policy of a server with everything there is to read of it. Looks at files, so it belongs in a thread."""
    layers = [_layer(policy, settings, server, saved, name) for policy in server.policies]
    differs = any(layer["on_disk"] is not None and layer["on_disk"]["differs"] for layer in layers)
    return {
        "server": server.name,
        "state": _state(server, differs=differs or problem is not None),
        "policy_version": version_of(server.policies) if server.policies else None,
        "layers": layers,
        "page": server.page,
        "problem": problem,
    }


def entry(version: VersionEntry, in_force: int | None, name: Name) -> dict[str, Any]:
    """One line of the history."""
    return {
        "number": version.number,
        "sha256": version.sha256,
        "by": version.by,
        "name": name(version.by),
        "at": moment(version.at),
        "note": version.note,
        "restores": version.restores,
        "in_force": version.number == in_force,
    }


def problems(found: Iterable[Problem]) -> list[dict[str, Any]]:
    """What is wrong with a text."""
    return [
        {"line": one.line, "column": one.column, "pointer": one.pointer, "message": one.message, "hint": one.hint}
        for one in found
    ]


def short(name: str, settings: Settings) -> str:
    """A file's name from the folder of the configuration."""
    path, folder = Path(name), settings.file.absolute().parent
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else name


def _state(server: ServerSettings, *, differs: bool) -> str:
    if differs:
        return "differs"
    if not server.policies:
        return "none"
    return "unsaved" if server.page == 0 else "enforced"


def _layer(
    policy: Policy, settings: Settings, server: ServerSettings, saved: PolicyVersion | None, name: Name
) -> dict[str, Any]:
    page = is_page(policy)
    return {
        "name": short(policy.name, settings),
        "kind": "page" if page else "file",
        "shared": any(policy.name == one.name for one in settings.organisation),
        "text": policy.text,
        "dialect": policy.dialect,
        "version": policy.version,
        "sha256": digest(policy.text),
        "notes": list(policy.notes),
        "tests": len(policy.tests),
        "outline": list(outline(policy)) if policy.text else [],
        "on_disk": None if page else _on_disk(policy),
        "saved": entry(saved, server.page, name) if page and saved is not None else None,
    }


def _on_disk(policy: Policy) -> dict[str, Any]:
    enforced = digest(policy.text)
    try:
        text, stamp = read_file(Path(policy.name), policy.name)
    except Unreadable as err:
        return {"sha256": None, "differs": True, "text": None, "problems": problems([err.problem])}
    if stamp.sha256 == enforced:
        return {"sha256": stamp.sha256, "differs": False, "text": None, "problems": []}
    files = PolicyFiles()
    files.stack(Path(policy.name))
    found = [one for one in files.problems if one.file == policy.name]
    return {"sha256": stamp.sha256, "differs": True, "text": text, "problems": problems(found)}


def outline(policy: Policy) -> Iterator[dict[str, Any]]:
    """The first place that begins in each line: the key or element there, by its pointer."""
    if policy.source is None:
        return
    seen: set[int] = set()
    for line, where in _places(policy.source, ()):
        if line in seen:
            continue
        if len(seen) >= MOST_PLACES:
            return
        seen.add(line)
        yield {"line": line, "pointer": where}


def _places(node: Node, path: tuple[str | int, ...]) -> Iterator[tuple[int, str]]:
    if isinstance(node.value, dict):
        for key, child in node.value.items():
            yield node.keys.get(key, (child.line, 1))[0], pointer((*path, key))
            yield from _places(child, (*path, key))
    elif isinstance(node.value, list):
        for index, child in enumerate(node.value):
            yield child.line, pointer((*path, index))
            yield from _places(child, (*path, index))
