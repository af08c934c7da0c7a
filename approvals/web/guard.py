"""The one gate in front of every handler: Host, target, rights, browser rules, and the shape of errors.

It asks the handler's access class (`access.py`), never the path. A failed check ends the request: there
is no second way in, and nothing of the body has been read by then. Agents' routes pass through to
their own guard with no session looked at.
"""

from __future__ import annotations

import hmac
import logging

from aiohttp import web
from aiohttp.typedefs import Handler

from approvals.access import READING, Access, access_of, is_vote
from approvals.errors import Refusal
from approvals.web import problems
from approvals.web.former import FORMER
from approvals.web.pages import missing_page
from approvals.web.parts import PARTS, WebSettings, host_name
from approvals.web.problems import Problem
from approvals.web.sessions import VISITOR, Visitor, identify

log = logging.getLogger(__name__)

_PASSED_ON = frozenset({Access.AGENT, Access.MACHINE})
_JUDGED_BY_THEMSELVES = frozenset({Access.OPEN, Access.SIGNED, Access.CALLBACK})
_TOKENS = ("plc_agent_", "plc_person_")


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Judge the request, run the handler, and give every refusal and every bug the one shape of answer."""
    kind = access_of(request.match_info.handler)
    try:
        if kind not in _PASSED_ON:
            await _admit(request, kind)
        return await handler(request)
    except Problem as problem:
        return problem.response()
    except Refusal as refusal:
        return problems.of_refusal(refusal).response()
    except web.HTTPException as error:
        if kind is Access.AGENT or error.status < 400:
            raise
        return missing_page(request, error) or problems.of_http(error).response()
    except ConnectionError:
        raise
    except Exception as error:
        log.exception("request failed", extra={"method": request.method, "route": _route(request)})
        if request.writer.output_size > 0:
            raise ConnectionResetError("the answer had begun") from error
        return problems.our_fault().response()


async def _admit(request: web.Request, kind: Access | None) -> None:
    settings = request.app[PARTS].settings
    _check_target(request, settings)
    if request.match_info.http_exception is not None:
        return  # no such path or method: the handler is aiohttp's own, which says so
    if kind is Access.SIGN_IN:
        _check_browser(request, settings)
    elif kind is Access.PERSON:
        visitor = await _visitor(request)
        if request.method not in READING and visitor.csrf is not None:
            _check_browser(request, settings)
            _check_csrf(request, visitor)
        request[VISITOR] = visitor
    elif kind not in _JUDGED_BY_THEMSELVES:
        raise problems.our_fault()


async def _visitor(request: web.Request) -> Visitor:
    try:
        return await identify(request)
    except Problem:
        if is_vote(request.match_info.handler):
            await request.app[FORMER].note(request)
        raise


def _check_target(request: web.Request, settings: WebSettings) -> None:
    if not request.raw_path.startswith("/"):
        raise Problem(400, "bad_request", "Send the path alone as the request target, not a whole URL.")
    if any(mark in request.raw_path for mark in _TOKENS):
        log.warning("a token was sent in a URL: revoke it", extra={"method": request.method})
        raise Problem(400, "token_in_url", "A token must never be in a URL. It is known to logs now: revoke it.")
    if host_name(request.headers.get("Host", "")) not in settings.hosts():
        raise Problem(
            421,
            "misdirected",
            "This host name is not one of ours. Open the configured public_url, or add the name to the configuration.",
        )


def _check_browser(request: web.Request, settings: WebSettings) -> None:
    if request.headers.getall("Origin", []) not in [[origin] for origin in settings.origins()]:
        raise Problem(403, "wrong_origin", f"Changes are only taken from {settings.public_url}.")
    if request.headers.getall("Sec-Fetch-Site", ["same-origin"]) != ["same-origin"]:
        raise Problem(403, "wrong_origin", "The browser says that another site made this request.")


def _check_csrf(request: web.Request, visitor: Visitor) -> None:
    sent = request.headers.getall("X-CSRF-Token", [])
    expected = (visitor.csrf or "").encode()
    if len(sent) != 1 or not hmac.compare_digest(sent[0].encode("utf-8", "surrogateescape"), expected):
        raise Problem(403, "csrf", "The X-CSRF-Token of this session is missing or wrong. Load the page again.")


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "?"
