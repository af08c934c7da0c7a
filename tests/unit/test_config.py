"""The configuration: what loads, and everything that is wrong with it, at once and at its place."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from approvals import tokens
from approvals.domain.model import Person, PersonId, Role
from gateway.config import ConfigErrors, changed, default_file, load_config, policy_files, store_of
from gateway.policy.loaders import load_policy
from gateway.policy.model import Policy
from gateway.schemas import MODELS, rendered, write_schemas
from gateway.servers import Server, Servers
from gateway.settings import MASK, AgentOauthSettings, Settings, every_policy, policies_for, show

EXAMPLE = Path(__file__).parent.parent.parent / "config"
HASH = "a" * 64
PLAIN = 'version: "1"\ndefault: deny\ntools: {echo: {}}\n'
ASKS = 'version: "1"\ndefault: deny\ntools: {pay: {action: require_approval}}\n'
SERVER = "servers:\n  s: {url: http://127.0.0.1:1/mcp, policy: p.yaml}\n"
TOKEN = tokens.make(tokens.Kind.AGENT, bytes(tokens.RANDOM_BYTES))


def write(folder: Path, text: str, policy: str = PLAIN) -> Path:
    (folder / "p.yaml").write_text(policy)
    path = folder / "placet.yaml"
    path.write_text(text)
    return path


def load(folder: Path, text: str, policy: str = PLAIN, env: dict[str, str] | None = None) -> Settings:
    return load_config(write(folder, text, policy), env or {})


def problems(folder: Path, text: str, policy: str = PLAIN, env: dict[str, str] | None = None) -> list[str]:
    path = write(folder, text, policy)
    with pytest.raises(ConfigErrors) as caught:
        load_config(path, env or {})
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


def test_the_example_configuration_loads_as_it_stands() -> None:
    settings = load_config(EXAMPLE / "placet.yaml", {})
    assert [len(server.policies) for server in settings.servers.values()] == [1, 2]
    assert settings.notes == ()


def test_an_empty_mapping_is_a_configuration_of_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path, "{}")
    assert (settings.listen.host, settings.listen.port) == ("127.0.0.1", 8642)
    assert settings.public_url == "http://127.0.0.1:8642"
    assert settings.database.get_secret_value() == f"sqlite:///{tmp_path}/placet.db"
    assert settings.keys_file == tmp_path / "placet.keys"
    assert settings.approvals.hold_plain == timedelta(seconds=50)
    assert settings.approvals.defaults.reviewers == ()


def test_everything_said_arrives(tmp_path: Path) -> None:
    (tmp_path / "q.yaml").write_text(PLAIN)
    settings = load(
        tmp_path,
        SERVER
        + f"""
  t:
    command: [run, "${{env:PLACE}}"]
    env: {{KEY: "${{file:secret}}"}}
    cwd: work
    policy: [p.yaml, q.yaml, p.yaml]
    timeouts: {{connect: 1s, call: 2m}}
agents:
  a: {{token_sha256: {HASH}, owner: Ada@Example.com, servers: [s, t]}}
  b: {{token: "${{env:TOKEN}}"}}
people:
  Ada@Example.com: {{name: Ada, roles: [reviewer, admin], groups: [g], slack: U01, token_sha256: {HASH}}}
approvals: {{reviewers: ["group:g"], timeout: 3m, hold: {{plain: 9s}}, caps: {{total: 5}}, deny_cooldown: 1h}}
slack: {{bot_token: b, app_token: c, channel: "#x"}}
""",
        env={"PLACE": "/srv", "TOKEN": TOKEN.text} | _secret(tmp_path),
    )
    t = settings.servers["t"]
    assert t.command == ("run", "/srv")
    assert t.env["KEY"].get_secret_value() == "s3cret"
    assert (t.cwd, len(t.policies)) == (tmp_path / "work", 2)
    assert (t.timeouts.connect, t.timeouts.list, t.timeouts.call) == (
        timedelta(seconds=1),
        timedelta(seconds=15),
        timedelta(minutes=2),
    )
    ada = PersonId("ada@example.com")
    assert (settings.agents["a"].owner, settings.agents["b"].token_sha256) == (ada, TOKEN.sha256)
    assert settings.people[ada].roles == {Role.REVIEWER, Role.ADMIN}
    assert settings.people[ada].slack == {"U01"}
    assert settings.person_tokens == {HASH: ada}
    assert settings.approvals.defaults.timeout == timedelta(minutes=3)
    assert (settings.approvals.caps.total, settings.approvals.caps.per_agent) == (5, 20)
    assert settings.slack is not None
    assert settings.slack.api_url == "https://slack.com/api/"


def _secret(folder: Path) -> dict[str, str]:
    (folder / "secret").write_text("s3cret\n")
    return {}


HOOK = "whsec_" + "A" * 40
TWIN = f"{{url: 'https://h.example', secret: {HOOK}}}"

REFUSED: list[tuple[str, str, str]] = [
    ("lisen: {}", "placet.yaml:1:1: unknown key 'lisen'; did you mean 'listen'? (at /lisen)", "unknown section"),
    ("listen: {prot: 1}", "unknown key 'prot'; did you mean 'port'?", "unknown key inside"),
    ("listen: {port: 70000}", "less than or equal to 65535", "no such port"),
    ("listen: {port: '1'}", "a whole number is expected here, not '1'", "text for a number"),
    ("listen: {host: 0.0.0.0}", "public_url must be said when listen.host is not loopback", "links to nowhere"),
    ("public_url: http://placet.example.com", "sign-in would travel in the clear; use https", "plain http"),
    ("public_url: https://x/y", "'https://x/y' is not http(s)://host[:port]", "public_url with a path"),
    ("public_url: nonsense", "is not http(s)://host[:port]", "public_url that is none"),
    ("database: mysql://x/y", "'mysql' is not supported", "unknown database"),
    ("servers: {a__b: {url: 'http://x/'}}", "'a__b' cannot name a server", "separator in a name"),
    ("servers: {s: {}}", "a server has exactly one of url and command", "neither url nor command"),
    ("servers: {s: {url: 'http://x/', command: [x]}}", "exactly one of url and command", "both"),
    ("servers: {s: {url: ftp://x}}", "'ftp://x' is not an http(s) address", "no http"),
    ("servers: {s: {url: 'http://u:p@x/'}}", "put them into headers", "credentials in the address"),
    ("servers: {s: {url: 'http://x/', env: {A: b}}}", "env and cwd belong to a server with command", "env with url"),
    ("servers: {s: {command: [x], headers: {A: b}}}", "headers belong to a server with url", "headers with command"),
    ("servers: {s: {url: 'http://x/', headers: {'A b': c}}}", "'A b' is not a header that can be sent", "header name"),
    ("servers: {s: {url: 'http://x/', timeouts: {call: 0s}}}", "a timeout is longer than nothing", "no time"),
    ("servers: {s: {url: 'http://x/', timeouts: {call: 5}}}", "5 is not a duration; write 30s, 15m, 2h or 1d", "unit"),
    ("servers: {s: {command: []}}", "at least 1 item", "empty command"),
    ("servers: {s: {command: [x, '${file:p.yaml}']}}", "can be read by everybody on the machine", "secret in argv"),
    ("servers: {s: {url: 'http://x/', policy: none.yaml}}", "there is no policy file", "missing policy"),
    ("policy: none.yaml", "placet.yaml:1:9: there is no policy file none.yaml (at /policy)", "missing organisation"),
    ("policy: page", "placet.yaml:1:9: page is a layer of a server; write ./page", "page of the organisation"),
    (
        f"agents: {{a: {{token_sha256: {HASH}, policy: [page]}}}}",
        "page is a layer of a server; write ./page for a file of that name (at /agents/a/policy)",
        "page of an agent",
    ),
    ("servers: {s: {command: [x]}, S: {command: [x]}}", "'S' and 's' differ only in case", "twins"),
    ("agents: {'a b': {anonymous: true}}", "'a b' cannot name an agent", "agent name"),
    ("agents: {a: {}}", "exactly one of token, token_sha256 and anonymous: true", "no credential"),
    (f"agents: {{a: {{anonymous: true, token_sha256: {HASH}}}}}", "exactly one of token", "two credentials"),
    ("agents: {a: {token: plc_agent_x}}", "this is not a token of a Placet agent", "a token cut short"),
    (f"agents: {{a: {{token_sha256: {HASH[:-1]}}}}}", "should match pattern", "a hash cut short"),
    (
        f"agents: {{a: {{token_sha256: {HASH}}}, b: {{token_sha256: {HASH}}}}}",
        "the agents 'a' and 'b' have the same token",
        "one token for two",
    ),
    ("agents: {a: {anonymous: true, servers: [fils]}}", "there is no server 'fils' under servers", "unknown server"),
    ("agents: {a: {anonymous: true, owner: ada}}", "'ada' is not an e-mail address", "owner"),
    ("agents: {a: {anonymous: true}, b: {anonymous: true}}", "only one agent can be anonymous", "two nobodies"),
    (
        "listen: {host: 0.0.0.0}\npublic_url: https://x\nagents: {a: {anonymous: true}}",
        "an anonymous agent on 0.0.0.0 would let the whole network call",
        "anonymous to the world",
    ),
    ("people: {ada: {}}", "a person is named by an e-mail address, and 'ada' is none", "no address"),
    ("people: {a@x: {}, A@X: {}}", "are the same address", "one address twice"),
    ("people: {a@x: {roles: [boss]}}", "'boss' is not one of viewer, reviewer, operator, admin, auditor", "role"),
    ("people: {a@x: {slack: ada}}", "'ada' is not a Slack member id", "no Slack id"),
    ("people: {a@x: {slack: U01}, b@x: {slack: [U01]}}", "the Slack user U01 is already a@x", "one Slack id for two"),
    (
        f"people: {{a@x: {{token_sha256: {HASH}}}, b@x: {{token_sha256: {HASH}}}}}",
        "a@x has the same token",
        "one person token for two",
    ),
    ("approvals: {quorum: 0}", "greater than or equal to 1", "quorum of nobody"),
    (
        "approvals: {friction: {confirm_at: 60, type_at: 50}}",
        "no less than confirm_at (60)",
        "the stronger step comes later",
    ),
    ("approvals: {friction: {mode: off}}", "", "a YAML 1.1 boolean is no mode"),
    ("approvals: {on_timeout: allow}", "silence can mean yes only where a rule says so itself", "silence"),
    ("approvals: {remind: 10s}", "a reminder is at least 1m apart", "noise"),
    ("approvals: {timeout: 0s}", "a timeout is at least 1s", "no time at all"),
    ("approvals: {escalate: [{after: 0s, to: ['group:x']}]}", "after is at least 1s", "escalation"),
    ("approvals: {reviewers: ['group:none']}", "nobody is in a group 'none'", "empty default group"),
    ("slack: {bot_token: x, channel: c}", "Slack needs app_token (Socket Mode) or signing_secret", "no way back"),
    (
        "slack: {bot_token: x, channel: c, app_token: y, api_url: 'http://x'}",
        "is not an https address",
        "Slack in clear",
    ),
    ("slack: {channel: c, app_token: y}", "'bot_token' is missing", "no bot"),
    ("email: {smtp: x, from: a@x.example}", "this cannot be used: an SMTP server is smtp://", "no mail server"),
    ("email: {smtp: 'smtp://u@h', from: a@x.example}", "a user and a password go together", "half a login"),
    ("email: {smtp: 'smtp://h', from: nobody}", "'nobody' is not an e-mail address", "no sender"),
    ("email: {smtp: 'smtp://h'}", "'from' is missing", "mail from nobody"),
    (f"webhooks: [{{url: x, secret: {HOOK}}}]", "this is not an http(s) address", "no address of a hook"),
    (f"webhooks: [{{url: 'https://u:p@h.example', secret: {HOOK}}}]", "without credentials", "password in a hook"),
    ("webhooks: [{url: 'https://h.example', secret: short}]", "a signing secret starts with whsec_", "no hook key"),
    ("webhooks: [{url: 'https://h.example'}]", "'secret' is missing", "an unsigned hook"),
    (f"webhooks: [{{url: 'https://h.example', secret: {HOOK}, name: 'a/b'}}]", "cannot name a webhook", "hook name"),
    (f"webhooks: [{TWIN}, {TWIN}]", "there are two webhooks called 'h.example'", "one name for two hooks"),
    (
        f"webhooks: [{{url: 'http://h.example', secret: {HOOK}, may_decide: true}}]",
        "is told over https",
        "a hook in clear that may decide",
    ),
    ("keys: {file: '${env:NOPE}'}", "placet.yaml:1:14: the environment variable NOPE is not set", "unset variable"),
    ("keys: {file: '${env:VOID}'}", "the environment variable VOID is empty", "empty variable"),
    ("keys: {file: '${NAME}'}", "did you mean ${env:NAME}?", "shell spelling"),
    ("keys: {file: '${x y}'}", "for a dollar sign write $$", "no reference"),
    ("keys: {file: '${file:none}'}", "cannot read the file", "missing secret"),
    ("keys: &a {file: x}", "the anchor &a is not allowed", "anchor"),
    ("keys: {}\nkeys: {}", "placet.yaml:2:1: 'keys' stands twice here", "duplicate"),
    ("- a", "a mapping of keys to values is expected here, not a list", "a list"),
    ("", "the file is empty", "nothing"),
    ("retention: {arguments: 12h}\n", "at least 1d", "what ended a moment ago would be destroyed"),
]


@pytest.mark.parametrize(("text", "said"), [row[:2] for row in REFUSED], ids=[row[2] for row in REFUSED])
def test_what_is_wrong_is_refused_in_words(tmp_path: Path, text: str, said: str) -> None:
    assert said in "\n".join(problems(tmp_path, text, env={"VOID": ""}))


def test_all_errors_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    text = SERVER + "agents: {a: {anonymous: true, servers: [x]}}\nlisten: {prot: 1}\nkeys: {file: '${env:NO}'}\n"
    found = problems(tmp_path, text, policy='version: "1"\ndefault: maybe\ntools: {a: {action: alow}}\n')
    assert [line.split(": ")[0] for line in found] == [
        "p.yaml:2:10",
        "p.yaml:3:21",
        "placet.yaml:3:41",
        "placet.yaml:4:10",
        "placet.yaml:5:14",
    ]


PEOPLE = (
    "people:\n"
    "  a@x: {roles: [reviewer], groups: [g]}\n"
    "  b@x: {groups: [g, quiet]}\n"
    "  c@x: {roles: [reviewer], disabled: true}\n"
)
ROUTES = [
    ("", "", "the rule /tools/pay/action needs approval, and nobody is named to give it", "nobody at all"),
    ("approval: {reviewers: ['group:f']}", PEOPLE, "nobody is in a group 'f'", "unknown group"),
    ("approval: {reviewers: ['group:quiet']}", PEOPLE, "nobody in the group 'quiet' has the role reviewer", "no role"),
    ("approval: {reviewers: [z@x]}", PEOPLE, "there is no person 'z@x'", "unknown person"),
    ("approval: {reviewers: [c@x]}", PEOPLE, "c@x does not have the role reviewer, or is disabled", "disabled"),
    ("approval: {reviewers: ['group:g'], quorum: 2}", PEOPLE, "2 of group:g must approve, and only 1 can", "too few"),
    ("approval: {factors: [{group: g, count: 3}]}", PEOPLE, "3 of group:g must approve", "too few for a factor"),
    ("approval: {reviewers: [a@x], channels: [mail]}", PEOPLE, "unknown channel 'mail'", "unknown channel"),
    ("approval: {reviewers: [a@x], channels: [slack]}", PEOPLE, "needs the section slack", "no Slack"),
]


@pytest.mark.parametrize(("block", "people", "said"), [row[:3] for row in ROUTES], ids=[row[3] for row in ROUTES])
def test_a_rule_that_needs_people_names_people_who_exist(tmp_path: Path, block: str, people: str, said: str) -> None:
    policy = f'version: "1"\ndefault: deny\ntools: {{pay: {{action: require_approval, {block}}}}}\n'
    found = problems(tmp_path, SERVER + people, policy)
    assert said in found[0]
    assert found[0].startswith("p.yaml:3:23: ")


NOBODY_NAMED = "nobody is named to give it"
NO_PERSON = "there is no person"
NO_GROUP = "nobody is in a group"
ASKS_ALL = """\
version: "1"
default: deny
tools:
  pay: {action: require_approval}
  send: {action: require_approval, approval: {reviewers: [z@x]}}
  burn: {action: require_approval, approval: {reviewers: ["group:f"]}}
"""


@pytest.mark.parametrize(
    ("text", "also"),
    [
        pytest.param("listen: {port: many}\n", {NOBODY_NAMED, NO_PERSON, NO_GROUP}, id="another section is wrong"),
        pytest.param("freez: yes\n", {NOBODY_NAMED, NO_PERSON, NO_GROUP}, id="an unknown section"),
        pytest.param(
            "agents:\n  a: {anonymous: true}\n  a: {anonymous: true}\n", {NOBODY_NAMED, NO_PERSON, NO_GROUP}, id="twice"
        ),
        pytest.param(
            "people:\n  z@x: {rolse: []}\n", {NOBODY_NAMED}, id="a person is there, what they may is not known"
        ),
        pytest.param("people:\n  y@x: 7\n", {NOBODY_NAMED, NO_PERSON}, id="another person is not known"),
        pytest.param("people: 7\n", {NOBODY_NAMED}, id="no person is known"),
        pytest.param("pepole: {}\n", {NOBODY_NAMED}, id="people, misspelt"),
        pytest.param("approvals: {reviewers: 7}\n", {NO_PERSON, NO_GROUP}, id="the reviewers are not known"),
        pytest.param("aprovals: {}\n", {NO_PERSON, NO_GROUP}, id="approvals, misspelt"),
    ],
)
def test_rules_are_checked_as_far_as_the_rest_could_be_read(tmp_path: Path, text: str, also: set[str]) -> None:
    said = "\n".join(problems(tmp_path, SERVER + text, ASKS_ALL))
    assert "placet.yaml:" in said
    assert {part for part in (NOBODY_NAMED, NO_PERSON, NO_GROUP) if part in said} == also


def test_the_rules_of_a_good_policy_are_checked_beside_a_bad_one(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("version: 7\n")
    said = "\n".join(problems(tmp_path, SERVER + "  t: {url: http://127.0.0.1:1/mcp, policy: bad.yaml}\n", ASKS))
    assert "bad.yaml:1:" in said
    assert NOBODY_NAMED in said


def test_people_of_the_database_count_too(tmp_path: Path) -> None:
    path = write(tmp_path, SERVER + 'approvals: {reviewers: ["group:night"]}\n', ASKS)
    person = Person(id=PersonId("n@x"), roles=frozenset({Role.REVIEWER}), groups=frozenset({"night"}))
    assert load_config(path, {}, [person]).servers["s"].policies
    with pytest.raises(ConfigErrors):
        load_config(path, {})


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("${env:A}", "1"),
        ("a${env:A}b${env:A}", "a1b1"),
        ("${env:NONE:-x y}", "x y"),
        ("${env:VOID:-x}", "x"),
        ("${env:NONE:-}x", "x"),
        ("$${env:A}", "${env:A}"),
        ("$5", "$5"),
        ("${file:secret}", "s3cret"),
    ],
)
def test_references_are_expanded(tmp_path: Path, written: str, read: str) -> None:
    _secret(tmp_path)
    text = f'servers: {{s: {{url: "http://x/", headers: {{H: "{written}"}}}}}}'
    settings = load(tmp_path, text, env={"A": "1", "VOID": ""})
    assert settings.servers["s"].headers["H"].get_secret_value() == read


def test_a_port_may_come_from_the_environment(tmp_path: Path) -> None:
    assert load(tmp_path, 'listen: {port: "${env:PORT}"}', env={"PORT": "9000"}).listen.port == 9000


def test_policies_are_not_expanded(tmp_path: Path) -> None:
    policy = PLAIN.replace("{}", '{reason: "${env:NO}"}')
    settings = load(tmp_path, SERVER, policy)
    assert settings.servers["s"].policies[0].tools[0].reason == "${env:NO}"


def test_shown_settings_have_no_secret_in_them(tmp_path: Path) -> None:
    secrets = {"H": "hush-1", "T": "hush-2", "B": "hush-3", "P": "hush-4"}
    text = (
        'servers: {s: {url: "http://x/", headers: {A: "Bearer ${env:H}"}}, c: {command: [x], env: {T: "${env:T}"}}}\n'
        'slack: {bot_token: "${env:B}", app_token: "${env:B}", channel: c}\n'
        'database: "postgresql://u:${env:P}@h/d"\n'
    )
    settings = load(tmp_path, text, env=secrets)
    shown: dict[str, Any] = show(settings)
    assert "hush" not in json.dumps(shown)
    assert "hush" not in repr(settings)
    assert shown["database"] == f"postgresql://u:{MASK}@h/d"
    assert shown["approvals"]["hold_with_progress"] == "210s"


def test_a_server_without_a_policy_is_warned_about(tmp_path: Path) -> None:
    settings = load(tmp_path, "servers: {s: {command: [x]}}")
    assert settings.notes == ("server s has no policy: every tool of it is denied",)


@pytest.mark.parametrize("name", ["placet.yaml", "p.yaml", "secret"])
def test_a_change_of_any_file_is_noticed_by_its_content(tmp_path: Path, name: str) -> None:
    _secret(tmp_path)
    settings = load(tmp_path, SERVER + '  t: {command: [x], env: {A: "${file:secret}"}}\n')
    assert not changed(settings)
    os.utime(tmp_path / name, ns=(1, 1))
    assert not changed(settings)
    (tmp_path / name).write_text((tmp_path / name).read_text() + "# more\n")
    assert changed(settings)
    (tmp_path / name).unlink()
    assert changed(settings)


def test_the_database_is_known_before_the_rest_is_checked(tmp_path: Path) -> None:
    path = write(tmp_path, SERVER + "database: sqlite:////abs.db\n", ASKS)
    assert store_of(path, {}).url == "sqlite:////abs.db"
    with pytest.raises(ConfigErrors):
        store_of(tmp_path / "none.yaml", {})


def test_the_default_file_is_the_one_that_is_named_or_there(tmp_path: Path) -> None:
    assert default_file({"PLACET_CONFIG": "/x.yaml"}, tmp_path) == Path("/x.yaml")
    assert default_file({}, tmp_path) == tmp_path / "placet.yaml"
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "placet.yaml").write_text("{}")
    assert default_file({}, tmp_path) == tmp_path / "config" / "placet.yaml"


def test_a_configuration_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "placet.yaml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigErrors, match="not UTF-8 text"):
        load_config(path, {})


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_schemas_for_editors_are_as_generated(name: str, tmp_path: Path) -> None:
    write_schemas(tmp_path)
    made = (tmp_path / f"{name}.schema.json").read_text()
    assert made == rendered(name)
    assert made == (EXAMPLE / "schema" / f"{name}.schema.json").read_text(), "run gateway.schemas.write_schemas"


def test_a_token_is_kept_only_as_its_hash(tmp_path: Path) -> None:
    settings = load(tmp_path, 'agents: {a: {token: "${env:T}"}}', env={"T": TOKEN.text})
    assert settings.agents["a"].token_sha256 == hashlib.sha256(TOKEN.text.encode()).hexdigest()
    assert TOKEN.text not in repr(settings)


OAUTH = "agent_oauth: {issuer: 'https://login.example.com', audience: 'https://gw'}"
GRANT = "grant: client_credentials, client_id: c, client_secret: s"
CODE = "grant: authorization_code, client_id: c"

OAUTH_REFUSED: list[tuple[str, str, str]] = [
    ("agent_oauth: {issuer: 'https://x'}", "audience", "no audience"),
    ("agent_oauth: {audience: a}", "issuer", "no issuer"),
    ("agent_oauth: {issuer: 'http://login.example.com', audience: a}", "plain http to another machine", "plain http"),
    ("agent_oauth: {issuer: 'https://x?y=z', audience: a}", "it has a query", "an issuer with a query"),
    ("agent_oauth: {issuer: nonsense, audience: a}", "is not an http(s) address", "an issuer that is none"),
    ("agent_oauth: {issuer: 'https://x', audience: a, scopes: ['a b']}", "is not one scope", "two scopes in one"),
    ("agent_oauth: {issuer: 'https://x', audience: a, servers: [t]}", "there is no server 't'", "unknown server"),
    (f"{OAUTH}\nagents: {{a: {{token_sha256: {HASH}}}}}", "known by its oauth_subject alone", "a key beside OAuth"),
    (f"{OAUTH}\nagents: {{a: {{anonymous: true}}}}", "known by its oauth_subject alone", "anonymous beside OAuth"),
    (
        f"{OAUTH}\nagents: {{a: {{oauth_subject: s, token_sha256: {HASH}}}}}",
        "known by its oauth_subject alone",
        "a key and a subject",
    ),
    (f"{OAUTH}\nagents: {{a: {{}}}}", "known by its oauth_subject alone", "an agent without a subject"),
    (f"{OAUTH}\nagents: {{a: {{oauth_subject: s}}, b: {{oauth_subject: s}}}}", "have the same subject", "one subject"),
    ("agents: {a: {oauth_subject: s}}", "oauth_subject needs the section agent_oauth", "a subject without OAuth"),
    (f"servers: {{s: {{command: [x], oauth: {{{GRANT}, issuer: 'https://i'}}}}}}", "a server with url", "a command"),
    (
        f"servers: {{s: {{url: 'https://x', headers: {{authorization: a}}, oauth: {{{GRANT}, issuer: 'https://i'}}}}}}",
        "either fixed or OAuth's",
        "a header as well",
    ),
    (f"servers: {{s: {{url: 'http://x', oauth: {{{GRANT}, issuer: 'https://i'}}}}}}", "plain http", "a plain server"),
    (f"servers: {{s: {{url: 'https://x', oauth: {{{GRANT}, issuer: 'http://i'}}}}}}", "plain http", "a plain issuer"),
    (f"servers: {{s: {{url: 'https://x', oauth: {{{GRANT}}}}}}}", "must not choose where", "a secret for anybody"),
    (
        f"servers: {{s: {{url: 'https://x', oauth: {{{GRANT}, issuer: 'https://i', token_url: 'https://t'}}}}}}",
        "not both",
        "issuer and token_url",
    ),
    (
        "servers: {s: {url: 'https://x', oauth: {grant: client_credentials, client_id: c, issuer: 'https://i'}}}",
        "needs client_secret",
        "credentials without a secret",
    ),
    (
        f"servers: {{s: {{url: 'https://x', oauth: {{{CODE}, token_url: 'https://t'}}}}}}",
        "go together",
        "token_url alone",
    ),
    ("servers: {s: {url: 'https://x', oauth: {grant: password, client_id: c}}}", "grant", "another grant"),
]


@pytest.mark.parametrize(("text", "message"), [pytest.param(t, m, id=i) for t, m, i in OAUTH_REFUSED])
def test_what_oauth_must_not_be_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors) as refused:
        load(tmp_path, text)
    assert message in str(refused.value)


def test_oauth_arrives_as_it_was_said(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        f"""
servers:
  s: {{url: 'https://x/mcp', oauth: {{{GRANT}, issuer: 'https://i', scopes: [a]}}}}
  t: {{url: 'https://y/mcp', oauth: {{{CODE}}}}}
agent_oauth: {{issuer: 'https://login.example.com', audience: [a, b], scopes: [mcp], owner_claim: email, servers: [t]}}
agents:
  one: {{oauth_subject: "1", servers: [s]}}
  two: {{oauth_subject: "2"}}
  none: {{oauth_subject: "3", servers: []}}
""",
    )
    assert settings.agent_oauth == AgentOauthSettings(
        issuer="https://login.example.com", audience=("a", "b"), scopes=("mcp",), owner_claim="email"
    )
    assert [settings.agents[name].servers for name in ("one", "two", "none")] == [("s",), ("t",), ()]
    assert settings.agents["two"].oauth_subject == "2"
    own, signed_in = settings.servers["s"].oauth, settings.servers["t"].oauth
    assert own is not None
    assert signed_in is not None
    assert (own.grant, own.issuer, own.scopes) == ("client_credentials", "https://i", ("a",))
    assert signed_in.grant == "authorization_code"
    assert '"s"' not in json.dumps(show(settings)["servers"]["s"]["oauth"])


def test_agent_oauth_without_its_package_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(ConfigErrors, match=r"pip install 'placet\[oidc\]'"):
        load(tmp_path, OAUTH)


def test_layers_of_the_organisation_stand_over_servers_and_those_of_an_agent_under_them(tmp_path: Path) -> None:
    for name in ("org", "base", "mine"):
        (tmp_path / f"{name}.yaml").write_text(PLAIN)
    settings = load(
        tmp_path,
        "policy: [org.yaml, base.yaml]\n"
        + SERVER
        + "  t: {url: http://127.0.0.1:1/mcp, policy: [base.yaml, p.yaml]}\n  bare: {url: http://127.0.0.1:1/mcp}\n"
        + f"agents: {{a: {{token_sha256: {HASH}, policy: [mine.yaml, org.yaml]}}}}\n",
    )

    def names(policies: tuple[Policy, ...]) -> list[str]:
        return [Path(policy.name).stem for policy in policies]

    assert names(settings.organisation) == ["org", "base"]
    assert names(settings.servers["s"].policies) == names(settings.servers["t"].policies) == ["org", "base", "p"]
    assert names(policies_for(settings, "s", "a")) == ["org", "base", "p", "mine"]
    assert (
        names(policies_for(settings, "s", "nobody")) == names(policies_for(settings, "s", None)) == ["org", "base", "p"]
    )
    assert policies_for(settings, "bare", "a") == ()
    assert names(every_policy(settings)) == ["org", "base", "p", "mine"]
    files = policy_files(tmp_path / "placet.yaml", {})
    assert [file.stem for file in files] == ["org", "base", "p", "mine"]
    assert settings.notes == ("server bare has no policy: every tool of it is denied",)
    assert not changed(settings)
    (tmp_path / "mine.yaml").write_text(ASKS)
    assert changed(settings)
    with pytest.raises(ConfigErrors, match=r"mine\.yaml:3:23: the rule /tools/pay/action needs approval, and nobody"):
        load_config(tmp_path / "placet.yaml", {})


def test_a_server_sees_the_layers_of_the_agent_that_uses_it(tmp_path: Path) -> None:
    outer, mine = load_policy(PLAIN, "outer.yaml"), load_policy(PLAIN, "mine.yaml")
    made = [
        Server(name=n, upstream=cast(Any, n), policies=p, call_seconds=1) for n, p in (("s", (outer,)), ("bare", ()))
    ]
    servers = Servers()
    servers.replace(made, {"a": (mine,)})
    assert [servers.seen_by(agent, "s") for agent in ("a", "b")] == [replace(made[0], policies=(outer, mine)), made[0]]
    assert [servers.seen_by("a", name) for name in ("bare", "none")] == [made[1], None]
