"""The Slack app itself: its socket, its manifest, and the check of an installed one."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from click.testing import CliRunner

from approvals.channels import slack_client, slack_manifest, slack_socket
from approvals.channels.slack_check import Line, check
from approvals.channels.slack_manifest import BOT_SCOPES, manifest
from approvals.domain.model import State
from approvals.storage.requests import Query
from approvals.testing.slack import LookalikeSlack, Message
from gateway.cli.slack import command
from tests.fakes.slack_office import Office, office

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def at(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Office]:
    monkeypatch.setattr(slack_socket, "FIRST_PAUSE", 0.01)
    async with office(sqlite_url, way="socket") as opened:
        yield opened


async def approved_by_ada(at: Office, card: Message) -> bool:
    request_id = card.blocks[-1]["elements"][0]["value"].split()[0]
    answer = await at.slack.press(at.people["ada"], card, "approve")
    saved = await at.at.desk.get(request_id)
    assert saved is not None
    return answer.acked and saved.state is State.APPROVED


@pytest.mark.parametrize("how", ["warn", "refresh", "drop", "haunt"])
async def test_a_connection_that_ends_is_replaced_and_clicks_arrive(at: Office, how: str) -> None:
    _, card = await at.asked()
    first = at.slack.sockets.connections[0].number
    ending = getattr(at.slack.sockets, how)()
    if ending is not None:
        await ending

    def only_new() -> bool | None:
        numbers = [connection.number for connection in at.slack.sockets.connections]
        return True if numbers and first not in numbers else None

    await at.slack.wait_for(only_new, "a new connection instead of the old")
    assert await approved_by_ada(at, card)
    assert at.channel.problem is None


async def test_a_click_under_way_is_acknowledged_before_its_connection_is_left(at: Office) -> None:
    asked, card = await at.asked()
    gate = at.slack.hold("users.info")
    async with asyncio.TaskGroup() as group:
        pressing = group.create_task(at.slack.press(at.people["ada"], card, "approve"))
        await gate.reached.wait()
        await at.slack.sockets.warn()
        await at.slack.wait_for_connection(2)
        gate.release()
    assert pressing.result().acked
    assert (await at.at.now(asked)).state is State.APPROVED


async def test_a_socket_that_cannot_open_says_why_and_opens_later(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack_socket, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(LookalikeSlack, "wait_for_connection", _wait_for_refusals)
    async with office(sqlite_url, way="socket") as at:
        assert "link_disabled" in (at.channel.problem or "")
        at.slack.heal()
        _, card = await at.asked()
        await at.slack.wait_for(lambda: True if at.slack.sockets.connections else None)
        assert await approved_by_ada(at, card)


async def _wait_for_refusals(slack: LookalikeSlack) -> None:
    slack.fail("apps.connections.open", error="link_disabled", times=None)
    slack.sockets.drop()
    await slack.wait_for(lambda: True if len(slack.calls_of("apps.connections.open")) >= 3 else None)


async def test_a_payload_that_makes_no_sense_is_acknowledged_and_decides_nothing(at: Office) -> None:
    _, card = await at.asked()
    card.blocks[-1]["elements"][0]["value"] = "nonsense"
    answer = await at.slack.press(at.people["ada"], card, "approve")
    assert answer.acked
    assert await at.at.desk.search(Query(states=frozenset({State.PENDING}))) != []


def test_what_slack_sdk_logs_has_no_ticket_no_token_and_one_line(caplog: pytest.LogCaptureFixture) -> None:
    slack_client.sdk_log.info("a new session")
    try:
        raise ConnectionError("wss://wss-primary.slack.com/link/?ticket=CANARY-1&app_id=A1")
    except ConnectionError as err:
        slack_client.sdk_log.exception("Failed to connect (error: %s) xoxb-%s\nmore", err, "0123456789-CANARY")
    (record,) = caplog.records
    assert record.getMessage().startswith("Failed to connect (error: wss://wss-primary.slack.com/link/?ticket=…")
    assert "CANARY" not in caplog.text
    assert "Traceback" not in caplog.text


def test_every_method_we_call_is_in_the_table_of_scopes() -> None:
    sources = "\n".join(path.read_text() for path in (ROOT / "approvals/channels").glob("slack*.py"))
    called = set(
        re.findall(r'"((?:auth|apps|chat|conversations|dnd|users|views|files|usergroups)\.[a-zA-Z.]+)"', sources)
    )
    assert called == set(slack_manifest.SCOPES)
    needed = {scope for scopes in slack_manifest.SCOPES.values() for scope in scopes}
    assert needed <= {*BOT_SCOPES, *slack_manifest.APP_SCOPES}
    assert sorted([*slack_manifest.REQUIRED, *slack_manifest.HELPFUL]) == list(BOT_SCOPES)


def test_the_manifest_in_the_repository_is_the_one_printed() -> None:
    done = CliRunner().invoke(command, ["manifest"])
    assert done.exit_code == 0
    assert done.stdout == (ROOT / "config/slack-manifest.yaml").read_text()
    assert yaml.safe_load(done.stdout) == manifest()
    link = done.stderr.split("Make the app: ")[1].strip()
    assert link.startswith("https://api.slack.com/apps?new_app=1&manifest_yaml=")
    assert yaml.safe_load(unquote(link.split("manifest_yaml=")[1])) == manifest()


def test_words_under_cards_are_asked_for_only_where_that_is_wanted() -> None:
    done = CliRunner().invoke(command, ["manifest", "--threads", "--json"])
    made, plain = json.loads(done.stdout), manifest()
    assert made["settings"]["event_subscriptions"]["bot_events"] == [
        "app_home_opened",
        "message.channels",
        "message.groups",
    ]
    more = set(made["oauth_config"]["scopes"]["bot"]) - set(plain["oauth_config"]["scopes"]["bot"])
    assert more == {"channels:history", "groups:history"}


def test_with_a_url_slack_posts_to_us() -> None:
    done = CliRunner().invoke(command, ["manifest", "--url", "https://placet.example.com/", "--json"])
    made = json.loads(done.stdout)
    base = "https://placet.example.com/slack"
    assert made["settings"]["socket_mode_enabled"] is False
    assert made["settings"]["interactivity"] == {"is_enabled": True, "request_url": f"{base}/interactions"}
    assert made["settings"]["event_subscriptions"]["request_url"] == f"{base}/events"
    assert made["features"]["slash_commands"][0]["url"] == f"{base}/commands"


@pytest.mark.parametrize("url", ["http://placet.example.com", "placet.example.com", "https://", "https://a/?b=c"])
def test_a_url_slack_cannot_reach_is_refused(url: str) -> None:
    done = CliRunner().invoke(command, ["manifest", "--url", url])
    assert done.exit_code == 2
    assert "give the public address" in done.stderr


async def checked(slack: LookalikeSlack, *channels: str, **changes: Any) -> dict[str, Line]:
    given: dict[str, Any] = {
        "bot_token": slack.bot_token,
        "app_token": slack.app_token,
        "has_signing_secret": False,
        "channels": channels or ("#money",),
        "api_url": slack.api_url,
    }
    return {line.id: line for line in await check(**given | changes)}


async def test_an_app_that_works_is_found_well() -> None:
    async with LookalikeSlack(scopes=BOT_SCOPES) as slack:
        money = slack.add_channel("money")
        lines = await checked(slack, "#money", money.id)
        assert {line.id: line.status for line in lines.values()} == {
            "token": "ok",
            "scopes": "ok",
            "socket": "ok",
            "channel #money": "ok",
            f"channel {money.id}": "ok",
        }
        assert slack.messages("#money") == []


@pytest.mark.parametrize(
    ("changes", "id", "status", "says"),
    [
        ({"bot_token": "xoxb-wrong"}, "token", "fail", "Slack does not know the bot token"),
        ({"app_token": "xapp-wrong"}, "socket", "fail", "invalid_auth"),
        ({"app_token": None}, "way_in", "fail", "nothing that is pressed in Slack can arrive here"),
        ({"app_token": None, "has_signing_secret": True}, "request_urls", "ok", "signed posts are accepted"),
        ({"channels": ("#nowhere",)}, "channel #nowhere", "fail", "channel_not_found"),
        ({"channels": ("#closed",)}, "channel #closed", "fail", "not_in_channel"),
        ({"channels": ("CSHARED",)}, "channel CSHARED", "warn", "shared with another organisation"),
        ({"channels": ("COUTSIDE",)}, "channel COUTSIDE", "fail", "the app is not in it"),
        ({"channels": ("COLD",)}, "channel COLD", "fail", "archived"),
        ({"api_url": "http://127.0.0.1:1/api/"}, "token", "fail", "did not answer auth.test"),
    ],
)
async def test_what_is_wrong_is_said_with_what_to_do(changes: dict[str, Any], id: str, status: str, says: str) -> None:
    async with LookalikeSlack(scopes=BOT_SCOPES) as slack:
        places: dict[str, dict[str, Any]] = {
            "money": {},
            "closed": {"bot_is_member": False},
            "shared": {"is_ext_shared": True},
            "outside": {"bot_is_member": False},
            "old": {"is_archived": True},
        }
        for name, facts in places.items():
            channel = slack.add_channel(name, **facts)
            slack.workspace.channels[f"C{name.upper()}"] = channel
        line = (await checked(slack, **changes))[id]
        assert (line.status, says in line.text) == (status, True), line
        assert line.status == "ok" or line.fix


@pytest.mark.parametrize(("scope", "status"), [("chat:write", "fail"), ("users:read", "fail"), ("im:write", "warn")])
async def test_a_missing_scope_is_named(scope: str, status: str) -> None:
    async with LookalikeSlack(scopes=set(BOT_SCOPES) - {scope}) as slack:
        slack.add_channel("money")
        line = (await checked(slack))["scopes"]
        assert line.status == status
        assert scope in line.text


CONFIG = """
database: sqlite:///{folder}/placet.db
servers: {{shop: {{url: "http://127.0.0.1:9/mcp", policy: policy.yaml}}}}
people:
  ada@example.com: {{name: Ada, roles: [reviewer]{linked}}}
slack: {{bot_token: "${{env:BOT}}", app_token: "${{env:APP}}", channel: "#money", api_url: "{api}"}}
"""
POLICY = """
version: "1"
default: deny
tools:
  pay:
    action: require_approval
    approval: {reviewers: [ada@example.com], channels: ["slack:#orders", "slack:@ada", web]}
"""


@pytest.mark.parametrize(
    ("linked", "well"),
    [
        pytest.param(", slack: U01ADA", True, id="somebody is linked"),
        pytest.param("", False, id="nobody is linked"),
    ],
)
async def test_the_check_command_says_it_all_and_fails_when_something_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linked: str, *, well: bool
) -> None:
    async with LookalikeSlack(scopes=BOT_SCOPES) as slack:
        slack.add_channel("money")
        slack.add_channel("orders")
        file = tmp_path / "placet.yaml"
        file.write_text(CONFIG.format(folder=tmp_path, linked=linked, api=slack.api_url))
        (tmp_path / "policy.yaml").write_text(POLICY)
        monkeypatch.setenv("BOT", slack.bot_token)
        monkeypatch.setenv("APP", slack.app_token)
        done = await asyncio.to_thread(CliRunner().invoke, command, ["check", "--config", str(file), "--json"])
    assert done.exit_code == (0 if well else 1), done.output
    said = json.loads(done.stdout)
    assert said["ok"] is well
    places = ["channel #money", "channel #orders"]
    assert [line["id"] for line in said["checks"]] == ["token", "scopes", "socket", *places, "people"]
    assert "xoxb-" not in done.output


def test_without_a_section_slack_the_check_says_where_to_begin(tmp_path: Path) -> None:
    file = tmp_path / "placet.yaml"
    file.write_text(f"database: sqlite:///{tmp_path}/placet.db\n")
    done = CliRunner().invoke(command, ["check", "--config", str(file)])
    assert done.exit_code == 1
    assert "placet slack manifest" in done.stderr
