"""The configuration file into Settings, or into everything that is wrong with it and its policies.

One file, strictly read (`policy.source`), expanded (`config_env`), shaped (`config_file`), cross-checked
(`config_checks`). Nothing half-checked comes out: `load_config` returns complete Settings or raises.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from pydantic import SecretStr

from approvals.domain.break_glass import Mode
from approvals.domain.model import Person, PersonId, Role
from approvals.retention import Keep
from approvals.storage.policies import PolicyVersion
from gateway.config_asking import asking
from gateway.config_channels import decoys_of, email_of, notify_of, push_of, webhooks_of
from gateway.config_checks import Checks
from gateway.config_env import Expander
from gateway.config_file import (
    AgentFile,
    ConfigFile,
    ServerFile,
)
from gateway.config_layers import PAGE, Layers
from gateway.config_login import oidc_of
from gateway.config_oauth import agent_oauth_of, server_oauth_of, servers_of
from gateway.config_sections import approvals_of, recording_of, timeouts_of
from gateway.config_when import Rotas, hours_of
from gateway.policy.layers import layered
from gateway.policy.model import Policy
from gateway.policy.reading import read, validate
from gateway.policy.source import Node, Problem, SourceErrors
from gateway.policy_files import Unreadable, read_file
from gateway.settings import (
    AgentSettings,
    BreakGlassSettings,
    FileStamp,
    Listen,
    ServerSettings,
    Settings,
    SlackSettings,
    every_policy,
)
from gateway.store import Store

DEFAULT_FILES = ("placet.yaml", "config/placet.yaml")


class ConfigErrors(SourceErrors):
    """The configuration cannot be taken; `problems` has everything that is wrong, policies included."""


def default_file(env: Mapping[str, str], folder: Path) -> Path:
    """The configuration file when none is named (contract.md 2)."""
    if named := env.get("PLACET_CONFIG"):
        return Path(named)
    found = (folder / name for name in DEFAULT_FILES)
    return next((path for path in found if path.exists()), folder / DEFAULT_FILES[0])


def load_config(
    path: Path,
    env: Mapping[str, str],
    people: Iterable[Person] = (),
    saved: Mapping[str, PolicyVersion] = MappingProxyType({}),
) -> Settings:
    """The settings that a configuration file and its policies amount to.

    `people` are those the database knows besides: rules may route to them. `saved` are the policies in it, by server.

    Raises:
        ConfigErrors: with every problem of every file.
    """
    return _Loader(path, env, saved).load(people)


def store_of(path: Path, env: Mapping[str, str]) -> Store:
    """The database of a configuration and the file of its keys, before the rest of it is checked.

    Raises:
        ConfigErrors: the file cannot be read, or not this far.
    """
    loader = _Loader(path, env, {})
    shape = loader.shape()
    if shape is None or any(problem.pointer.startswith(("/database", "/keys")) for problem in loader.problems):
        raise ConfigErrors(loader.problems)
    return Store(url=loader.database(shape), keys_file=loader.folder / shape.keys.file)


def policy_files(path: Path, env: Mapping[str, str]) -> tuple[Path, ...]:
    """Every policy file that a configuration names: of the organisation, of servers, of agents.

    Raises:
        ConfigErrors: the configuration itself cannot be read.
    """
    loader = _Loader(path, env, {})
    shape = loader.shape()
    if shape is None or loader.problems:
        raise ConfigErrors(loader.problems)
    servers = (server.policy for server in shape.servers.values())
    agents = (agent.policy for agent in shape.agents.values())
    words = (word for said in (shape.policy, *servers, *agents) for word in said or () if word != PAGE)
    return tuple(dict.fromkeys(loader.folder / word for word in words))


def changed(settings: Settings) -> bool:
    """Has any file that the settings came from changed since, by its content?"""
    for stamp in settings.files:
        now = _stamp(stamp.path)
        if now is None or (now.modified_ns != stamp.modified_ns and now.sha256 != stamp.sha256):
            return True
    return False


class _Loader:
    """Loads one configuration once."""

    def __init__(self, path: Path, env: Mapping[str, str], saved: Mapping[str, PolicyVersion]) -> None:
        self.path, self.env, self.saved = path, env, saved
        self.name, self.folder = str(path), path.absolute().parent
        self.problems: list[Problem] = []
        self.node = Node(value={}, line=1, column=1)
        self.stamps: list[FileStamp] = []

    def load(self, people: Iterable[Person]) -> Settings:
        people = list(people)
        shape = self.shape()
        if shape is None:
            raise ConfigErrors(self.problems)
        unread = frozenset(problem.pointer for problem in self.problems)
        settings = self._settings(shape)
        settings = replace(settings, notes=_notes(settings, people))
        checks = Checks(self.node, self.name, shape)
        checks.sections()
        checks.rules(settings, people, unread)
        self.problems.extend(checks.problems)
        if self.problems:
            raise ConfigErrors(self.problems)
        return settings

    def shape(self) -> ConfigFile | None:
        """The file by its shape; what is wrong is in `problems`."""
        try:
            text, stamp = read_file(self.path, self.name)
            self.stamps.append(stamp)
            self.node = read(text, self.name)
        except Unreadable as err:
            self.problems.append(err.problem)
            return None
        except SourceErrors as err:
            self.problems.extend(err.problems)
            if err.node is None:
                return None
            self.node = err.node
        expander = Expander(self.name, self.folder, self.env)
        expander.expand(self.node)
        self.problems.extend(expander.problems)
        self.stamps.extend(stamp for stamp in map(_stamp, expander.files) if stamp)
        shape, problems = validate(ConfigFile, self.node, self.name)
        told = {problem.pointer for problem in expander.problems}
        self.problems.extend(problem for problem in problems if problem.pointer not in told)
        return shape

    def database(self, shape: ConfigFile) -> str:
        """The database address; a relative SQLite file is beside the configuration file."""
        address = shape.database.get_secret_value()
        name = address.removeprefix("sqlite:///")
        if name == address or name.startswith("/") or not name:
            return address
        return f"sqlite:///{self.folder / name}"

    def _settings(self, shape: ConfigFile) -> Settings:
        layers = Layers(self.node, self.name, self.folder, self.saved)
        organisation = layers.organisation(shape.policy or ())
        servers = {name: self._server(name, server, layers, organisation) for name, server in shape.servers.items()}
        agents = {
            name: replace(_agent(name, agent, shape), policies=layers.agent(name, agent.policy or ()))
            for name, agent in shape.agents.items()
        }
        self.problems.extend(layers.problems)
        self.stamps.extend(layers.stamps)
        people = {PersonId(key.lower()): _person(key, shape) for key in shape.people}
        rotas = Rotas(self.folder)
        groups = rotas.groups(shape)
        self.problems.extend(rotas.problems)
        self.stamps.extend(rotas.stamps)
        slack = shape.slack
        return Settings(
            file=self.path,
            listen=Listen(host=shape.listen.host, port=shape.listen.port),
            public_url=(shape.public_url or f"http://{_host(shape.listen.host)}:{shape.listen.port}").rstrip("/"),
            database=SecretStr(self.database(shape)),
            keys_file=self.folder / shape.keys.file,
            servers=servers,
            agents=agents,
            people=people,
            groups=groups,
            person_tokens={p.token_sha256: PersonId(k.lower()) for k, p in shape.people.items() if p.token_sha256},
            approvals=approvals_of(shape.approvals),
            recording=recording_of(shape.recording),
            retention=Keep(arguments=shape.retention.arguments, calls=shape.retention.calls),
            decoys=decoys_of(shape),
            break_glass=BreakGlassSettings(mode=Mode(shape.break_glass.mode)),
            checkpoints=self.folder / shape.audit.checkpoints if shape.audit.checkpoints else None,
            slack=SlackSettings(
                bot_token=slack.bot_token,
                channel=slack.channel,
                app_token=slack.app_token,
                signing_secret=slack.signing_secret,
                api_url=slack.api_url,
            )
            if slack
            else None,
            email=email_of(shape),
            webhooks=webhooks_of(shape),
            notify=notify_of(shape),
            push=push_of(shape),
            local_login=shape.login.local,
            oidc=oidc_of(shape),
            agent_oauth=agent_oauth_of(shape),
            files=tuple({stamp.path: stamp for stamp in self.stamps}.values()),
            organisation=organisation,
        )

    def _server(
        self, name: str, server: ServerFile, layers: Layers, organisation: tuple[Policy, ...]
    ) -> ServerSettings:
        words = server.policy or ()
        own = layers.server(name, words)
        return ServerSettings(
            name=name,
            url=server.url,
            headers=server.headers,
            oauth=server_oauth_of(server),
            command=tuple(server.command or ()),
            env=server.env,
            cwd=self.folder / server.cwd if server.cwd else None,
            policies=layered(organisation, own) if own else (),
            page=layers.number(name, words),
            timeouts=timeouts_of(server.timeouts),
        )


def _host(host: str) -> str:
    if host in {"0.0.0.0", "::", ""}:  # noqa: S104 - a wildcard is no name to link to
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _agent(name: str, agent: AgentFile, shape: ConfigFile) -> AgentSettings:
    digest = agent.token_sha256
    if agent.token is not None:
        digest = hashlib.sha256(agent.token.get_secret_value().encode()).hexdigest()
    return AgentSettings(
        name=name,
        servers=servers_of(agent, shape),
        owner=PersonId(agent.owner.lower()) if agent.owner else None,
        token_sha256=digest,
        anonymous=agent.anonymous,
        oauth_subject=agent.oauth_subject,
    )


def _person(key: str, shape: ConfigFile) -> Person:
    person = shape.people[key]
    return Person(
        id=PersonId(key.lower()),
        name=person.name or "",
        roles=frozenset(Role(role) for role in person.roles),
        groups=frozenset(person.groups),
        slack=frozenset(person.slack or ()),
        disabled=person.disabled,
        quiet=hours_of(person),
    )


def _notes(settings: Settings, people: Iterable[Person]) -> tuple[str, ...]:
    servers = settings.servers
    unruled = [
        f"server {name} has no policy: every tool of it is denied" for name, s in servers.items() if not s.policies
    ]
    unsaved = [
        f"server {name}: nothing is saved on its page yet, so every tool of it is denied"
        for name, s in servers.items()
        if s.page == 0
    ]
    said = [f"{policy.name}: {note}" for policy in every_policy(settings) for note in policy.notes]
    able = asking(settings, people)
    awaited = {member for policy in every_policy(settings) for member in able.awaited(policy)}
    nobody_yet = [
        f"{one} is asked by a rule, and only a sign-in with the identity provider makes somebody one of those: until "
        "then nobody can approve"
        for one in sorted(awaited)
    ]
    return (*unruled, *unsaved, *said, *nobody_yet)


def _stamp(path: Path) -> FileStamp | None:
    try:
        modified = path.stat().st_mtime_ns
        content = path.read_bytes()
    except OSError:
        return None
    return FileStamp(path=path, sha256=hashlib.sha256(content).hexdigest(), modified_ns=modified)


__all__ = ["ConfigErrors", "Settings", "changed", "default_file", "load_config", "policy_files", "store_of"]
