"""A text that somebody wants to put on a server's page: is it a policy, and can everybody whom it asks be asked?

The same questions that a file is asked when the configuration is loaded, asked of one layer under settings that are
in force. Nothing half-checked comes out: a layer is whole, or everything that is wrong with it is told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from approvals.domain.model import Person
from approvals.storage.policies import PolicyVersion
from gateway.config_asking import asking
from gateway.config_layers import PAGE, is_page, page_policy
from gateway.policy.loaders import PolicyErrors
from gateway.policy.model import Policy
from gateway.policy.reading import is_json
from gateway.settings import ServerSettings, Settings


def checked(settings: Settings, people: Iterable[Person], server: str, text: str) -> Policy:
    """The page layer that a text means.

    `people` are those of the database.

    Raises:
        PolicyErrors: with everything that is wrong.
    """
    policy = page_policy(text, server)
    if problems := list(asking(settings, people).problems(policy)):
        raise PolicyErrors(problems)
    return policy


def layers_with(layers: Iterable[Policy], page: Policy) -> tuple[Policy, ...]:
    """Layers with another page among them."""
    return tuple(page if is_page(layer) else layer for layer in layers)


def put(settings: Settings, people: Iterable[Person], version: PolicyVersion) -> Settings:
    """The settings with a saved version in force on its server's page.

    Raises:
        PolicyErrors: it cannot be in force under these settings.
    """
    page = checked(settings, people, version.server, version.text)
    server = settings.servers[version.server]
    changed = replace(server, policies=layers_with(server.policies, page), page=version.number)
    return replace(settings, servers={**settings.servers, server.name: changed})


def file_name(server: str, text: str) -> str:
    """What the policy of a server is called as a file."""
    return f"{server}.json" if is_json(text, server) else f"{server}.yaml"


def managed_by_files(settings: Settings, server: ServerSettings) -> str:
    """Why a server without a page layer cannot be edited on the page, and how to add one."""
    folder = settings.file.absolute().parent
    files = [_relative(one.name, folder) for one in server.policies if one not in settings.organisation]
    listed = ", ".join([*files, PAGE])
    word = f"[{listed}]" if files else listed
    return (
        f"The policy of {server.name} is kept in files only. To edit a layer of it here, write `policy: {word}` under "
        f"servers.{server.name} in {settings.file.name} and reload. Until a version is saved, that layer denies all."
    )


def _relative(name: str, folder: Path) -> str:
    path = Path(name)
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else name
