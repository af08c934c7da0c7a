"""A text that somebody wants to put on a server's page: is it a policy, and can everybody whom it asks be asked?

The same questions that a file is asked when the configuration is loaded, asked of one layer under settings that are
in force. Nothing half-checked comes out: a layer is whole, or everything that is wrong with it is told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from approvals.domain.model import Person
from approvals.storage.policies import PolicyVersion
from gateway.config_asking import asking
from gateway.config_layers import is_page, page_name
from gateway.policy.loaders import PolicyErrors, load_policy
from gateway.policy.model import Policy
from gateway.settings import ServerSettings, Settings


def checked(settings: Settings, people: Iterable[Person], server: str, text: str) -> Policy:
    """The page layer that a text means.

    `people` are those of the database.

    Raises:
        PolicyErrors: with everything that is wrong.
    """
    policy = load_policy(text, page_name(server))
    if problems := list(asking(settings, people).problems(policy)):
        raise PolicyErrors(problems)
    return policy


def layers_with(server: ServerSettings, page: Policy) -> tuple[Policy, ...]:
    """The layers of a server with another page among them."""
    return tuple(page if is_page(layer) else layer for layer in server.policies)


def put(settings: Settings, people: Iterable[Person], version: PolicyVersion) -> Settings:
    """The settings with a saved version in force on its server's page.

    Raises:
        PolicyErrors: it cannot be in force under these settings.
    """
    page = checked(settings, people, version.server, version.text)
    server = settings.servers[version.server]
    changed = replace(server, policies=layers_with(server, page), page=version.number)
    return replace(settings, servers={**settings.servers, server.name: changed})
