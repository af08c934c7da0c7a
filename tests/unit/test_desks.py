"""Where a request is announced: the channels of its rule, or every one that is configured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from approvals.directory import Directory
from approvals.domain.model import Role
from approvals.domain.terms import Factor
from approvals.testing import samples
from gateway.config import load_config
from gateway.desks import in_person, reviewers, routes_of

KEY = "whsec_" + "A" * 40
CONFIG = f"""
slack: {{bot_token: x, app_token: y, channel: "#money"}}
email: {{smtp: "smtp://mail.example.com", from: placet@example.com}}
webhooks:
  - {{url: "https://one.example/in", secret: {KEY}}}
  - {{url: "https://two.example/in", secret: {KEY}, name: ledger}}
"""
NOBODY_MORE: Any = SimpleNamespace(
    people=SimpleNamespace(list=list), absences=SimpleNamespace(now=list), now=samples.NOW
)
SLACK = ("slack", "#money")
MAILS = [("email", f"{name}@example.com") for name in ("ada", "bob", "dora")]
HOOKS = [("webhook:one.example", ""), ("webhook:ledger", "")]

ROUTES = [
    pytest.param((), [SLACK, *MAILS, *HOOKS], id="a rule that says nothing uses all"),
    pytest.param(("web",), [], id="the page alone"),
    pytest.param(("slack:@ada", "web"), [("slack", "@ada")], id="a person in Slack"),
    pytest.param(("email",), MAILS, id="mail goes to everybody who may decide"),
    pytest.param(("webhook",), HOOKS, id="every webhook"),
    pytest.param(("webhook:ledger",), [HOOKS[1]], id="one webhook"),
]


@pytest.mark.parametrize(("channels", "places"), ROUTES)
def test_a_request_goes_where_its_rule_says(
    tmp_path: Path, channels: tuple[str, ...], places: list[tuple[str, str]]
) -> None:
    file = tmp_path / "placet.yaml"
    file.write_text(CONFIG, encoding="utf-8")
    routes = routes_of(load_config(file, {}), Directory(samples.PEOPLE, {}))
    assert routes(NOBODY_MORE, samples.terms(channels=channels)) == places


def test_without_channels_there_is_only_the_page(tmp_path: Path) -> None:
    file = tmp_path / "placet.yaml"
    file.write_text("people: {}\n", encoding="utf-8")
    routes = routes_of(load_config(file, {}), Directory(samples.PEOPLE, {}))
    assert routes(NOBODY_MORE, samples.terms(channels=("slack", "email", "webhook"))) == []


def test_only_who_may_answer_is_written_to() -> None:
    gone = samples.person("gone", "finance", disabled=True)
    looks = samples.person("looks", "finance", roles=(Role.VIEWER,))
    named = samples.terms(Factor(members=("group:finance",)), Factor(members=("EVE@example.com",)))
    people = {**samples.PEOPLE, gone.id: gone, looks.id: looks}
    assert reviewers(named, people) == [f"{name}@example.com" for name in ("ada", "bob", "dora", "eve")]


def test_who_is_called_or_stands_in_is_told_in_person(tmp_path: Path) -> None:
    ada, bob, eve = (
        replace(one, slack=frozenset({f"U0{one.name.upper()}"})) for one in (samples.ADA, samples.BOB, samples.EVE)
    )
    people = {one.id: one for one in (replace(ada, delegate=eve.id), bob, replace(eve, stands_for=(ada,)))}
    asked = samples.terms()
    assert reviewers(asked, people) == [bob.id, eve.id]
    assert in_person(asked, people) == [eve.id]
    assert in_person(replace(asked, called=(bob.id,)), people) == [bob.id, eve.id]
    forbidden = replace(asked, delegation=False)
    assert (reviewers(forbidden, people), in_person(forbidden, people)) == ([ada.id, bob.id], [])
    people[eve.id] = replace(people[eve.id], disabled=True)
    assert reviewers(asked, people) == [ada.id, bob.id]
