"""The redactor, by name and by shape; and what it must leave alone, since a card has to be readable."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from approvals.domain.redact import HIDDEN, Redactor, is_secret_name, redact_text, redact_value

# Put together here, so that no scanner takes this file for a leak.
SHAPES = {
    "agent-key": "plc_agent_" + "Ab3dEf9h_" + "x" * 43 + "_1a2B3c",
    "person-key": "plc_person_" + "Ab3dEf9h_" + "x" * 43 + "_1a2B3c",
    "openai": "sk-" + "proj-" + "a1B2" * 8,
    "stripe": "sk_" + "live_" + "4eC39HqLyjWDarjtT1zdp7dc",
    "anthropic": "sk-" + "ant-api03-" + "Zx9" * 12,
    "github": "gh" + "p_" + "a1B2c3" * 6,
    "github-fine": "github" + "_pat_" + "11ABCDE" * 6,
    "gitlab": "gl" + "pat-" + "abcDEF123456789_xyz",
    "slack-bot": "xox" + "b-123456789012-abcdefGHIJKL",
    "slack-app": "xapp" + "-1-A0123-456-abcdef",
    "aws": "AKIA" + "IOSFODNN7EXAMPLE",
    "google": "AIza" + "SyA-1234567890abcdefghijklmnopqrstu",
    "jwt": "eyJ" + "hbGciOiJIUzI1NiJ9.eyJ" + "zdWIiOiIxIn0.c2lnbmF0dXJlLXNpZw",
    "jwe": "eyJ" + "hbGciOiJSU0EifQ.OKOawDo13gRp.48V1_ALb6US0.5eym8TW_c8Su.XFBoMYUZod",
    "npm": "npm" + "_abcdefghijklmnopqrstuvwxyz0123456789",
    "pypi": "pypi" + "-AgEIcHlwaS5vcmcCJGFiY2RlZg",
    "sendgrid": "SG." + "abcdefghijklmnop" + ".qrstuvwxyz0123456789",
    "slack-hook": "https://hooks.slack.com" + "/services/T000/B000/abcdefghijklmnop",
    "pem": "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----",
    "cut-pem": "-----BEGIN OPENSSH " + "PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA",
}
CONTEXTS = [
    "password={}",
    "Password: {}",
    'the "api_key": "{}", and more',
    '{{"client_secret":"{}"}}',
    r"{{\"auth_token\": \"{}\", \"b\": 1}}",
    "Authorization: Bearer {}",
    "Authorization: Basic {}",
    "curl -H 'X-Api-Key: {}' https://example.com",
    "postgresql://user:{}@db.example.com/app",
    "mysql --password={} -e",
    "tool --token {} run",
    "AWS_SECRET_ACCESS_KEY={}\nNEXT=1",
    "https://example.com/?access_token={}&page=2",
    "passwd => '{}'",
]
SECRET_NAMES = [
    "password", "Password", "db_password", "passwd", "userPwd", "secret", "client_secret", "clientSecret", "apiKey",
    "api_key", "API-KEY", "x-api-key", "token", "access_token", "refreshToken", "idToken", "authorization",
    "Proxy-Authorization", "cookie", "Set-Cookie", "private_key", "privateKeyPem", "aws_secret_access_key", "auth",
    "credentials", "passphrase", "mnemonic", "otp", "cardPin", "cvv", "jwt", "connectionString", "ｐａｓｓｗｏｒｄ",
]  # fmt: skip
OTHER_NAMES = [
    "path", "amount", "symbol", "max_tokens", "next_page_token", "pageToken", "token_count", "secretary", "author",
    "compass", "key", "keys", "keyboard", "description", "to", "monkey", "passenger", "opinion", "spinner", "tokens",
]  # fmt: skip


@pytest.mark.parametrize("secret", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("around", ["{}", "before {} after", "x={};y", "<{}>", "käse-{}", "a\n{}\nb"])
def test_a_secret_is_known_by_its_shape_wherever_it_stands(secret: str, around: str) -> None:
    shown = redact_text(around.format(secret))
    assert secret not in shown
    assert secret[12:24] not in shown
    assert HIDDEN in shown


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("secret", ["hunter2-Tr0ub4dor", "0123456789abcdef"])
def test_a_secret_is_known_by_the_name_it_is_assigned_to(context: str, secret: str) -> None:
    shown = redact_text(context.format(secret))
    assert secret not in shown
    assert HIDDEN in shown


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_value_under_a_secret_name_is_hidden_whatever_it_is(name: str) -> None:
    assert is_secret_name(name)
    for value in ("plain", 1234, ["a", "b"], {"user": "x"}):
        assert redact_value({"outer": [{name: value}]}) == {"outer": [{name: HIDDEN}]}
    nothing: Any
    for nothing in (None, True, False, "", [], {}):
        assert redact_value({name: nothing}) == {name: nothing}


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_a_value_under_any_other_name_stays(name: str) -> None:
    assert not is_secret_name(name)
    assert redact_value({name: "plain"}) == {name: "plain"}


@pytest.mark.parametrize(
    "text",
    [
        "Transfer 50 USD to acme",
        "The passenger list is in /srv/data/passwords.txt",
        "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "max_tokens: 500",
        "https://example.com/a/b?c=d#e",
        "The basic rules of a bear market",
        "version 1.2.3 of task-runner",
        "mail ada@example.com at 14:02",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert redact_text(text) == text


def test_a_header_list_hides_the_value_beside_a_secret_name() -> None:
    headers = [{"name": "Authorization", "value": "abc"}, {"name": "Accept", "value": "abc"}]
    assert redact_value(headers) == [{"name": "Authorization", "value": HIDDEN}, {"name": "Accept", "value": "abc"}]


def test_secrets_used_as_names_are_hidden_and_no_member_vanishes() -> None:
    shown = redact_value({SHAPES["github"]: 1, SHAPES["aws"]: 2, "x": 3})
    assert shown == {HIDDEN: 1, f"{HIDDEN} (2)": 2, "x": 3}


def test_what_was_hidden_is_counted() -> None:
    redactor = Redactor()
    redactor.value({"password": "a", "note": "token=b and " + SHAPES["aws"], "n": 1})
    assert redactor.hidden == 3


def test_redacting_again_changes_and_counts_nothing() -> None:
    once = redact_value({"password": "a", "note": "password=b Authorization: Bearer abcdefgh " + SHAPES["jwt"]})
    again = Redactor()
    assert again.value(once) == once
    assert again.hidden == 0


CANARY = st.from_regex(r"Kn[A-Za-z0-9]{18}Xq", fullmatch=True)
SPACE = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
LEAF = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | SPACE


@st.composite
def planted(draw: st.DrawFn) -> tuple[Any, str]:
    canary = draw(CANARY)
    kind = draw(st.sampled_from(["name", "shape", "context"]))
    if kind == "name":
        secret: Any = {draw(st.sampled_from(SECRET_NAMES)): draw(st.sampled_from([canary, [canary], {"v": canary}]))}
    elif kind == "shape":
        prefix = draw(st.sampled_from(["plc_agent_", "gh" + "p_", "sk-" + "proj-", "xox" + "b-", "gl" + "pat-"]))
        secret = f"{draw(SPACE)} {prefix}{canary} {draw(SPACE)}"
    else:
        secret = f"{draw(SPACE)} {draw(st.sampled_from(CONTEXTS)).format(canary)} {draw(SPACE)}"
    for _ in range(draw(st.integers(0, 3))):
        around = draw(st.dictionaries(SPACE, LEAF, max_size=2))
        secret = [*around.values(), secret] if draw(st.booleans()) else {**around, draw(SPACE): secret}
    return secret, canary


@given(planted())
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_a_planted_secret_never_leaks(case: tuple[Any, str]) -> None:
    value, canary = case
    assert canary not in repr(redact_value(value))


@given(st.recursive(LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SPACE, inner, max_size=3)))
@settings(max_examples=80, deadline=None)
def test_any_value_keeps_its_shape(value: Any) -> None:
    assert _shape(redact_value(value)) == _shape(value) or HIDDEN in repr(redact_value(value))


def _shape(value: Any) -> Any:
    if isinstance(value, list):
        return [_shape(item) for item in value]
    return [_shape(item) for item in value.values()] if isinstance(value, dict) else type(value)


@pytest.mark.parametrize(
    "text",
    ["eyJ-" * 60_000 + ".", "password" * 20_000, "-----BEGIN PRIVATE KEY-----" * 5_000, '\\"' * 80_000, "a://" * 60_000,
     "token=" * 30_000, "sk-" * 80_000, "SG.aaaaaaaaaaaa" * 10_000, "AKIA" * 50_000],
    ids=lambda text: text[:12],
)  # fmt: skip
@pytest.mark.timeout(20)
def test_hostile_length_does_not_hang_it(text: str) -> None:
    assert isinstance(redact_text(text), str)


def test_a_long_run_of_token_beginnings_is_redacted_in_linear_time() -> None:
    # What was quadratic here took minutes; the test's own time limit is what would fail.
    text = "eyJ" * 80_000
    assert redact_text(text + " password=hunter2hunter2").startswith("eyJ")
