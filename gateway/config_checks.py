"""What must hold between the parts of a configuration, and between it and the policies.

Each check is one small method that notes problems at their place. `file` needs the file alone; `rules` asks
whether every rule that needs people can be satisfied by people who exist (security.md 1e P1).
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Iterable, Mapping
from urllib.parse import SplitResult, urlsplit

from approvals import tokens
from approvals.domain.model import Person, PersonId, Role, Terms
from approvals.errors import Refusal
from approvals.storage import url as database_url
from gateway.config_file import AgentFile, ConfigFile, ServerFile
from gateway.config_oauth import agent_credential, check_agent_oauth, check_server_oauth
from gateway.policy.collecting import Collector, Path
from gateway.policy.model import Policy
from gateway.policy.routes import Asker, NobodyToAsk, askers, terms
from gateway.policy.source import Node, Problem, nearest
from gateway.settings import Settings

_SERVER_NAME = re.compile(r"[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*")
_AGENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
_SLACK_ID = re.compile(r"[UW][A-Z0-9]{2,}")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
LONGEST_NAME = 64
CHANNELS = ("web", "slack")
LATER = ("email", "webhooks", "notify")


class Checks(Collector):
    """Checks one configuration."""

    def __init__(self, node: Node, file: str, shape: ConfigFile) -> None:
        super().__init__(node, file)
        self._shape = shape
        self._unread: frozenset[str] = frozenset()

    def sections(self) -> None:
        """Everything that the file alone can tell."""
        self._later()
        self._addresses()
        for name, server in self._shape.servers.items():
            self._server(name, server)
        self._twins(self._shape.servers, "servers")
        check_agent_oauth(self, self._shape)
        self._agents()
        self._people()
        self._slack()
        if self._shape.approvals.on_timeout == "allow":
            self.problem(
                ("approvals", "on_timeout"), "silence can mean yes only where a rule says so itself; write deny here"
            )

    def rules(self, settings: Settings, more_people: Iterable[Person], unread: frozenset[str] = frozenset()) -> None:
        """Every rule that asks people: are there any, may they decide, are there enough?

        `unread` are the pointers of what could not be read: what hangs on it is not complained of.
        """
        self._unread = _sections(unread)
        people = {person.id: person for person in more_people} | dict(settings.people)
        policies = {p.name: p for server in settings.servers.values() for p in server.policies}
        for policy in policies.values():
            for asker in askers(policy):
                self._asker(policy, asker, settings, people)
        self._members(("approvals", "reviewers"), settings.approvals.defaults.reviewers, people)

    def _later(self) -> None:
        for key in LATER:
            if getattr(self._shape, key) is not None:
                self.not_yet((key,), key)
        if self._shape.login.oidc is not None:
            self.not_yet(("login", "oidc"), "login.oidc")
        if not self._shape.login.local:
            self.not_yet(("login", "local"), "login.local: false")
        if self._shape.approvals.on_timeout == "escalate":
            self.not_yet(("approvals", "on_timeout"), "on_timeout: escalate")

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

    def _asker(self, policy: Policy, asker: Asker, settings: Settings, people: Mapping[PersonId, Person]) -> None:
        def complain(message: str, hint: str | None = None) -> None:
            line, column = policy.place(asker.rule)
            self.problems.append(
                Problem(file=policy.name, line=line, column=column, pointer=asker.rule, message=message, hint=hint)
            )

        try:
            wanted = terms(asker.spec, settings.approvals.defaults)
        except NobodyToAsk:
            if "approvals" in self._unread:
                return
            message = f"the rule {asker.rule} needs approval, and nobody is named to give it"
            complain(message, "add approval.reviewers here, or approvals.reviewers in the configuration")
            return
        for message, hint in self._unmeetable(wanted, people, settings):
            complain(message, hint)

    def _members(self, path: Path, members: Iterable[str], people: Mapping[PersonId, Person]) -> None:
        for index, member in enumerate(members):
            message, hint = self._missing(member, people)
            if message is not None:
                self.problem((*path, index), message, hint)

    def _unmeetable(
        self, wanted: Terms, people: Mapping[PersonId, Person], settings: Settings
    ) -> Iterable[tuple[str, str | None]]:
        for factor in wanted.factors:
            wrong = [(message, hint) for message, hint in (self._missing(m, people) for m in factor.members) if message]
            yield from wrong
            able = {p for member in factor.members for p in _able(member, people)}
            if not wrong and len(able) < factor.count and "people" not in self._unread:
                yield f"{factor.count} of {', '.join(factor.members)} must approve, and only {len(able)} can", None
        for channel in wanted.channels:
            word = channel.partition(":")[0]
            if word not in CHANNELS:
                yield f"unknown channel {channel!r}", nearest(word, CHANNELS) or "known: web, slack, slack:#channel"
            elif word == "slack" and settings.slack is None and "slack" not in self._unread:
                yield f"the channel {channel!r} needs the section slack in the configuration", None

    def _missing(self, member: str, people: Mapping[PersonId, Person]) -> tuple[str | None, str | None]:
        """What is wrong with a reviewer that a rule names, if anything."""
        if "people" not in self._unread:
            return _missing(member, people)
        # What some people may do, and their groups, could not be read. That somebody is not there at all can be told.
        named = self.node.child("people")
        if named is None or not isinstance(named.value, dict) or member.startswith("group:"):
            return None, None
        return (None, None) if member in {key.lower() for key in named.value} else _missing(member, people)


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


def _able(member: str, people: Mapping[PersonId, Person]) -> set[PersonId]:
    group = member.removeprefix("group:") if member.startswith("group:") else None
    return {
        person.id
        for person in people.values()
        if (group in person.groups if group is not None else person.id == member)
        and Role.REVIEWER in person.roles
        and not person.disabled
    }


def _missing(member: str, people: Mapping[PersonId, Person]) -> tuple[str | None, str | None]:
    """What is wrong with a reviewer that a rule names, if anything."""
    if _able(member, people):
        return None, None
    if not member.startswith("group:"):
        if member not in people:
            return f"there is no person {member!r}", nearest(member, people)
        return f"{member} does not have the role reviewer, or is disabled", None
    group, groups = member.removeprefix("group:"), {g for person in people.values() for g in person.groups}
    if group not in groups:
        return f"nobody is in a group {group!r}", nearest(group, groups) or "groups are given to people under people"
    return f"nobody in the group {group!r} has the role reviewer", None


def _split(url: str) -> SplitResult | None:
    """The parts of an address, or None where there is no host or port to read."""
    try:
        parts = urlsplit(url)
        usable = parts.hostname is not None and (parts.port is None or parts.port >= 0)
    except ValueError:
        return None
    return parts if usable else None
