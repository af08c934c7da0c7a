"""What every policy endpoint asks of a request first: which server, which version, and may this person look."""

from __future__ import annotations

from aiohttp import web

from approvals.domain.model import Role
from approvals.web.problems import Problem, not_found
from approvals.web.sessions import VISITOR
from gateway.reload import Reloader
from gateway.settings import ServerSettings

READS = frozenset({Role.REVIEWER, Role.OPERATOR, Role.ADMIN, Role.AUDITOR})


def check_may_read(request: web.Request) -> None:
    """Only who has a part in policies sees them.

    Raises:
        Problem: 403.
    """
    if not request[VISITOR].person.roles & READS:
        raise Problem(403, "not_allowed", "You may not see policies: a viewer reads requests only.")


def server_of(request: web.Request, reloader: Reloader) -> ServerSettings:
    """The server that a path names.

    Raises:
        Problem: 404.
    """
    server = reloader.settings.servers.get(request.match_info["server"])
    if server is None:
        raise Problem(404, "not_found", "There is no server of that name in the configuration.")
    return server


def number_of(text: str) -> int:
    """The number of a version.

    Raises:
        Problem: 404, it can be none.
    """
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise not_found("version")
    return int(text)
