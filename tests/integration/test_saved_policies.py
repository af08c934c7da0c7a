"""The layer that is edited on the page, in a configuration and in running processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from approvals.bus import bus_for
from approvals.storage.engine import Database
from approvals.storage.policies import Draft, PolicyVersion, digest
from gateway import in_force
from gateway.config import ConfigErrors, load_config
from gateway.policy.evaluate import listing
from gateway.reload import Reloader, known
from gateway.settings import Settings
from tests.fakes.keys import VAULT

SOON_SECONDS = 5
ALLOWS = 'version: "1"\ndefault: deny\ntools: {read: {}}\n'
ASKS = 'version: "1"\ndefault: deny\ntools: {pay: {action: require_approval}}\n'
BASE = 'version: "1"\ndefault: allow\n'
CONFIG = """\
servers:
  shop: {url: http://127.0.0.1:1/mcp, policy: POLICY}
people:
  ada@example.com: {roles: [reviewer], groups: [finance]}
approvals: {reviewers: ["group:finance"]}
"""


def write(folder: Path, policy: str = "[base.yaml, page]") -> Path:
    (folder / "base.yaml").write_text(BASE)
    file = folder / "placet.yaml"
    file.write_text(CONFIG.replace("POLICY", policy))
    return file


async def save(db: Database, text: str, base: int = 0) -> PolicyVersion:
    draft = Draft(server="shop", text=text, base=base, by="ada@example.com")
    saved = await db.write(lambda tx: tx.policies.save(draft))
    assert saved is not None
    return saved


async def loaded(db: Database, file: Path) -> Settings:
    return load_config(file, {}, *await db.read(known))


class Process:
    """A reloader as a service runs it, with what it has put in force."""

    def __init__(self, db: Database, settings: Settings, holder: str = "here") -> None:
        self.applied: list[Settings] = []
        self.changed = asyncio.Event()
        self.reloader = Reloader(settings, env={}, db=db, apply=self._apply, holder=holder)

    async def _apply(self, settings: Settings) -> None:
        self.applied.append(settings)
        self.changed.set()

    @property
    def page(self) -> int | None:
        return self.reloader.settings.servers["shop"].page

    def allows(self, tool: str) -> bool:
        return listing(self.reloader.settings.servers["shop"].policies, tool)


@asynccontextmanager
async def running(db: Database, file: Path, holder: str = "here") -> AsyncIterator[Process]:
    process = Process(db, await loaded(db, file), holder)
    bus = bus_for(db)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(bus.run()), group.create_task(process.reloader.follow(bus))]
        yield process
        for task in tasks:
            task.cancel()


async def test_the_page_denies_everything_until_something_is_saved(database: Database, tmp_path: Path) -> None:
    settings = await loaded(database, write(tmp_path))
    shop = settings.servers["shop"]
    assert ([policy.name for policy in shop.policies][1], shop.page, shop.policies[1].text) == ("page:shop", 0, "")
    assert not listing(shop.policies, "read")
    assert settings.notes == ("server shop: nothing is saved on its page yet, so every tool of it is denied",)
    await save(database, ALLOWS)
    shop = (await loaded(database, tmp_path / "placet.yaml")).servers["shop"]
    assert (shop.page, listing(shop.policies, "read"), listing(shop.policies, "pay")) == (1, True, False)


async def test_a_server_without_the_page_takes_nothing_from_it(database: Database, tmp_path: Path) -> None:
    await save(database, ALLOWS)
    shop = (await loaded(database, write(tmp_path, "base.yaml"))).servers["shop"]
    assert (shop.page, len(shop.policies)) == (None, 1)


async def test_a_file_that_is_called_page_is_written_with_its_folder(database: Database, tmp_path: Path) -> None:
    (tmp_path / "page").write_text(ALLOWS)
    shop = (await loaded(database, write(tmp_path, "./page"))).servers["shop"]
    assert (shop.page, [policy.name for policy in shop.policies]) == (None, [str(tmp_path / "page")])


@pytest.mark.parametrize(
    ("policy", "text", "said"),
    [
        pytest.param("[page, page]", ALLOWS, "placet.yaml:2:47: a server has one page at most", id="the page twice"),
        pytest.param(
            "page", ALLOWS + "freez: 1\n", "page:shop:4:1: unknown key 'freez'", id="a page that is no policy"
        ),
        pytest.param("page", ASKS + "# x\n", "", id="a page that is one"),
        pytest.param(
            "page",
            ASKS.replace("_approval}", '_approval, approval: {reviewers: ["group:finanse"]}}'),
            "page:shop:3:23: nobody is in a group 'finanse'; did you mean 'finance'?",
            id="a page that asks nobody",
        ),
    ],
)
async def test_what_is_wrong_with_a_saved_page_is_told_like_of_a_file(
    sqlite_url: str, tmp_path: Path, policy: str, text: str, said: str
) -> None:
    async with Database.opened(sqlite_url, VAULT) as db:
        await save(db, text)
        file = write(tmp_path, policy)
        if not said:
            assert (await loaded(db, file)).servers["shop"].page == 1
            return
        with pytest.raises(ConfigErrors) as caught:
            await loaded(db, file)
    assert said in str(caught.value)


async def test_every_process_takes_a_version_that_one_of_them_saved(database_url: str, tmp_path: Path) -> None:
    file = write(tmp_path)
    async with (
        Database.opened(database_url, VAULT) as one,
        Database.opened(database_url, VAULT) as other,
        running(one, file, "one") as first,
        running(other, file, "other") as second,
    ):
        assert not first.allows("read")
        await save(one, ALLOWS)
        async with asyncio.timeout(SOON_SECONDS):
            await first.changed.wait()
            await second.changed.wait()
        assert [(process.page, process.allows("read")) for process in (first, second)] == [(1, True)] * 2


async def test_a_saved_version_does_not_wait_for_a_bad_file_to_be_mended(database: Database, tmp_path: Path) -> None:
    process = Process(database, await loaded(database, write(tmp_path)))
    (tmp_path / "base.yaml").write_text("version: nonsense\n")
    assert not await process.reloader.reload()
    await save(database, ALLOWS)
    await process.reloader.take_saved()
    assert (process.page, process.allows("read")) == (1, True)
    assert process.reloader.difference is not None


async def test_a_saved_version_that_cannot_be_taken_leaves_the_one_before_in_force(
    database: Database, tmp_path: Path
) -> None:
    await save(database, ALLOWS)
    process = Process(database, await loaded(database, write(tmp_path)))
    await save(database, "default: deny\n", base=1)
    await process.reloader.take_saved()
    assert (process.page, process.allows("read"), process.applied) == (1, True, [])
    (why,) = process.reloader.not_taken.values()
    assert why.startswith("Version 2 of the policy of shop is saved and not in force: page:shop:1:1: 'version' is miss")
    await save(database, ALLOWS, base=2)
    await process.reloader.take_saved()
    assert (process.page, process.reloader.not_taken) == (3, {})


async def test_a_bad_file_is_told_with_both_hashes_until_it_is_mended(database: Database, tmp_path: Path) -> None:
    process = Process(database, await loaded(database, write(tmp_path)))
    bad = "version: nonsense\n"
    (tmp_path / "base.yaml").write_text(bad)
    assert not await process.reloader.reload()
    (differing,) = process.reloader.differing
    name = str(tmp_path / "base.yaml")
    assert (differing.layer, differing.in_force, differing.on_disk) == (name, digest(BASE), digest(bad))
    assert str(differing) == (
        f"{name} on disk ({digest(bad)[:12]}) is not the policy in force for shop ({digest(BASE)[:12]})."
    )
    (row,) = await database.read(lambda tx: tx.replicas.in_force(tx.now))
    heard = in_force.heard(row)
    assert (heard.holder, heard.difference) == ("here", process.reloader.difference)
    assert [(one.layer, one.differs, one.page) for one in heard.standings] == [
        (name, True, None),
        ("page:shop", False, 0),
    ]
    (tmp_path / "base.yaml").write_text(BASE)
    assert await process.reloader.reload()
    assert process.reloader.differing == ()
    (row,) = await database.read(lambda tx: tx.replicas.in_force(tx.now))
    assert [one.differs for one in in_force.heard(row).standings] == [False, False]


async def test_a_change_in_the_moment_of_reading_is_noticed_later(tmp_path: Path) -> None:
    """The mark of a file is of what was read, whatever stands there by the time the loading ends."""
    settings = load_config(write(tmp_path), {})
    marks = {stamp.path.name: stamp.sha256 for stamp in settings.files}
    assert marks["base.yaml"] == digest(BASE)
