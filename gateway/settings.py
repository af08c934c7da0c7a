"""The configuration as the program uses it: frozen, complete, checked.

`config.load_config` makes one; a reload makes another and swaps it whole. Secrets are SecretStr, and
`show()` masks them, so that no print, log or page of the settings can leak one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from approvals.domain.attention import Friction
from approvals.domain.break_glass import Mode
from approvals.domain.claims import ClaimRules
from approvals.domain.decoys import OFF, Decoys
from approvals.domain.deny_reasons import USUAL
from approvals.domain.folding import Folding
from approvals.domain.model import Person, PersonId
from approvals.domain.rota import Groups
from approvals.filing import Caps
from approvals.retention import Keep
from gateway.policy.durations import written
from gateway.policy.layers import layered, narrowed
from gateway.policy.model import Policy
from gateway.policy.routes import ApprovalDefaults
from gateway.store import Store

MASK = "********"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """The one listener. Port 0 lets the system choose."""

    host: str = "127.0.0.1"
    port: int = 8642


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTimeouts:
    """The waits of one upstream server."""

    connect: timedelta = timedelta(seconds=5)
    list: timedelta = timedelta(seconds=15)
    call: timedelta = timedelta(seconds=300)
    idle: timedelta = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOauthSettings:
    """How access tokens for a server are had. `grant` is `client_credentials` or `authorization_code`."""

    grant: str
    client_id: str
    client_secret: SecretStr | None = None
    scopes: tuple[str, ...] = ()
    issuer: str | None = None
    token_url: str | None = None
    authorization_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """One upstream server: `url` and `headers`, or `command` and `env`. No policies = every tool denied.

    `policies` are all its layers, those of the organisation first.
    `page`: the number of the version in force of the layer that is edited on the page, 0 while none is saved; None for
    a server whose policies are all files.
    """

    name: str
    url: str | None = None
    headers: Mapping[str, SecretStr] = field(default_factory=dict)
    oauth: ServerOauthSettings | None = None
    command: tuple[str, ...] = ()
    env: Mapping[str, SecretStr] = field(default_factory=dict)
    cwd: Path | None = None
    policies: tuple[Policy, ...] = ()
    page: int | None = None
    timeouts: ServerTimeouts = field(default_factory=ServerTimeouts)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings:
    """One agent of the configuration: known by its token's SHA-256, by its OAuth subject, or anonymous on loopback.

    `policies` are layers under those of each server it uses.
    """

    name: str
    servers: tuple[str, ...]
    owner: PersonId | None = None
    token_sha256: str | None = None
    anonymous: bool = False
    oauth_subject: str | None = None
    policies: tuple[Policy, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentOauthSettings:
    """Agents are known by access tokens of this issuer, and by nothing else."""

    issuer: str
    audience: tuple[str, ...]
    scopes: tuple[str, ...] = ()
    agent_claim: str = "sub"
    owner_claim: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcSettings:
    """The identity provider that people sign in with. `claims` is what its groups amount to here.

    `groups_claim` is the way to the groups in the ID token; empty where they are not looked at.
    """

    issuer: str
    client_id: str
    name: str
    claims: ClaimRules
    client_secret: SecretStr | None = None
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    groups_claim: tuple[str, ...] = ()
    admit_groups: frozenset[str] = frozenset()
    admit_domains: frozenset[str] = frozenset()
    verified_domains: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalSettings:
    """The `approvals` section; `defaults` is what rules may override."""

    defaults: ApprovalDefaults = field(default_factory=ApprovalDefaults)
    hold_plain: timedelta = timedelta(seconds=50)
    hold_with_progress: timedelta = timedelta(seconds=210)
    caps: Caps = field(default_factory=Caps)
    folding: Folding = field(default_factory=Folding)
    deny_cooldown: timedelta = timedelta(minutes=5)
    result_tool: bool = False
    policy_tool: bool = False
    answer_tool: bool = False
    tell_owner: bool = True
    deny_reasons: tuple[str, ...] = USUAL
    refusals_per_minute: int = 60
    friction: Friction = field(default_factory=Friction)


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakGlassSettings:
    """The `break_glass` section."""

    mode: Mode = Mode.NEVER


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingSettings:
    """The `recording` section. What was kept is forgotten after `keep`, also when nothing more is recorded."""

    arguments: bool = False
    keep: timedelta = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackSettings:
    """The Slack app: `app_token` for Socket Mode, `signing_secret` for signed HTTP, or both."""

    bot_token: SecretStr
    channel: str
    app_token: SecretStr | None = None
    signing_secret: SecretStr | None = None
    api_url: str = "https://slack.com/api/"


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailSettings:
    """Mail to reviewers: the server with its password, and the address mails come from."""

    smtp: SecretStr
    sender: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """A receiver of signed events. Its address is as secret as its key: many carry their credentials in it."""

    name: str
    url: SecretStr
    secret: SecretStr
    may_decide: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifySettings:
    """A service that is alerted through Apprise. `key` names it without telling the address, which is a secret."""

    key: str
    url: SecretStr


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSettings:
    """Notifications in browsers: whom a push service may write to, and services that are known beside the usual."""

    contact: str | None = None
    services: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStamp:
    """A file the settings were read from, as it was."""

    path: Path
    sha256: str
    modified_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that was configured. `notes` are warnings that stop nothing.

    `checkpoints` is the file that gets the signed heads of the audit chain.
    `organisation` are the layers over every server that has a policy; they are among its own.
    """

    file: Path
    listen: Listen
    public_url: str
    database: SecretStr
    keys_file: Path
    servers: Mapping[str, ServerSettings]
    agents: Mapping[str, AgentSettings]
    people: Mapping[PersonId, Person]
    person_tokens: Mapping[str, PersonId]
    approvals: ApprovalSettings
    groups: Groups = field(default_factory=Groups)
    recording: RecordingSettings = field(default_factory=RecordingSettings)
    retention: Keep = field(default_factory=Keep)
    decoys: Decoys = OFF
    break_glass: BreakGlassSettings = field(default_factory=BreakGlassSettings)
    checkpoints: Path | None = None
    slack: SlackSettings | None = None
    email: EmailSettings | None = None
    webhooks: tuple[WebhookSettings, ...] = ()
    notify: tuple[NotifySettings, ...] = ()
    push: PushSettings | None = None
    local_login: bool = True
    oidc: OidcSettings | None = None
    agent_oauth: AgentOauthSettings | None = None
    organisation: tuple[Policy, ...] = ()
    files: tuple[FileStamp, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def store(self) -> Store:
        """The database with its keys."""
        return Store(url=self.database.get_secret_value(), keys_file=self.keys_file)


def claim_rules(settings: Settings) -> ClaimRules | None:
    """What is made of the groups of the identity provider, if there is one."""
    return settings.oidc.claims if settings.oidc is not None else None


def every_policy(settings: Settings) -> tuple[Policy, ...]:
    """Every policy of a configuration, once."""
    servers = (server.policies for server in settings.servers.values())
    agents = (agent.policies for agent in settings.agents.values())
    return layered(settings.organisation, *servers, *agents)


def policies_for(settings: Settings, server: str, agent: str | None) -> tuple[Policy, ...]:
    """The layers that judge the calls of an agent at a server."""
    known = settings.agents.get(agent) if agent is not None else None
    return narrowed(settings.servers[server].policies, known.policies if known is not None else ())


def show(settings: Settings) -> dict[str, Any]:
    """The effective settings as JSON data, secrets masked."""
    shown: dict[str, Any] = _shown(settings)
    shown["database"] = _without_password(settings.database.get_secret_value())
    return shown


def _shown(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return MASK
    if isinstance(value, Policy):
        return {"file": value.name, "version": value.version}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, timedelta):
        return written(value)
    if isinstance(value, Path):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _shown(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _shown(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return sorted(map(str, value))
    return [_shown(item) for item in value] if isinstance(value, tuple | list) else value


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if parts.password is None:
        return url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}:{MASK}@{host}"))
