"""Alerts through the real Apprise, to a real receiver of its JSON service."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from approvals.channels import Alert
from approvals.channels.notify import NotifyChannel, NotifyFailed, is_known
from approvals.directory import Directory
from approvals.testing import samples
from approvals.testing.channel_contract import CANARY, ChannelContract
from gateway.channels import channels_of
from gateway.config import ConfigErrors, load_config
from gateway.desks import routes_of

SOURCE = "https://placet.example.com"


class Service:
    """What the service was handed."""

    target, nowhere = "", None
    live_markup = ("<!channel>", "<@U123>", "<https:", "](https:", "`code`", "*bold*", ":white_check_mark:", "@here")

    def __init__(self) -> None:
        self.alerts: list[dict[str, Any]] = []
        self.status = 200
        self.channel: NotifyChannel

    async def take(self, request: web.Request) -> web.Response:
        if self.status == 200:
            self.alerts.append(json.loads(await request.read()))
        return web.Response(status=self.status, headers={"Location": "/elsewhere"})

    def messages(self) -> int:
        return len(self.alerts)

    def text(self) -> str:
        return f"{self.alerts[-1]['title']}\n{self.alerts[-1]['message']}"

    def raw(self) -> str:
        return "\n".join(json.dumps(one, ensure_ascii=False) for one in self.alerts)

    def offers_answers(self) -> bool:
        return False

    def remove_message(self) -> None:
        self.alerts.clear()


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    made, app = Service(), web.Application()
    app.router.add_post("/in", made.take)
    async with TestServer(app) as server:
        made.channel = NotifyChannel(f"json://127.0.0.1:{server.port}/in", name="notify:a", source=SOURCE)
        yield made


class TestNotifyChannel(ChannelContract):
    told = frozenset()
    facts = ("new_order", "binance", "claude-ada")

    @pytest.fixture
    def surface(self, service: Service) -> Service:
        return service


@pytest.mark.must_have(18)
async def test_an_alert_has_the_headline_the_agent_the_risk_and_the_link_and_nothing_else(service: Service) -> None:
    request = samples.request({"note": CANARY}, justification="please", rule_reason="because")
    ref = await service.channel.post(samples.card(request), "")
    assert ref.channel == "notify:a"
    assert service.text() == (
        "new_order on binance asks for approval\n"
        "Agent: claude-ada\nRisk: financial, critical\nhttps://placet.example.com/requests/req_sample"
    )


@pytest.mark.parametrize("tool", ["@everyone", "<@&1>", "[a](https://evil.example)", ":boom:", "https://evil.example"])
async def test_a_tool_cannot_call_people_or_lead_them_away(service: Service, tool: str) -> None:
    await service.channel.post(samples.card(samples.request(call=samples.call(tool=tool))), "")
    assert tool not in service.raw()
    assert "://evil" not in service.raw()


async def test_what_is_said_keeps_our_own_links(service: Service) -> None:
    alert = Alert(id="alert-1", text=f"FROZEN: all.\nSee {SOURCE}/stops or https://evil.example", at=samples.NOW)
    await service.channel.say(alert, "")
    assert service.text() == f"FROZEN: all.\nSee {SOURCE}/stops or https·//evil.example"


@pytest.mark.parametrize("status", [500, 403, 307])
async def test_what_a_service_does_not_take_is_tried_again(service: Service, status: int) -> None:
    service.status = status
    with pytest.raises(NotifyFailed, match="did not take the alert"):
        await service.channel.post(samples.card(), "")
    assert service.alerts == []


@pytest.mark.parametrize(("url", "known"), [("discord://1234567890/abcdefghijkl", True), ("nothing://x", False)])
def test_addresses_are_those_that_apprise_knows(url: str, known: bool) -> None:
    assert is_known(url) is known


@pytest.mark.parametrize("url", ["nothing://x", "discord://"])
def test_an_address_that_nobody_serves_is_refused_and_not_told(tmp_path: Path, url: str) -> None:
    file = tmp_path / "placet.yaml"
    file.write_text(f"notify: ['{url}']\n", encoding="utf-8")
    with pytest.raises(ConfigErrors, match="Apprise knows no service for this address") as caught:
        load_config(file, {})
    assert url not in str(caught.value)


def test_a_service_is_named_without_telling_its_address(tmp_path: Path) -> None:
    file = tmp_path / "placet.yaml"
    file.write_text("notify: ['json://user:word@localhost/in', 'json://localhost/other']\n", encoding="utf-8")
    settings = load_config(file, {})
    around: Any = SimpleNamespace(desk=None, page=str, first=None, push=None)
    names = list(channels_of(settings, around).by_name)
    routes = routes_of(settings, Directory({}, {}))
    nothing: Any = None
    assert routes(nothing, samples.terms()) == [(name, "") for name in names]
    assert all(re.fullmatch("notify:[0-9a-f]{8}", name) for name in names)
    assert len(set(names)) == 2
