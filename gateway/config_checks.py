"""What must hold between the parts of a configuration, and between it and the policies.

Each check is one small method that notes problems at their place. `sections` needs the file alone; `rules` asks
whether every rule that needs people can be satisfied by people who exist (`config_asking`).
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from urllib.parse import SplitResult, urlsplit

from approvals import tokens
from approvals.domain.model import Person
from approvals.errors import Refusal
from approvals.storage import url as database_url
from gateway.config_asking import asking
from gateway.config_channels import check_channels
from gateway.config_file import AgentFile, ConfigFile, ServerFile
from gateway.config_login import check_login
from gateway.config_oauth import agent_credential, check_agent_oauth, check_server_oauth
from gateway.config_when import check_when
from gateway.policy.collecting import Collector, Path
from gateway.policy.compiling_approval import chain, shortest
from gateway.policy.source import Node, nearest
from gateway.settings import Settings, every_policy

_SERVER_NAME = re.compile(r"[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*")
_AGENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
_SLACK_ID = re.compile(r"[UW][A-Z0-9]{2,}")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
LONGEST_NAME = 64
LEAST_KEPT = timedelta(days=1)


class Checks(Collector):
    """Checks one configuration."""

    def __init__(self, node: Node, file: str, shape: ConfigFile) -> None:
        super().__init__(node, file)
        self._shape = shape

    def sections(self) -> None:
        """Everything that the file alone can tell."""
        self._addresses()
        for name, server in self._shape.servers.items():
            self._server(name, server)
        self._twins(self._shape.servers, "servers")
        check_agent_oauth(self, self._shape)
        self._agents()
        self._people()
        self._slack()
        check_login(self, self._shape)
        check_channels(self, self._shape)
        self._break_glass()
        self._retention()
        self._friction()
        check_when(self, self._shape)
        chain(self, self._shape.approvals.escalate, ("approvals", "escalate"))
        asked = self._shape.approvals
        shortest(self, ("approvals",), remind=asked.remind, timeout=asked.timeout)
        if asked.on_timeout == "allow":
            self.problem(
                ("approvals", "on_timeout"), "silence can mean yes only where a rule says so itself; write deny here"
            )

    def _friction(self) -> None:
        friction = self._shape.approvals.friction
        if friction.type_at < friction.confirm_at:
            why = f"the name is typed from here on, so it is no less than confirm_at ({friction.confirm_at})"
            self.problem(("approvals", "friction", "type_at"), why)

    def _retention(self) -> None:
        kept = {"arguments": self._shape.retention.arguments, "calls": self._shape.retention.calls}
        for name, length in kept.items():
            if length is not None and length < LEAST_KEPT:
                self.problem(("retention", name), "at least 1d: what is younger is still needed to answer and to count")

    def rules(self, settings: Settings, more_people: Iterable[Person], unread: frozenset[str] = frozenset()) -> None:
        """Every rule that asks people: are there any, may they decide, are there enough?

        `unread` are the pointers of what could not be read: what hangs on it is not complained of.
        """
        named = self.node.child("people")
        written = named.value if named is not None and isinstance(named.value, dict) else {}
        able = replace(
            asking(settings, more_people),
            unread=_sections(unread),
            written=frozenset(key.lower() for key in written),
        )
        for policy in every_policy(settings):
            self.problems.extend(able.problems(policy))
        for index, member in enumerate(settings.approvals.defaults.reviewers):
            message, hint = able.missing(member)
            if message is not None:
                self.problem(("approvals", "reviewers", index), message, hint)

    def _break_glass(self) -> None:
        told = (self._shape.slack, self._shape.webhooks, self._shape.notify)
        if self._shape.break_glass.mode == "alert" and not any(told):
            message = "an alert needs somewhere to go: configure slack, webhooks or notify"
            self.problem(("break_glass", "mode"), message, "or let two_people open it")

    def _addresses(self) -> None:
        shape = self._shape
        try:
            database_url.parse(shape.database.get_secret_value())
        except Refusal as err:
            self.problem(("database",), str(err.fields.get("why", err)))
        if shape.public_url is None:
            if not is_loopback(shape.listen.host):
                message = "public_url must be said when listen.host is not loopback: links are made from it"
                self.problem(("listen", "host"), message)
            return
        parts = _split(shape.public_url)
        if (
            parts is None
            or parts.scheme not in {"http", "https"}
            or parts.username
            or parts.path.strip("/")
            or parts.query
        ):
            self.problem(("public_url",), f"{shape.public_url!r} is not http(s)://host[:port]")
        elif parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            self.problem(
                ("public_url",),
                "plain http to a host that is not loopback: sign-in would travel in the clear; use https",
            )

    def _server(self, name: str, server: ServerFile) -> None:
        path: Path = ("servers", name)
        if (why := wrong_server_name(name)) is not None:
            self.problem(path, why)
        if (server.url is None) == (server.command is None):
            self.problem(path, "a server has exactly one of url and command")
        if server.url is not None:
            self._server_url(server.url, (*path, "url"))
        if server.command is not None and server.headers:
            self.problem((*path, "headers"), "headers belong to a server with url; a command has env")
        if server.url is not None and (server.env or server.cwd):
            self.problem((*path, "env" if server.env else "cwd"), "env and cwd belong to a server with command")
        check_server_oauth(self, server, path)
        for header, value in server.headers.items():
            if not _HEADER.fullmatch(header) or any(c in value.get_secret_value() for c in "\r\n\x00"):
                self.problem((*path, "headers", header), f"{header!r} is not a header that can be sent")
        for key in ("connect", "list", "call", "idle"):
            wait = getattr(server.timeouts, key)
            if wait is not None and not wait:
                self.problem((*path, "timeouts", key), "a timeout is longer than nothing")

    def _server_url(self, url: str, path: Path) -> None:
        if (why := wrong_server_url(url)) is not None:
            self.problem(path, why)

    def _agents(self) -> None:
        seen: dict[str, str] = {}
        anonymous: list[str] = []
        for name, agent in self._shape.agents.items():
            path: Path = ("agents", name)
            if (why := wrong_agent_name(name)) is not None:
                self.problem(path, why)
            self._credential(agent, path, seen, name)
            if agent.anonymous:
                anonymous.append(name)
            for index, server in enumerate(agent.servers):
                if server not in self._shape.servers:
                    hint = nearest(server, self._shape.servers)
                    self.problem((*path, "servers", index), f"there is no server {server!r} under servers", hint)
            if agent.owner is not None and (why := wrong_address(agent.owner)) is not None:
                self.problem((*path, "owner"), why)
        self._twins(self._shape.agents, "agents")
        for name in anonymous[1:]:
            self.problem(("agents", name), f"only one agent can be anonymous, and {anonymous[0]!r} is already")
        if anonymous and not is_loopback(self._shape.listen.host):
            message = f"an anonymous agent on {self._shape.listen.host} would let the whole network call"
            self.problem(("agents", anonymous[0], "anonymous"), message, "listen on 127.0.0.1, or give it a token")

    def _credential(self, agent: AgentFile, path: Path, seen: dict[str, str], name: str) -> None:
        if (why := agent_credential(agent, oauth=self._shape.agent_oauth is not None)) is not None:
            self.problem(path, *why)
        if agent.oauth_subject is not None and seen.setdefault(f"subject {agent.oauth_subject}", name) != name:
            first = seen[f"subject {agent.oauth_subject}"]
            self.problem((*path, "oauth_subject"), f"the agents {first!r} and {name!r} have the same subject")
        digest = agent.token_sha256
        if agent.token is not None:
            token = tokens.parse(tokens.Kind.AGENT, agent.token.get_secret_value())
            if token is None:
                message = "this is not a token of a Placet agent (plc_agent_…)"
                self.problem((*path, "token"), message, "make one with: placet agents add")
                return
            digest = token.sha256
        if digest is not None and seen.setdefault(digest, name) != name:
            self.problem(path, f"the agents {seen[digest]!r} and {name!r} have the same token")

    def _people(self) -> None:
        by_id: dict[str, str] = {}
        by_slack: dict[str, str] = {}
        by_token: dict[str, str] = {}
        for key, person in self._shape.people.items():
            path: Path = ("people", key)
            if not _ADDRESS.fullmatch(key):
                self.problem(path, f"a person is named by an e-mail address, and {key!r} is none")
            if by_id.setdefault(key.lower(), key) != key:
                self.problem(path, f"{key!r} and {by_id[key.lower()]!r} are the same address")
            for slack in person.slack or ():
                if not _SLACK_ID.fullmatch(slack):
                    self.problem((*path, "slack"), f"{slack!r} is not a Slack member id", "it looks like U0123ABCD")
                if by_slack.setdefault(slack, key) != key:
                    self.problem((*path, "slack"), f"the Slack user {slack} is already {by_slack[slack]}")
            if person.token_sha256 and by_token.setdefault(person.token_sha256, key) != key:
                self.problem((*path, "token_sha256"), f"{by_token[person.token_sha256]} has the same token")

    def _slack(self) -> None:
        slack = self._shape.slack
        if slack is None:
            return
        if slack.app_token is None and slack.signing_secret is None:
            self.problem(
                ("slack",), "Slack needs app_token (Socket Mode) or signing_secret (signed HTTP) to bring answers back"
            )
        parts = _split(slack.api_url)
        secure = parts is not None and (
            parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
        )
        if not secure:
            self.problem(("slack", "api_url"), f"{slack.api_url!r} is not an https address")

    def _twins(self, names: Iterable[str], section: str) -> None:
        seen: dict[str, str] = {}
        for name in names:
            if seen.setdefault(name.lower(), name) != name:
                self.problem((section, name), f"{name!r} and {seen[name.lower()]!r} differ only in case")


def wrong_server_name(name: str) -> str | None:
    """Why this cannot name a server, or None."""
    if _SERVER_NAME.fullmatch(name) and len(name) <= LONGEST_NAME:
        return None
    allowed = f"letters, digits, and single '-' or '_' between them, at most {LONGEST_NAME}"
    return f"{name!r} cannot name a server: {allowed}"


def wrong_agent_name(name: str) -> str | None:
    """Why this cannot name an agent, or None."""
    if _AGENT_NAME.fullmatch(name) and len(name) <= LONGEST_NAME:
        return None
    return f"{name!r} cannot name an agent: letters, digits, '.', '-' and '_', at most {LONGEST_NAME}"


def wrong_address(text: str) -> str | None:
    """Why this is not an e-mail address, or None."""
    return None if _ADDRESS.fullmatch(text) else f"{text!r} is not an e-mail address"


def wrong_server_url(url: str) -> str | None:
    """Why a server cannot be reached at this address, or None."""
    parts = _split(url)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname or parts.fragment:
        return f"{url!r} is not an http(s) address"
    if parts.username is not None or parts.password is not None:
        return "credentials do not belong into the address; put them into headers"
    return None


def is_loopback(host: str) -> bool:
    """Is this host reached from this machine only?"""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _sections(pointers: Iterable[str]) -> frozenset[str]:
    """The sections with something in them that could not be read; a misspelt one counts as what was meant."""
    words = {pointer.split("/")[1] for pointer in pointers if pointer.startswith("/")}
    if "" in pointers:
        return frozenset(ConfigFile.model_fields)
    meant = (difflib.get_close_matches(word, ConfigFile.model_fields, n=1, cutoff=0.6) for word in words)
    return frozenset(word for found in meant for word in found)


def _split(url: str) -> SplitResult | None:
    """The parts of an address, or None where there is no host or port to read."""
    try:
        parts = urlsplit(url)
        usable = parts.hostname is not None and (parts.port is None or parts.port >= 0)
    except ValueError:
        return None
    return parts if usable else None
