"""Signing in and out: links work once and by POST only, sessions end when they should."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from approvals import tokens
from approvals.domain.model import Person, PersonId, Role
from approvals.errors import NotFound
from approvals.roster import make_person_token
from approvals.storage.engine import Database
from approvals.storage.schema import METADATA
from tests.fakes.keys import VAULT
from tests.fakes.web import ADA, BY, VERA, Clock, Console, serving

MALLORY = Person(id=PersonId("mallory@example.com"), name="Mallory", roles=frozenset({Role.REVIEWER}))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def console(sqlite_url: str, clock: Clock) -> AsyncIterator[Console]:
    async with Database.opened(sqlite_url, VAULT, clock=clock) as db, serving(db) as running:
        yield running


@pytest.fixture
async def any_console(database: Database) -> AsyncIterator[Console]:
    async with serving(database) as running:
        yield running


async def test_a_link_signs_in_once_and_says_who_it_is(console: Console) -> None:
    link = await console.link(ADA)
    got = await console.login(link)
    assert got.status == 200
    assert got.json()["person"] == {"id": ADA, "name": "Ada", "roles": ["reviewer"], "groups": ["finance"]}
    again = await console.login(link)
    assert (again.status, again.json()["code"]) == (401, "link_invalid")
    assert "Set-Cookie" not in again.headers


async def test_of_many_who_use_one_link_at_once_one_gets_in(any_console: Console) -> None:
    link = await any_console.link(ADA)
    got = await asyncio.gather(*(any_console.login(link) for _ in range(12)))
    assert sorted(one.status for one in got) == [200] + [401] * 11


async def test_opening_the_page_of_a_link_does_not_use_it_up(console: Console) -> None:
    link = await console.link(ADA)
    for method in ("GET", "HEAD", "OPTIONS"):
        await console.send(method, f"/login?token={link}")
        await console.send(method, f"/api/v1/login?token={link}")
    assert (await console.login(link)).status == 200


@pytest.mark.parametrize(
    ("minutes", "status"),
    [pytest.param(14.9, 200, id="just before 15 minutes"), pytest.param(15, 401, id="at 15 minutes")],
)
async def test_a_link_is_good_for_15_minutes(console: Console, clock: Clock, minutes: float, status: int) -> None:
    link = await console.link(ADA)
    clock.forward(minutes=minutes)
    assert (await console.login(link)).status == status


async def test_unknown_used_expired_and_disabled_are_one_answer(console: Console, clock: Clock) -> None:
    await console.add(replace(MALLORY, disabled=True))
    disabled, used, old = await console.link(MALLORY.id), await console.link(ADA), await console.link(ADA)
    unknown = tokens.make(tokens.Kind.LOGIN, secrets.token_bytes(tokens.RANDOM_BYTES)).text
    await console.login(used)
    answers = [await console.login(disabled), await console.login(used), await console.login(unknown)]
    clock.forward(minutes=20)
    answers += [await console.login(old), await console.login("x"), await console.login(used[:-1])]
    assert {one.status for one in answers} == {401}
    assert len({one.body for one in answers}) == 1


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Origin": "https://evil.example"}, id="another origin"),
        pytest.param({"Origin": "null"}, id="an opaque origin"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, id="another site"),
        pytest.param({"Content-Type": "text/plain"}, id="a form's type"),
    ],
)
async def test_another_site_cannot_sign_somebody_in_to_an_account_of_its_own(
    console: Console, headers: dict[str, str]
) -> None:
    link = await console.link(ADA)
    assert (await console.login(link, **headers)).status in {403, 415}
    assert (await console.login(link)).status == 200


async def test_signing_in_again_ends_the_session_of_the_same_browser(console: Console) -> None:
    first = await console.sign_in(ADA)
    second = await console.login(await console.link(ADA), Cookie=first.cookie)
    assert second.status == 200
    assert f"placet-session={second.cookies['placet-session'].value}" != first.cookie
    assert (await console.get("/api/v1/me", first)).status == 401


async def test_signing_out_ends_the_session_on_the_server(console: Console) -> None:
    ada = await console.sign_in(ADA)
    got = await console.post("/api/v1/logout", ada, {})
    assert got.status == 204
    assert 'placet-session=""' in got.headers["Set-Cookie"]
    assert (await console.get("/api/v1/me", ada)).status == 401


async def test_a_session_ends_after_8_hours_without_use(console: Console, clock: Clock) -> None:
    ada = await console.sign_in(ADA)
    clock.forward(hours=7)
    assert (await console.get("/api/v1/me", ada)).status == 200
    clock.forward(hours=7, minutes=59)
    assert (await console.get("/api/v1/me", ada)).status == 200
    clock.forward(hours=8)
    assert (await console.get("/api/v1/me", ada)).status == 401


async def test_a_session_ends_after_24_hours_however_much_it_is_used(console: Console, clock: Clock) -> None:
    ada = await console.sign_in(ADA)
    for _ in range(4):
        clock.forward(hours=5, minutes=59)
        assert (await console.get("/api/v1/me", ada)).status == 200
    clock.forward(minutes=4)
    assert (await console.get("/api/v1/me", ada)).status == 401


async def test_a_disabled_or_removed_person_is_out_at_once(console: Console) -> None:
    await console.add(MALLORY)
    session = await console.sign_in(MALLORY.id)
    bearer = f"Bearer {await console.person_token(MALLORY.id)}"
    assert (await console.get("/api/v1/me", session)).status == 200
    await console.add(replace(MALLORY, disabled=True))
    assert (await console.get("/api/v1/me", session)).status == 401
    assert (await console.get("/api/v1/me", Authorization=bearer)).status == 401
    await console.add(MALLORY)
    await console.db.write(lambda tx: tx.people.remove(MALLORY.id))
    assert (await console.get("/api/v1/me", session)).status == 401
    assert (await console.get("/api/v1/me", Authorization=bearer)).status == 401


async def test_a_persons_token_needs_no_browser_rules_and_has_no_csrf_token(console: Console) -> None:
    await console.add(MALLORY)
    bearer = {"Authorization": f"Bearer {await console.person_token(MALLORY.id)}"}
    me = await console.send("GET", "/api/v1/me", headers=bearer)
    assert (me.status, me.json()["csrf"]) == (200, "")
    assert (await console.send("POST", "/api/v1/logout", headers=bearer, json_body={})).status == 204
    assert (await console.send("GET", "/api/v1/me", headers=bearer)).status == 200


async def test_a_new_token_replaces_the_one_before(console: Console) -> None:
    await console.add(MALLORY)
    old, new = await console.person_token(MALLORY.id), await console.person_token(MALLORY.id)
    assert (await console.get("/api/v1/me", Authorization=f"Bearer {old}")).status == 401
    assert (await console.get("/api/v1/me", Authorization=f"Bearer {new}")).status == 200


async def test_a_token_cannot_be_made_for_somebody_without_a_row(console: Console) -> None:
    with pytest.raises(NotFound):
        await console.db.write(lambda tx: make_person_token(tx, PersonId("nobody@x.example"), bytes(38), by=BY))


async def test_no_secret_is_at_rest(console: Console) -> None:
    await console.add(MALLORY)
    link = await console.link(VERA)
    ada = await console.sign_in(ADA)
    bearer = await console.person_token(MALLORY.id)

    def look(tx: object) -> str:
        run = tx.conn.execute  # type: ignore[attr-defined]
        return repr([tuple(row) for table in METADATA.sorted_tables for row in run(table.select())])

    stored = await console.db.read(look)
    for secret in (link, ada.cookie.partition("=")[2], bearer):
        assert secret not in stored
