"""How people sign in, in the configuration: what is refused, and what arrives."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from approvals.domain.claims import ClaimRules
from approvals.domain.model import PersonId, Role
from gateway.config import ConfigErrors, load_config
from gateway.settings import Settings, show


def load(folder: Path, text: str, env: dict[str, str] | None = None) -> Settings:
    path = folder / "placet.yaml"
    path.write_text(text)
    return load_config(path, env or {})


OIDC = "issuer: 'https://login.example.com', client_id: placet"

LOGIN_REFUSED: list[tuple[str, str, str]] = [
    ("login: {local: false}", "without one-time links nobody could sign in", "no way in"),
    ("login: {oidc: {client_id: c}}", "'issuer' is missing", "no issuer"),
    ("login: {oidc: {issuer: 'https://x'}}", "'client_id' is missing", "no client"),
    ("login: {oidc: {issuer: 'http://login.example.com', client_id: c}}", "plain http to another", "plain http"),
    ("login: {oidc: {issuer: 'https://x?y=z', client_id: c}}", "it has a query", "an issuer with a query"),
    (f"login: {{oidc: {{{OIDC}, scopes: [email]}}}}", "without the scope openid", "no openid"),
    (f"login: {{oidc: {{{OIDC}, scopes: [openid, 'a b']}}}}", "is not one scope", "two scopes in one"),
    (f"login: {{oidc: {{{OIDC}, roles: {{reviewer: [a]}}}}}}", "needs login.oidc.groups_claim", "roles from nowhere"),
    (f"login: {{oidc: {{{OIDC}, admit_groups: [a]}}}}", "needs login.oidc.groups_claim", "groups from nowhere"),
    (f"login: {{oidc: {{{OIDC}, groups_claim: g, roles: {{boss: [a]}}}}}}", "'boss' is not one of", "another role"),
    (
        f"login: {{oidc: {{{OIDC}, groups_claim: g, roles: {{admin: []}}}}}}",
        "name at least one group",
        "a role of none",
    ),
    (
        f"login: {{oidc: {{{OIDC}, groups_claim: g, groups_valid_for: 0s}}}}",
        "longer than nothing",
        "groups for no time",
    ),
    (f"login: {{oidc: {{{OIDC}, admit_domains: ['*.example.com']}}}}", "is not a domain", "a pattern of domains"),
    (f"login: {{oidc: {{{OIDC}, verified_domains: ['@example.com']}}}}", "is not a domain", "an at sign"),
    ("people: {a@x: {groups_from: oidc}}", "there is no login.oidc to take groups from", "groups of no provider"),
    (
        f"login: {{oidc: {{{OIDC}}}}}\npeople: {{a@x: {{groups_from: oidc}}}}",
        "needs login.oidc.groups_claim",
        "groups of a provider that names none",
    ),
    (
        f"login: {{oidc: {{{OIDC}}}}}\npeople: {{a@x: {{groups: ['oidc:boss']}}}}",
        "is given by the identity provider alone",
        "a group of the provider in the file",
    ),
    (
        f"login: {{oidc: {{{OIDC}}}}}\napprovals: {{reviewers: ['group:oidc:a']}}",
        "nobody is in a group 'oidc:a'",
        "reviewers of a provider that names no groups",
    ),
]


@pytest.mark.parametrize(("text", "message"), [pytest.param(t, m, id=i) for t, m, i in LOGIN_REFUSED])
def test_what_signing_in_must_not_be_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors) as refused:
        load(tmp_path, text)
    assert message in str(refused.value)


def test_signing_in_arrives_as_it_was_said(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        f"""
login:
  local: false
  oidc:
    {OIDC.replace(", ", chr(10) + "    ")}
    client_secret: "${{env:S}}"
    groups_claim: [realm_access, roles]
    group_prefix: ""
    groups_valid_for: 8h
    roles: {{reviewer: [approvers], admin: [platform, it]}}
    admit_domains: [Example.com]
people:
  ada@example.com: {{groups_from: oidc, groups: [finance]}}
  bo@example.com: {{}}
""",
        env={"S": "s3cret"},
    )
    assert settings.local_login is False
    found = settings.oidc
    assert found is not None
    assert (found.name, found.groups_claim) == ("login.example.com", ("realm_access", "roles"))
    assert found.admit_domains == {"example.com"}
    assert found.claims == ClaimRules(
        issuer="https://login.example.com",
        prefix="",
        valid_for=timedelta(hours=8),
        roles={Role.REVIEWER: frozenset({"approvers"}), Role.ADMIN: frozenset({"platform", "it"})},
        configured=frozenset({PersonId("ada@example.com")}),
    )
    assert "s3cret" not in json.dumps(show(settings))


def test_a_rule_may_ask_whom_only_a_sign_in_makes_and_the_check_says_so(tmp_path: Path) -> None:
    tools = "tools: {pay: {action: require_approval, approval: {reviewers: ['group:oidc:finance'], quorum: 2}}}"
    (tmp_path / "p.yaml").write_text(f'version: "1"\ndefault: deny\n{tools}\n')
    server = "servers: {s: {url: 'https://x', policy: p.yaml}}"
    settings = load(tmp_path, f"login: {{oidc: {{{OIDC}, groups_claim: groups}}}}\n{server}")
    assert [note for note in settings.notes if "group:oidc:finance is asked by a rule" in note]
    with pytest.raises(ConfigErrors, match="nobody is in a group"):
        load(tmp_path, server)


def test_without_its_package_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(ConfigErrors, match=r"pip install 'placet\[oidc\]'"):
        load(tmp_path, f"login: {{oidc: {{{OIDC}}}}}")
