"""What follows from the public URL: hosts, origins, the cookie's name, and which URLs cannot be used."""

import json
from datetime import UTC, datetime

import pytest

from approvals.errors import AlreadyDecided, Invalid, NotAllowed, Unavailable
from approvals.web import problems
from approvals.web.parts import WebSettings, host_name, is_loopback
from approvals.web.problems import Problem


@pytest.mark.parametrize(
    ("url", "says"),
    [
        pytest.param("http://placet.example.com", "in the clear", id="plain http to another machine"),
        pytest.param("http://10.0.0.7:8642", "in the clear", id="plain http in the local network"),
        pytest.param("http://localhost.evil.example", "in the clear", id="a name that only begins like loopback"),
        pytest.param("ftp://127.0.0.1", "must be http", id="another scheme"),
        pytest.param("placet.example.com", "must be http", id="no scheme"),
        pytest.param("https://", "must be http", id="no host"),
        pytest.param("https://u:p@placet.example.com", "must be http", id="a password in it"),
        pytest.param("https://placet.example.com/placet", "no path", id="a path"),
    ],
)
def test_a_public_url_that_would_not_be_safe_cannot_be_used(url: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        WebSettings(public_url=url)


@pytest.mark.parametrize(
    ("settings", "hosts", "origins", "cookie"),
    [
        pytest.param(
            WebSettings(public_url="http://127.0.0.1:8642"),
            {"127.0.0.1", "localhost", "[::1]"},
            {"http://127.0.0.1:8642", "http://localhost:8642", "http://[::1]:8642"},
            "placet-session",
            id="the default",
        ),
        pytest.param(
            WebSettings(public_url="https://Placet.example.com/", listen_host="0.0.0.0"),
            {"placet.example.com"},
            {"https://placet.example.com"},
            "__Host-session",
            id="behind a proxy, listening everywhere",
        ),
        pytest.param(
            WebSettings(public_url="https://p.example:8443", listen_host="10.1.2.3", more_hosts=frozenset({"Placet"})),
            {"p.example", "10.1.2.3", "placet"},
            {"https://p.example:8443"},
            "__Host-session",
            id="another port and another name",
        ),
        pytest.param(
            WebSettings(public_url="http://[::1]:8642", listen_host="::1"),
            {"127.0.0.1", "localhost", "[::1]"},
            {"http://127.0.0.1:8642", "http://localhost:8642", "http://[::1]:8642"},
            "placet-session",
            id="IPv6 loopback",
        ),
    ],
)
def test_hosts_origins_and_cookie_follow_from_the_public_url(
    settings: WebSettings, hosts: set[str], origins: set[str], cookie: str
) -> None:
    assert set(settings.hosts()) == hosts
    assert set(settings.origins()) == origins
    assert settings.cookie == cookie


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Placet.Example.com:8642", "placet.example.com"),
        ("[::1]:80", "[::1]"),
        ("127.0.0.1", "127.0.0.1"),
        ("localhost/#@evil", None),
        ("localhost:", None),
        ("localhost:x", None),
        ("user@localhost", None),
        ("localhost:123456", None),
        ("localhost ", None),
        ("localhost\n", None),
        ("", None),
    ],
)
def test_a_host_header_is_a_name_with_a_port_or_nothing(header: str, name: str | None) -> None:
    assert host_name(header) == name


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.8.9.1", True), ("::1", True), ("[::1]", True), ("LOCALHOST", True), ("128.0.0.1", False), ("a.b", False)],
)
def test_loopback_is_known_by_address_not_by_look(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_links_are_made_from_the_public_url() -> None:
    assert WebSettings(public_url="https://p.example/").link("/requests/req_1") == "https://p.example/requests/req_1"


def test_a_refusal_becomes_a_problem_with_its_fields_and_the_request_spliced_in() -> None:
    refusal = AlreadyDecided(state="denied", by="Ada", at="10:00", request=object())
    problem = problems.of_refusal(refusal, request=b'{"n":1.10}')
    assert problem.body().endswith(b',"request":{"n":1.10}}')
    assert json.loads(problem.body()) == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "code": "already_decided",
        "detail": "Already denied by Ada at 10:00.",
        "state": "denied",
        "by": "Ada",
        "at": "10:00",
        "request": {"n": 1.1},
    }


@pytest.mark.parametrize(
    ("refusal", "status", "member"),
    [
        (NotAllowed(why="four-eyes"), 403, ("why", "four-eyes")),
        (Invalid(field="by", why="too long"), 422, ("field", "by")),
        (Unavailable(at=datetime(2026, 11, 24, tzinfo=UTC)), 503, ("at", "2026-11-24T00:00:00Z")),
    ],
)
def test_every_kind_of_refusal_keeps_its_status_and_plain_fields(
    refusal: NotAllowed | Invalid | Unavailable, status: int, member: tuple[str, str]
) -> None:
    problem = problems.of_refusal(refusal)
    assert (problem.status, problem.extra[member[0]]) == (status, member[1])
    assert ("Retry-After" in problem.headers) == (status == 503)


def test_no_extra_member_can_stand_in_for_the_problems_own() -> None:
    problem = Problem(403, "not_allowed", "No.", extra={"status": 200, "code": "ok", "detail": "yes"})
    found = json.loads(problem.body())
    assert (found["status"], found["code"], found["detail"]) == (403, "not_allowed", "No.")
