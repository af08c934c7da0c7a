"""What every Web API method may use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from approvals.testing.slack.modals import Modals
from approvals.testing.slack.workspace import Workspace


@dataclass(slots=True, kw_only=True)
class Context:
    """The workspace, the views, what the app may do, and where the look-alike is."""

    workspace: Workspace
    modals: Modals
    scopes: frozenset[str]
    new_socket_url: Callable[[], str]
    url: str = ""
