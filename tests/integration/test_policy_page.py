"""`/api/v1/policies/…`: what is shown to whom, what is checked and explained, and what a save changes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
from pydantic import BaseModel

from approvals.access import Access, access
from approvals.domain.fingerprint import canonical, sha256_hex
from approvals.domain.model import PersonId
from approvals.storage.agents import AgentRow
from approvals.storage.calls import CallRow
from approvals.storage.engine import Database
from approvals.storage.policies import Draft, digest
from approvals.web.routes import Endpoint
from gateway.config import load_config
from gateway.journal import Journal
from gateway.keys import Keys
from gateway.policy_page import models
from gateway.policy_page.replaying import Replaying
from gateway.policy_page.routes import PolicyPage
from gateway.policy_page.trying import Trying
from gateway.recording import Recorder
from gateway.reload import Reloader, known
from gateway.settings import Settings
from tests.fakes.keys import VAULT
from tests.fakes.requests import NOON
from tests.fakes.web import ADA, AUDREY, OTTO, VERA, Answer, Console, Session, serving

KEYS = Keys(b"k" * 32)
BASE = 'version: "1"\ndefault: allow\ntools:\n  drop: {action: deny, reason: Never}\n'
PAGE = """\
version: "1"
default: deny
tools:
  read: {}
  pay:
    action: require_approval
    deny_if:
      - conditions: [{path: args.amount, op: gt, value: 1000}]
        on_deny: Never over 1,000.
    limits:
      - {counter: paid, window: day, max: 500, amount: args.amount, on_exceed: deny}
"""
CONFIG = """\
servers:
  shop: {url: http://127.0.0.1:1/mcp, policy: [policies/base.yaml, page]}
  bank: {url: http://127.0.0.1:1/mcp, policy: policies/base.yaml}
  bare: {url: http://127.0.0.1:1/mcp}
people:
  ada@example.com: {name: Ada, roles: [reviewer], groups: [finance]}
approvals: {reviewers: ["group:finance"]}
"""
PAY: dict[str, Any] = {
    "name": "pay",
    "description": "Pay somebody.",
    "inputSchema": {"type": "object", "properties": {"amount": {"type": "number"}}, "required": ["amount"]},
}


@dataclass(slots=True, kw_only=True)
class Office:
    """The endpoints over a folder of files, and the people who ask."""

    console: Console
    reloader: Reloader
    folder: Path
    sessions: dict[PersonId, Session] = field(default_factory=dict)

    async def session(self, who: PersonId) -> Session:
        if who not in self.sessions:
            self.sessions[who] = await self.console.sign_in(who)
        return self.sessions[who]

    async def get(self, path: str, who: PersonId = ADA) -> Answer:
        return await self.console.get(f"/api/v1/policies{path}", await self.session(who))

    async def send(self, method: str, path: str, body: Any, who: PersonId = OTTO, **headers: str) -> Answer:
        session = await self.session(who)
        return await self.console.send(
            method, f"/api/v1/policies{path}", session=session, json_body=body, headers=session.headers(**headers)
        )

    async def save(self, text: str, base: int | None = 0, who: PersonId = OTTO, **more: Any) -> Answer:
        return await self.send("PUT", "/shop", {"text": text, "base": base, **more}, who)

    async def saved(self, text: str = PAGE, base: int = 0) -> None:
        got = await self.save(text, base)
        assert got.status == 200, got.body

    async def explain(self, tool: str, arguments: Any = None, **more: Any) -> Answer:
        body = {"tool": tool, **({"arguments": arguments} if arguments is not None else {}), **more}
        return await self.send("POST", "/shop/explain", body, ADA)


def read(got: Answer, model: type[BaseModel]) -> Any:
    """The body of an answer that keeps the contract."""
    assert got.status == 200, got.body
    model.model_validate_json(got.body)
    return got.json()


def refused(got: Answer) -> tuple[int, str]:
    return got.status, got.json()["code"]


@pytest.fixture
async def office(database: Database, tmp_path: Path) -> AsyncIterator[Office]:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "base.yaml").write_text(BASE)
    file = tmp_path / "placet.yaml"
    file.write_text(CONFIG)

    async def apply(_settings: Settings) -> None:
        return None

    settings = load_config(file, {}, *await database.read(known))
    reloader = Reloader(settings, env={}, db=database, apply=apply, holder="here")
    page = PolicyPage(db=database, reloader=reloader, recorder=Recorder.of(KEYS))
    async with serving(database, endpoints=page.endpoints(), features={"policies": True}) as console:
        yield Office(console=console, reloader=reloader, folder=tmp_path)


async def test_the_list_says_of_every_server_how_its_policy_stands(office: Office) -> None:
    listed = read(await office.get(""), models.PoliciesOut)["policies"]
    assert [(one["server"], one["state"], one["layers"], one["page"]) for one in listed] == [
        ("shop", "unsaved", ["policies/base.yaml", "page:shop"], 0),
        ("bank", "enforced", ["policies/base.yaml"], None),
        ("bare", "none", [], None),
    ]
    await office.saved()
    (office.folder / "policies" / "base.yaml").write_text("nonsense")
    shop, bank, _ = read(await office.get(""), models.PoliciesOut)["policies"]
    difference = {"layer": "policies/base.yaml", "enforced": digest(BASE), "on_disk": digest("nonsense")}
    assert [(one["state"], one["page"], one["differences"]) for one in (shop, bank)] == [
        ("differs", 1, [difference]),
        ("differs", None, [difference]),
    ]


async def test_a_server_is_shown_layer_by_layer_with_where_everything_stands(office: Office) -> None:
    await office.saved()
    shown = read(await office.get("/shop"), models.PolicyOut)
    base, page = shown["layers"]
    assert (shown["state"], shown["page"], shown["may_save"]) == ("enforced", 1, False)
    assert shown["why_not"] == "Saving a policy takes the operator role."
    assert (base["text"], base["sha256"], base["kind"], base["saved"]) == (BASE, digest(BASE), "file", None)
    assert base["on_disk"] == {"sha256": digest(BASE), "differs": False, "text": None, "problems": []}
    assert (page["kind"], page["on_disk"], page["dialect"]) == ("page", None, "placet")
    saved = page["saved"]
    assert (saved["number"], saved["by"], saved["name"], saved["in_force"]) == (1, OTTO, "Otto", True)
    places = {one["pointer"]: one["line"] for one in page["outline"]}
    assert (places["/tools/pay"], places["/tools/pay/deny_if/0"], places["/tools/pay/limits/0"]) == (5, 8, 11)
    assert len({one["line"] for one in page["outline"]}) == len(page["outline"])


async def test_a_broken_file_is_shown_beside_what_is_enforced_with_what_is_wrong(office: Office) -> None:
    broken = BASE.replace("deny, reason", "denny, reason")
    (office.folder / "policies" / "base.yaml").write_text(broken)
    assert not await office.reloader.reload()
    shown = read(await office.get("/bank"), models.PolicyOut)
    (base,) = shown["layers"]
    assert (shown["state"], base["text"]) == ("differs", BASE)
    assert (base["on_disk"]["sha256"], base["on_disk"]["text"]) == (digest(broken), broken)
    (problem,) = base["on_disk"]["problems"]
    assert (problem["line"], problem["pointer"], problem["hint"]) == (4, "/tools/drop/action", "did you mean 'deny'?")
    (office.folder / "policies" / "base.yaml").unlink()
    (base,) = read(await office.get("/bank"), models.PolicyOut)["layers"]
    assert (base["on_disk"]["sha256"], base["on_disk"]["differs"]) == (None, True)


@pytest.mark.parametrize(
    ("method", "path", "body", "allowed"),
    [
        ("GET", "", None, {ADA, OTTO, AUDREY}),
        ("GET", "/shop", None, {ADA, OTTO, AUDREY}),
        ("GET", "/shop/versions", None, {ADA, OTTO, AUDREY}),
        ("GET", "/shop/versions/1", None, {ADA, OTTO, AUDREY}),
        ("GET", "/shop/export?number=1", None, {ADA, OTTO, AUDREY}),
        ("POST", "/shop/check", {"text": PAGE}, {ADA, OTTO, AUDREY}),
        ("POST", "/shop/explain", {"tool": "read"}, {ADA, OTTO, AUDREY}),
        ("POST", "/shop/replay", {"text": PAGE}, {OTTO, AUDREY}),
        ("PUT", "/shop", {"text": PAGE, "base": 1}, {OTTO}),
        ("POST", "/shop/rollback", {"number": 1, "base": 1}, {OTTO}),
    ],
)
@pytest.mark.parametrize("who", [ADA, OTTO, AUDREY, VERA])
async def test_who_may_do_what(
    sqlite_url: str, tmp_path: Path, method: str, path: str, body: Any, allowed: set[PersonId], who: PersonId
) -> None:
    async with Database.opened(sqlite_url, VAULT) as db:
        draft = Draft(server="shop", text=PAGE, base=0, by=OTTO)
        await db.write(lambda tx: tx.policies.save(draft))
        async for it in office.__wrapped__(db, tmp_path):  # type: ignore[attr-defined]  # the fixture, on one database
            got = await it.send(method, path, body, who) if body is not None else await it.get(path, who)
            assert got.status == (200 if who in allowed else 403), got.body


async def test_a_viewer_is_not_offered_the_page(office: Office) -> None:
    offered = {}
    for who in (VERA, ADA):
        me = await office.console.get("/api/v1/me", await office.session(who))
        offered[who] = me.json()["features"]["policies"]
    assert offered == {VERA: False, ADA: True}


async def test_a_save_is_a_version_that_is_in_force_when_the_answer_comes(office: Office) -> None:
    got = read(await office.save(PAGE, note="To begin with"), models.VersionOut)
    assert (got["number"], got["by"], got["note"], got["text"], got["in_force"]) == (
        1,
        OTTO,
        "To begin with",
        PAGE,
        True,
    )
    assert read(await office.explain("read"), models.ExplainOut)["verdict"] == "allow"
    await office.saved(PAGE.replace("read", "look"), base=1)
    assert read(await office.explain("read"), models.ExplainOut)["verdict"] == "deny"


@pytest.mark.parametrize("tag", ['"1"', '"1-0123456789abcdef"', 'W/"1-0123456789abcdef"'])
async def test_the_version_it_was_made_from_may_stand_in_the_head(office: Office, tag: str) -> None:
    await office.saved()
    got = await office.send("PUT", "/shop", {"text": PAGE + "# more\n"}, If_Match=tag)
    assert read(got, models.VersionOut)["number"] == 2
    assert refused(await office.send("PUT", "/shop", {"text": PAGE}, If_Match=tag)) == (409, "stale_version")


async def test_the_etag_of_a_policy_is_what_a_save_may_name(office: Office) -> None:
    await office.saved()
    shown = await office.get("/shop")
    got = await office.send("PUT", "/shop", {"text": PAGE + "# more\n"}, If_Match=shown.headers["ETag"])
    assert got.status == 200


@pytest.mark.parametrize(
    ("headers", "base", "said"),
    [
        pytest.param({}, None, (428, "precondition_required"), id="no version at all"),
        pytest.param({"If_Match": "*"}, None, (422, "invalid"), id="any version"),
        pytest.param({"If_Match": '"x"'}, None, (422, "invalid"), id="no version of ours"),
        pytest.param({"If_Match": '"1"'}, 0, (422, "invalid"), id="two versions"),
    ],
)
async def test_a_save_must_name_one_version(
    office: Office, headers: Mapping[str, Any], base: int | None, said: tuple[int, str]
) -> None:
    assert refused(await office.send("PUT", "/shop", {"text": PAGE, "base": base}, **headers)) == said


async def test_who_was_second_gets_the_version_that_was_first_and_loses_nothing(office: Office) -> None:
    await office.saved()
    got = await office.save("version: nonsense", 0)
    assert refused(got) == (422, "invalid_policy"), "what is wrong with it is told first"
    got = await office.save(PAGE + "# mine\n", 0)
    assert refused(got) == (409, "stale_version")
    current = got.json()["current"]
    assert (current["number"], current["name"], current["text"]) == (1, "Otto", PAGE)
    assert got.json()["detail"] == "Version 1 was saved by Otto since you began. Yours is not saved yet."
    assert refused(await office.save(PAGE, 7)) == (409, "stale_version")


async def test_a_text_that_is_no_policy_is_refused_with_everything_that_is_wrong(office: Office) -> None:
    text = PAGE.replace("deny_if", "deny_iff") + "  wire: {action: require_aproval}\nfreez: 1\n"
    got = await office.save(text)
    assert refused(got) == (422, "invalid_policy")
    found = [(one["line"], one["pointer"], one["hint"]) for one in got.json()["problems"]]
    assert found == [
        (7, "/tools/pay/deny_iff", "did you mean 'deny_if'?"),
        (12, "/tools/wire/action", "did you mean 'require_approval'?"),
        (13, "/freez", ANY),
    ]
    assert got.json()["detail"].startswith("The text is not saved; it has 3 problems. Line 7: unknown key 'deny_iff'")
    nobody = PAGE.replace("require_approval\n", 'require_approval\n    approval: {reviewers: ["group:finanse"]}\n')
    got = await office.save(nobody)
    assert "did you mean 'finance'?" in {one["hint"] for one in got.json()["problems"]}
    failing = PAGE + "tests:\n  - {name: t, call: {tool: read}, expect: {verdict: deny}}\n"
    got = await office.save(failing)
    assert "the test" in got.json()["problems"][0]["message"]
    assert read(await office.get("/shop/versions"), models.VersionsOut)["versions"] == []


@pytest.mark.parametrize("method", ["PUT", "rollback"])
@pytest.mark.parametrize("server", ["bank", "bare"])
async def test_a_server_without_a_page_says_how_to_add_one(office: Office, method: str, server: str) -> None:
    if method == "PUT":
        got = await office.send("PUT", f"/{server}", {"text": PAGE, "base": 0})
    else:
        got = await office.send("POST", f"/{server}/rollback", {"number": 1, "base": 0})
    assert refused(got) == (409, "managed_by_files")
    word = {"bank": "[policies/base.yaml, page]", "bare": "page"}[server]
    assert f"write `policy: {word}` under servers.{server} in placet.yaml" in got.json()["detail"]


async def test_an_earlier_version_comes_back_as_a_new_one(office: Office) -> None:
    await office.saved()
    await office.saved(PAGE.replace("read", "look"), base=1)
    got = await office.send("POST", "/shop/rollback", {"number": 1, "base": 2, "note": "Too tight"})
    back = read(got, models.VersionOut)
    assert (back["number"], back["restores"], back["note"], back["text"]) == (3, 1, "Too tight", PAGE)
    assert refused(await office.send("POST", "/shop/rollback", {"number": 1, "base": 2})) == (409, "stale_version")
    assert (await office.send("POST", "/shop/rollback", {"number": 9, "base": 3})).status == 404


async def test_the_history_comes_in_pages_newest_first(office: Office) -> None:
    for base in range(5):
        await office.saved(PAGE + f"# {base}\n", base)
    first = read(await office.get("/shop/versions?limit=2"), models.VersionsOut)
    second = read(await office.get(f"/shop/versions?limit=2&cursor={first['next_cursor']}"), models.VersionsOut)
    last = read(await office.get(f"/shop/versions?limit=2&cursor={second['next_cursor']}"), models.VersionsOut)
    pages = [[one["number"] for one in page["versions"]] for page in (first, second, last)]
    assert (pages, last["next_cursor"]) == ([[5, 4], [3, 2], [1]], None)
    assert [one["in_force"] for one in first["versions"]] == [True, False]
    assert read(await office.get("/shop/versions/2"), models.VersionOut)["text"] == PAGE + "# 1\n"
    for wrong in ("9", "x", "99999999999"):
        assert (await office.get(f"/shop/versions/{wrong}")).status == 404
    assert (await office.get("/shop/versions?cursor=nonsense")).status == 422


async def test_a_policy_is_exported_byte_for_byte_under_its_own_name(office: Office) -> None:
    text = PAGE + "# Grüße\r\n"
    await office.saved(text)
    got = await office.get("/shop/export?layer=1")
    assert (got.body, got.headers["Content-Type"]) == (text.encode(), "application/yaml; charset=utf-8")
    assert got.headers["Content-Disposition"] == 'attachment; filename="shop.yaml"'
    await office.saved('{"version": "1", "default": "deny"}', base=1)
    got = await office.get("/shop/export?layer=1")
    assert got.headers["Content-Type"] == "application/json; charset=utf-8"
    assert got.headers["Content-Disposition"] == 'attachment; filename="shop.json"'
    assert (await office.get("/shop/export?number=1")).body == text.encode()
    assert (await office.get("/bank/export")).body == BASE.encode()
    for wrong in ("", "?layer=2", "?layer=x"):
        assert refused(await office.get(f"/shop/export{wrong}")) == (422, "invalid")
    assert (await office.get("/shop/export?number=7")).status == 404


async def test_a_text_is_checked_without_being_saved(office: Office) -> None:
    tested = PAGE + "tests:\n  - {name: t, call: {tool: read}, expect: {verdict: allow}}\n"
    good = read(await office.send("POST", "/shop/check", {"text": tested}, ADA), models.CheckOut)
    assert (good["ok"], good["tests"], good["sha256"], good["problems"]) == (True, 1, digest(tested), [])
    bad = read(await office.send("POST", "/shop/check", {"text": "version: 1\n"}, ADA), models.CheckOut)
    assert (bad["ok"], bad["version"], [one["line"] for one in bad["problems"]]) == (False, None, [1, 1])
    for odd in ("", "\x00", "a\tb: c"):
        assert not read(await office.send("POST", "/shop/check", {"text": odd}, ADA), models.CheckOut)["ok"]
    for no_text in ("\ud800", "x" * 200_001):
        assert (await office.send("POST", "/shop/check", {"text": no_text}, ADA)).status == 422
    assert (await office.send("POST", "/nowhere/check", {"text": "x"}, ADA)).status == 404
    assert office.reloader.settings.servers["shop"].page == 0


async def test_a_call_is_explained_with_every_rule_and_its_line(office: Office) -> None:
    await office.saved()
    told = read(await office.explain("pay", {"amount": 5000}), models.ExplainOut)
    assert (told["verdict"], told["rule"], told["layer"], told["line"]) == ("deny", "/tools/pay/deny_if/0", 1, 8)
    assert told["reason"] == "Never over 1,000."
    considered = {(one["layer"], one["rule"]): one for one in told["considered"]}
    assert considered[1, "/tools/pay/deny_if/0"]["why"] == "args.amount 5000 is > 1000"
    assert considered[0, "/default"]["line"] == 2
    asks = read(await office.explain("pay", {"amount": 5}), models.ExplainOut)
    assert (asks["verdict"], asks["asks"], asks["risk"]) == ("require_approval", ["1 of group:finance"], "financial")
    over = read(await office.explain("pay", {"amount": 900}), models.ExplainOut)
    assert (over["verdict"], over["rule"], over["layer"], over["line"]) == (
        "rate_limited",
        "/tools/pay/limits/0",
        1,
        11,
    )
    assert [(one["counter"], one["remaining"]) for one in over["limits"]] == [("paid", "500")]
    none = read(await office.send("POST", "/bare/explain", {"tool": "read"}, ADA), models.ExplainOut)
    assert (none["verdict"], none["rule"], none["layer"]) == ("deny", "", None)


async def test_a_call_is_explained_as_another_agent_at_another_time_and_with_what_is_in_its_way(
    office: Office, database: Database
) -> None:
    await office.saved()
    row = AgentRow(name="bot", owner=ADA, servers=("bank",), source="added", created_at=NOON)
    await database.write(lambda tx: tx.agents.upsert(row))
    await database.write(lambda tx: tx.pins.first("shop", "pay", "f" * 64, PAY))
    told = read(await office.explain("pay", {}, **{"as": "bot", "at": "2026-11-24T10:00:00Z"}), models.ExplainOut)
    assert told["notes"] == [
        'The agent "bot" may not use the server "shop".',
        'The arguments do not fit the tool\'s schema: /: "amount" is a required property: add it',
    ]
    assert all(one["resets_at"].startswith("2026-11-25") for one in told["limits"])
    told = read(await office.explain("wire", {}, **{"as": "nobody"}), models.ExplainOut)
    assert [note.partition(":")[0] for note in told["notes"]] == [
        'There is no agent "nobody"',
        "The risk is judged by the tool's name alone",
    ]
    assert refused(await office.explain("pay", {}, at="tomorrow")) == (422, "invalid")


async def test_a_call_is_explained_with_a_text_that_is_not_saved(office: Office) -> None:
    await office.saved()
    draft = PAGE.replace("  read: {}\n", "  read: {action: require_approval}\n  drop: {}\n")
    assert read(await office.explain("read", text=draft), models.ExplainOut)["verdict"] == "require_approval"
    dropped = read(await office.explain("drop", text=draft), models.ExplainOut)
    assert (dropped["verdict"], dropped["layer"]) == ("deny", 0), "the other layers judge too"
    assert read(await office.explain("read"), models.ExplainOut)["verdict"] == "allow"
    got = await office.explain("read", text="nonsense")
    assert (refused(got), got.json()["field"]) == ((422, "invalid_policy"), "text")
    alone = {"tool": "drop", "text": 'version: "1"\ndefault: allow\n'}
    told = read(await office.send("POST", "/bank/explain", alone, ADA), models.ExplainOut)
    assert (told["verdict"], told["layer"], told["policy"]) == ("allow", None, "page:bank"), "instead of the files"


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        pytest.param('{"a": 1,\n "a": 2}', 2, 2, "'a' stands twice", id="a name twice"),
        pytest.param('{"a": 1,}', 1, 9, "a comma before '}' is not JSON", id="a comma too many"),
        pytest.param('{"a": 9007199254740993}', 1, 7, "outside", id="a number that does not survive"),
        pytest.param("[1]", 1, 1, "arguments are one JSON object", id="a list"),
        pytest.param("", 1, 1, "a JSON value was expected here", id="nothing"),
    ],
)
async def test_arguments_that_cannot_be_read_are_refused_at_their_place(
    office: Office, text: str, line: int, column: int, said: str
) -> None:
    got = await office.explain("read", arguments_text=text)
    assert refused(got) == (422, "invalid_arguments")
    (problem,) = got.json()["problems"]
    assert (problem["line"], problem["column"], said in problem["message"]) == (line, column, True), problem


async def record(db: Database, number: int, tool: str, arguments: dict[str, Any]) -> None:
    """An allowed call of a minute ago, with its arguments."""
    raw, at = canonical(arguments), datetime.now(UTC) - timedelta(minutes=1)
    call = CallRow(
        id=f"call_{number}", at=at, agent="bot", server="shop", tool=tool, arguments_sha256=sha256_hex(raw),
        verdict="allow", rule=f"/tools/{tool}", risk="read", severity="low", counted_at=at, ran_at=at, ms=4,
    )  # fmt: skip
    journal = Journal(db, Recorder.of(KEYS))
    journal.write(call, raw)
    await journal.flush()


async def test_the_calls_of_the_last_days_are_judged_by_a_text_that_is_not_saved(
    office: Office, database: Database
) -> None:
    await office.saved()
    for number in range(3):
        await record(database, number, "read", {"path": f"/{number}"})
    same = read(await office.send("POST", "/shop/replay", {}), models.ReplayOut)
    assert (same["calls"], same["counts"]["unchanged"], same["changes"]) == (3, 3, [])
    text = PAGE.replace("read: {}", "read: {action: require_approval}")
    (change,) = read(await office.send("POST", "/shop/replay", {"text": text, "since": "1h"}), models.ReplayOut)[
        "changes"
    ]
    assert (change["change"], change["calls"], change["tool"]) == ("newly_asked", 3, "read")
    now = change["now"]
    assert (now["rule"], now["policy"], now["layer"], now["line"]) == ("/tools/read/action", "page:shop", 1, 4)
    got = await office.send("POST", "/shop/replay", {"text": "nonsense"})
    assert refused(got) == (422, "invalid_policy")
    assert refused(await office.send("POST", "/shop/replay", {"since": "tomorrow"})) == (422, "invalid")


async def test_who_sees_everything_redacted_learns_nothing_of_arguments_by_a_replay(
    office: Office, database: Database
) -> None:
    await office.saved()
    await record(database, 1, "read", {"path": "/etc/hidden"})
    deny = "{deny_if: [{conditions: [{path: args.path, op: exists}, {path: args.path, op: neq, value: x}]}]}"
    sent = {"text": PAGE.replace("read: {}", f"read: {deny}")}
    for who, why in ((OTTO, ""), (AUDREY, 'args.path is there and args.path "/etc/hidden" is not "x"')):
        (change,) = read(await office.send("POST", "/shop/replay", sent, who), models.ReplayOut)["changes"]
        assert change["examples"][0]["why"] == why


async def test_a_replay_that_takes_too_long_says_what_to_do(office: Office) -> None:
    trying = Trying(db=office.reloader._db, reloader=office.reloader)
    slow = Replaying(trying=trying, recorder=Recorder.of(KEYS), patience=0)
    endpoint = Endpoint(method="POST", path="/api/v1/slow/{server}", handler=access(Access.PERSON)(slow.replay_calls))
    async with serving(office.console.db, endpoints=[endpoint]) as console:
        got = await console.post("/api/v1/slow/shop", await console.sign_in(OTTO), {})
        assert refused(got) == (422, "too_many_calls")


async def test_why_a_saved_version_is_not_in_force_is_shown(office: Office, database: Database) -> None:
    """It was saved by a process with another configuration, or of another release."""
    await office.saved()
    unfit = Draft(server="shop", text=PAGE + "freez: 1\n", base=1, by=OTTO)
    await database.write(lambda tx: tx.policies.save(unfit))
    await office.reloader.take_saved()
    shown = read(await office.get("/shop"), models.PolicyOut)
    assert (shown["state"], shown["page"], shown["newest"]) == ("differs", 1, 2)
    assert shown["layers"][1]["text"] == PAGE
    assert shown["problem"].startswith("Version 2 of the policy of shop is saved and not in force: page:shop:12:1:")
