"""The shape of `placet.yaml` as pydantic models (contract.md 3).

From these comes `config/schema/placet.schema.json`. The parts of later versions are in the shape, so that
editors know them; `config` refuses a file that uses them. Checks across sections are in `config_checks`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, SecretStr, WithJsonSchema

from approvals.domain import deny_reasons
from gateway.config_env import Expanded
from gateway.policy.shapes import Count, EscalateShape, Keeping, Length, Several, Shape, Words


def _port(value: object) -> object:
    return int(value) if isinstance(value, Expanded) and value.isascii() and value.isdigit() else value


def _secret(value: object) -> object:
    if isinstance(value, str) and not value:
        raise ValueError("a secret is not empty")
    return value


def _reason(value: str) -> str:
    if (why := deny_reasons.why_not(value)) is not None:
        raise ValueError(why)
    return value


def _reasons(value: list[str]) -> list[str]:
    if (why := deny_reasons.why_not_these(value)) is not None:
        raise ValueError(why)
    return value


_PLAIN_OR_REFERENCE = {"type": "string", "description": "${env:NAME}, ${env:NAME:-default} or ${file:PATH}"}
Port = Annotated[
    int,
    BeforeValidator(_port),
    Field(ge=0, le=65535),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0, "maximum": 65535}, _PLAIN_OR_REFERENCE]}),
]
Secret = Annotated[SecretStr, BeforeValidator(_secret), WithJsonSchema(_PLAIN_OR_REFERENCE)]
Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
DenyReasons = Annotated[
    list[
        Annotated[
            str,
            AfterValidator(_reason),
            WithJsonSchema({"type": "string", "minLength": 1, "maxLength": deny_reasons.LONGEST}),
        ]
    ],
    AfterValidator(_reasons),
]
RoleName = Literal["viewer", "reviewer", "operator", "admin", "auditor"]


class ListenFile(Shape):
    """Where Placet listens."""

    host: Words = "127.0.0.1"
    port: Port = 8642


class KeysFile(Shape):
    """The file of keys that `placet init` made."""

    file: Words = "placet.keys"


class TimeoutsFile(Shape):
    """How long an upstream server may take."""

    connect: Length | None = None
    list: Length | None = Field(default=None, description="any request but a call")
    call: Length | None = None
    idle: Length | None = Field(default=None, description="between bytes of a stream")


class ServerOauthFile(Shape):
    """How Placet gets access tokens of its own for a server."""

    grant: Literal["client_credentials", "authorization_code"]
    client_id: Words
    client_secret: Secret | None = None
    scopes: list[Words] = Field(default_factory=list)
    issuer: Words | None = Field(None, description="the authorization server; its metadata names the endpoints")
    token_url: Words | None = Field(None, description="instead of an issuer")
    authorization_url: Words | None = Field(None, description="with token_url, for authorization_code")


class ServerFile(Shape):
    """One upstream MCP server: exactly one of url and command."""

    url: Words | None = Field(None, description="streamable HTTP")
    headers: dict[str, Secret] = Field(default_factory=dict)
    oauth: ServerOauthFile | None = Field(None, description="with url: tokens of our own, instead of a fixed header")
    command: list[str] | None = Field(None, min_length=1, description="stdio: program and arguments")
    env: dict[str, Secret] = Field(default_factory=dict, description="of the stdio process")
    cwd: Words | None = Field(None, description="working directory of the stdio process")
    policy: Several | None = Field(None, description="relative to this file, or page; a list = layers, each narrowing")
    timeouts: TimeoutsFile = TimeoutsFile()


class AgentFile(Shape):
    """A program that may call, with exactly one of token, token_sha256, anonymous, and (by OAuth) oauth_subject."""

    token_sha256: Hash | None = None
    token: Secret | None = None
    anonymous: bool = Field(default=False, description="no token needed; on loopback only")
    oauth_subject: Words | None = Field(None, description="with agent_oauth: the subject of its access tokens")
    owner: Words | None = Field(None, description="the person behind it")
    servers: list[Words] = Field(default_factory=list)
    policy: Several | None = Field(None, description="layers for what this agent calls, under those of each server")


class PersonFile(Shape):
    """A person."""

    name: Words | None = None
    roles: list[RoleName] = Field(default_factory=list)
    groups: list[Words] = Field(default_factory=list)
    slack: Several | None = Field(None, description="Slack user id, or several")
    tz: Words | None = Field(None, description="their time zone: Europe/Athens")
    quiet: Words | None = Field(None, description="when they are not disturbed by what can wait: 22:00-07:00")
    token_sha256: Hash | None = None
    groups_from: Literal["file", "oidc"] = Field(default="file", description="oidc: those of the provider, too")
    disabled: bool = False


class GroupFile(Shape):
    """What holds for everybody of a group who has none of their own."""

    tz: Words | None = None
    quiet: Words = Field(description="22:00-07:00")


class OncallFile(Shape):
    """Who is in a group when, from a file."""

    file: Words = Field(description="a schedule in YAML, or a calendar (.ics)")


class HoldFile(Shape):
    """How long a call is held open."""

    plain: Length | None = None
    with_progress: Length | None = None


class CapsFile(Shape):
    """How many requests may be open."""

    per_agent: Annotated[int, Field(ge=1)] = 20
    per_tool: Annotated[int, Field(ge=1)] = 100
    total: Annotated[int, Field(ge=1)] = 10_000


Surface = Literal["web", "slack", "cli", "api"]
Percent = Annotated[int, Field(ge=1, le=100)]


class FrictionFile(Shape):
    """What approving takes more from people who approve faster than cards can be read."""

    mode: Literal["raise", "tell"] = Field(
        default="raise", description="raise: their approvals take a further step; tell: it is only shown"
    )
    last: Annotated[int, Field(ge=5, le=200)] = Field(
        default=20, description="how many of their decisions are looked at"
    )
    within: Length | None = Field(default=None, description="how old those may be; 7d")
    confirm_at: Percent = Field(default=50, description="so many percent too fast: approving takes a confirmation")
    type_at: Percent = Field(default=80, description="so many percent too fast: approving takes the typed tool name")
    surfaces: list[Surface] = Field(
        default=["web", "slack", "cli"], description="where it is asked; api: programs with a person's token"
    )


class GrantLimitsFile(Shape):
    """The widest that a standing grant may be."""

    max_for: Length | None = None
    max_uses: Annotated[int, Field(ge=1, le=10_000)] = 100


class FoldFile(Shape):
    """When similar requests that wait become one card."""

    start: Annotated[int, Field(ge=2, le=100)] | Literal["never"] = Field(
        default=3, alias="from", description="so many that wait at once; never: each stands alone"
    )


class ApprovalsFile(Shape):
    """What a rule may override."""

    reviewers: list[Words] = Field(default_factory=list, description='"group:NAME" or e-mail addresses')
    quorum: Count = 1
    timeout: Length | None = None
    on_timeout: Literal["deny", "escalate", "allow"] = "deny"
    escalate: list[EscalateShape] = Field(default_factory=list, description="who else is asked, step by step")
    hold: HoldFile = Field(default_factory=HoldFile)
    remind: Length | None = Field(
        default=None, description="people are reminded after this long, then after twice as long, …"
    )
    delegation: bool = Field(default=True, description="delegates decide in place of people who are away")
    collect_within: Length | None = None
    caps: CapsFile = Field(default_factory=CapsFile)
    fold: FoldFile = Field(default_factory=FoldFile)
    deny_cooldown: Length | None = None
    grants: GrantLimitsFile = Field(default_factory=GrantLimitsFile)
    result_tool: bool = Field(default=False, description="add the tool placet_result to every agent's list")
    policy_tool: bool = Field(default=False, description="add the tool placet_policy to every agent's list")
    answer_tool: bool = Field(
        default=False, description="list the tool placet_answer always; without it, to agents that are asked something"
    )
    tell_owner: bool = Field(
        default=True,
        description="tell the human behind an agent, and whoever handed a request on, how it ended",
    )
    deny_reasons: DenyReasons | None = Field(
        default=None, description=f"what whoever denies can choose from, beside own words; at most {deny_reasons.MOST}"
    )
    refusals_per_minute: Annotated[int, Field(ge=1)] = 60
    friction: FrictionFile = Field(default_factory=FrictionFile)


class SlackFile(Shape):
    """The Slack app."""

    bot_token: Secret
    app_token: Secret | None = None
    signing_secret: Secret | None = None
    channel: Words
    api_url: Words = "https://slack.com/api/"


class EmailFile(Shape):
    """Mail to reviewers: a link to the page, never a way to decide."""

    smtp: Secret = Field(description="smtp://user:password@host:587 (STARTTLS), or smtps://host:465")
    sender: Words = Field(alias="from", description="the address mails come from")


class WebhookFile(Shape):
    """A receiver of signed events."""

    url: Secret
    secret: Secret = Field(description="whsec_ and base64 of 24 to 64 bytes; signs events, and replies")
    name: Words | None = Field(None, description="for webhook:NAME in a rule; the host of url unless said")
    may_decide: bool = Field(default=False, description="a signed reply may decide")


class PushFile(Shape):
    """Notifications in browsers (web push)."""

    contact: Words | None = Field(None, description="mailto: or https:, whom a push service may write to")
    services: list[Words] = Field(
        default_factory=list, description="hosts of push services beside those of Chrome, Edge, Firefox and Safari"
    )


class OidcFile(Shape):
    """The identity provider that people sign in with (OpenID Connect)."""

    issuer: Words
    client_id: Words
    client_secret: Secret | None = None
    name: Words | None = Field(None, description="for the button; the host of issuer unless said")
    scopes: list[Words] = Field(default=["openid", "email", "profile"])
    groups_claim: Several | None = Field(None, description="a claim of the ID token; a list is a path into it")
    group_prefix: str = Field(default="oidc:", description="begins the name that each of its groups has here")
    groups_valid_for: Length | None = Field(None, description="how long its word on groups holds after a sign-in")
    roles: dict[RoleName, list[Words]] = Field(default_factory=dict, description="role: groups, as the provider says")
    admit_groups: list[Words] = Field(default_factory=list, description="strangers in one of these may come in")
    admit_domains: list[Words] = Field(default_factory=list, description="and those with an address in one of these")
    verified_domains: list[Words] = Field(
        default_factory=list, description="addresses that count as verified though the token does not say so"
    )


class LoginFile(Shape):
    """How people sign in."""

    local: bool = Field(default=True, description="one-time links")
    oidc: OidcFile | None = None


class AgentOauthFile(Shape):
    """Agents come with access tokens of this issuer, and bearer keys are refused."""

    issuer: Words
    audience: Several = Field(description="what the tokens say they are for; exactly, one of them")
    scopes: list[Words] = Field(default_factory=list, description="a token must have all of them")
    agent_claim: Words = Field(default="sub", description="the claim that agents.NAME.oauth_subject is compared with")
    owner_claim: Words | None = Field(None, description="the claim that names the person behind the agent")
    servers: list[Words] | None = Field(None, description="for agents that name none themselves")


class AuditFile(Shape):
    """Where the signed heads of the audit chain go."""

    checkpoints: Words | None = Field(
        default=None, description="a file that gets a line for each; best on another machine"
    )


class BreakGlassFile(Shape):
    """Whether calls that need approval can be let run without it for a while, and what that takes."""

    mode: Literal["never", "two_people", "alert"] = Field(
        default="never", description="two_people: another operator or admin confirms; alert: one, and channels are told"
    )


class RecordingFile(Shape):
    """What is kept of calls, so that another policy can be tried on them."""

    arguments: bool = Field(default=False, description="keep the arguments of every call, encrypted")
    keep: Length | None = Field(default=None, description="how long they are kept")


class DecoyTemplateFile(Shape):
    """A change that is known to be bad."""

    server: Words = "*"
    tool: Words
    argument: Words = Field(description="of the tool, by its name")
    value: Any = Field(description="what it is in a decoy")


class DecoysFile(Shape):
    """Tests of attention: requests that are plainly bad and can never run, put among real ones."""

    rate: Annotated[float, Field(ge=0, le=0.2)] = Field(
        default=0.0, description="the share of real requests that one follows; 0 is off"
    )
    templates: list[DecoyTemplateFile] = Field(
        default_factory=list, description="tried before the changes that we know"
    )


class RetentionFile(Shape):
    """How long things are kept before they are destroyed. Without it, for ever."""

    arguments: Keeping | None = Field(default=None, description="what was written in a request, after it ended")
    calls: Keeping | None = Field(default=None, description="rows of the journal of calls")


class ConfigFile(Shape):
    """The configuration of Placet (contract.md 3)."""

    model_config = ConfigDict(title="Placet configuration")

    listen: ListenFile = Field(default_factory=ListenFile)
    public_url: Words | None = Field(None, description="links are made from this")
    database: Secret = Field(default=SecretStr("sqlite:///placet.db"))
    keys: KeysFile = Field(default_factory=KeysFile)
    policy: Several | None = Field(None, description="layers over the policy of every server")
    servers: dict[str, ServerFile] = Field(default_factory=dict)
    agents: dict[str, AgentFile] = Field(default_factory=dict)
    people: dict[str, PersonFile] = Field(default_factory=dict)
    groups: dict[str, GroupFile] = Field(default_factory=dict)
    oncall: dict[str, OncallFile] = Field(default_factory=dict)
    approvals: ApprovalsFile = Field(default_factory=ApprovalsFile)
    recording: RecordingFile = Field(default_factory=RecordingFile)
    retention: RetentionFile = Field(default_factory=RetentionFile)
    decoys: DecoysFile = Field(default_factory=DecoysFile)
    break_glass: BreakGlassFile = Field(default_factory=BreakGlassFile)
    audit: AuditFile = AuditFile()
    slack: SlackFile | None = None
    login: LoginFile = Field(default_factory=LoginFile)
    agent_oauth: AgentOauthFile | None = None
    email: EmailFile | None = None
    webhooks: list[WebhookFile] = Field(default_factory=list)
    notify: list[Secret] = Field(default_factory=list, description="addresses of Apprise; alerts with a link")
    push: PushFile | None = Field(None, description="notifications in browsers; {} switches them on")
