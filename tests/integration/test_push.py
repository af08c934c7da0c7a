"""Browsers that are notified: added over REST, reached by the outbox with what waits for their person, and let go."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from approvals.channels.push import PushChannel
from approvals.domain.model import Answer, Decision, Person, PersonId, Role
from approvals.outbox import Outbox
from approvals.roster import Roster
from approvals.storage.engine import Database
from gateway.config import ConfigErrors, load_config
from gateway.desks import routes_of
from gateway.keys import Keys
from gateway.push import PATH, BrowserOut, BrowsersOut, Push, push_of
from tests.fakes.push_service import PushService, push_service
from tests.fakes.web import ADA, BY, EVE, GRACE, VERA, Console, Session, serving
from tests.fakes.web import Answer as Got

KEYS = Keys(bytes(32))
CONFIG = "push: {contact: 'mailto:ops@example.com', services: [127.0.0.1]}\n"


@dataclass(frozen=True, slots=True)
class At:
    """The service, with one browser."""

    console: Console
    push: Push
    outbox: Outbox
    phone: PushService

    async def subscribe(self, session: Session, phone: PushService | None = None) -> Got:
        one = phone or self.phone
        return await self.console.post(PATH, session, {"endpoint": one.url, "keys": one.keys})

    async def told(self) -> list[bool]:
        """What the phone was told of waiting, until now."""
        await self.outbox.deliver_due()
        return [one["waits"] for one in self.phone.sent]

    async def audited(self) -> list[str]:
        entries = await self.console.db.read(lambda tx: tx.audit.entries())
        return [one.act.action for one in entries if one.act.action.startswith("push.")]


@pytest.fixture
async def at(database: Database, tmp_path: Path) -> AsyncIterator[At]:
    file = tmp_path / "placet.yaml"
    file.write_text(CONFIG, encoding="utf-8")
    settings = load_config(file, {})
    push = push_of(settings, database, KEYS)
    assert push is not None
    async with serving(database, endpoints=push.endpoints()) as console, push_service() as phone:
        console.desk.reconfigure(caps=console.desk._caps, routes=routes_of(settings, console.directory))
        channel = PushChannel(push.sender, push)
        outbox = Outbox(desk=console.desk, channels={"push": channel}, page=lambda id: f"{console.url}/requests/{id}")
        yield At(console, push, outbox, phone)


@pytest.mark.must_have(18)
async def test_a_browser_is_told_what_waits_for_its_person_and_that_it_waits_no_longer(at: At) -> None:
    ada = await at.console.sign_in(ADA)
    made = await at.subscribe(ada)
    assert made.status == 200, made.body
    BrowserOut.model_validate_json(made.body)
    listed = (await at.console.get(PATH, ada)).json()
    BrowsersOut.model_validate(listed)
    assert (listed["key"], listed["browsers"]) == (at.push.sender.public, [made.json()])
    assert at.phone.url.encode() not in (await at.console.db.read(lambda tx: tx.browsers.of(ADA)))[0].sealed

    asked = await at.console.file({"password": "hunter2"}, risk="financial")
    assert await at.told() == [True]
    assert at.phone.sent[0] == {"request": asked.id, "risk": "financial", "waits": True}
    await at.console.desk.decide(
        asked.id, Decision(reviewer=GRACE, answer=Answer.DENY, via="web", binding=asked.binding)
    )
    assert await at.told() == [True, False]

    assert (await at.console.send("DELETE", f"{PATH}/{made.json()['id']}", session=ada, json_body={})).status == 204
    await at.console.file()
    assert await at.told() == [True, False]
    assert await at.audited() == ["push.added", "push.removed"]


async def test_only_who_may_decide_is_told(at: At) -> None:
    for person in (EVE, VERA):
        async with push_service() as other:
            await at.subscribe(await at.console.sign_in(person), other)
    await at.console.file()
    assert await at.told() == []


async def test_a_browser_that_is_gone_is_forgotten_and_that_is_on_record(at: At) -> None:
    await at.subscribe(await at.console.sign_in(ADA))
    at.phone.answer = 410
    await at.console.file()
    await at.told()
    assert await at.push.of(ADA) == []
    assert await at.audited() == ["push.added", "push.gone"]


async def test_a_browser_is_one_persons(at: At) -> None:
    ada, grace = await at.console.sign_in(ADA), await at.console.sign_in(GRACE)
    made = (await at.subscribe(ada)).json()
    assert (await at.console.send("DELETE", f"{PATH}/{made['id']}", session=grace, json_body={})).status == 404
    assert (await at.subscribe(grace)).json()["id"] == made["id"]
    assert (await at.push.of(ADA), len(await at.push.of(GRACE))) == ([], 1)
    assert (await at.subscribe(grace)).status == 200
    assert await at.audited() == ["push.added", "push.added"]


async def test_the_oldest_of_too_many_browsers_makes_room(at: At) -> None:
    ada = await at.console.sign_in(ADA)
    for number in range(12):
        sent = {"endpoint": f"{at.phone.url}?{number}", "keys": at.phone.keys}
        assert (await at.console.post(PATH, ada, sent)).status == 200
    assert len(await at.push.of(ADA)) == 10


async def test_a_browser_goes_with_its_person_and_with_the_key_file(at: At) -> None:
    cy = PersonId("cy@example.com")
    await at.console.add(Person(id=cy, name="Cy", roles=frozenset({Role.REVIEWER})))
    await at.subscribe(await at.console.sign_in(cy))
    await Roster(at.console.desk).remove(cy, actor=BY)
    assert await at.push.of(cy) == []
    await at.subscribe(await at.console.sign_in(ADA))
    restored = Push(at.console.db, at.push.sender, bytes(32), at.push.services)
    assert await restored.of(ADA) == []
    assert await at.push.of(ADA) == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param({"endpoint": "https://10.0.0.1/x"}, "endpoint", id="a-machine-of-ours"),
        pytest.param({"endpoint": "x" * 3000}, "endpoint", id="long"),
        pytest.param({"keys": {"p256dh": "AA", "auth": "AA"}}, "p256dh", id="no-key"),
        pytest.param({"keys": None}, "keys", id="no-keys"),
        pytest.param({"more": 1}, "more", id="unknown"),
    ],
)
async def test_what_is_no_browser_is_refused_by_field(at: At, body: dict[str, object], field: str) -> None:
    ada = await at.console.sign_in(ADA)
    got = await at.console.post(PATH, ada, {"endpoint": at.phone.url, "keys": at.phone.keys} | body)
    assert (got.status, got.json()["field"]) == (422, field)
    assert await at.push.of(ADA) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("push: {contact: ops}\n", "nobody that a push service can write to"),
        ("push: {contact: 'http://example.com'}\n", "nobody that a push service can write to"),
        ("push: {services: ['https://x.example']}\n", "is no host name"),
        ("push: {services: ['X.example']}\n", "is no host name"),
    ],
)
def test_a_section_that_cannot_work_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "placet.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigErrors, match=said):
        load_config(file, {})
