"""The static side: pages, styles, fonts, their caching, and that a name leads nowhere else."""

import gzip
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from approvals.storage.engine import Database
from approvals.web.pages import STATIC, Shelf
from tests.fakes.keys import VAULT
from tests.fakes.web import Answer, Console, serving


@pytest.fixture
async def console(sqlite_url: str) -> AsyncIterator[Console]:
    async with Database.opened(sqlite_url, VAULT) as db, serving(db) as running:
        yield running


@pytest.mark.parametrize("path", ["/", "/login", "/history", "/requests/req_1", "/agents", "/servers", "/people"])
async def test_every_page_is_there_without_a_session_and_is_never_kept(console: Console, path: str) -> None:
    got = await console.get(path)
    assert got.status == 200
    assert got.headers["Content-Type"] == "text/html; charset=utf-8"
    assert got.headers["Cache-Control"] == "no-store"
    assert "<script>" not in got.body.decode(), "no inline script"


async def test_a_page_of_its_own_comes_before_the_shell(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("shell")
    (tmp_path / "login.html").write_text("login")
    shelf = Shelf(tmp_path)
    assert [page.body for name in ("login", "history") if (page := shelf.page(name))] == [b"login", b"shell"]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [("text/html,*/*", "text/html; charset=utf-8"), ("application/json", "application/problem+json; charset=utf-8")],
)
async def test_a_page_that_is_not_there_is_a_404_for_browsers_and_programs_alike(
    console: Console, accept: str, kind: str
) -> None:
    got = await console.get("/nowhere", Accept=accept)
    assert (got.status, got.headers["Content-Type"]) == (404, kind)
    api = await console.get("/api/v1/nowhere", Accept=accept)
    assert (api.status, api.json()["code"]) == (404, "not_found")


async def test_every_static_file_is_served_with_its_type_and_an_etag_that_gives_304(console: Console) -> None:
    files = [one for one in STATIC.rglob("*") if one.is_file() and one.suffix != ".html"]
    assert files
    for file in files:
        path = f"/static/{file.relative_to(STATIC).as_posix()}"
        got = await console.get(path, Accept_Encoding="identity")
        assert (got.status, got.body) == (200, file.read_bytes()), path
        assert got.headers["Cache-Control"] == "no-cache"
        again = await console.get(path, Accept_Encoding="identity", If_None_Match=got.headers["ETag"])
        assert (again.status, again.body) == (304, b"")


async def test_an_address_that_names_the_hash_is_kept_and_one_that_names_another_is_not(console: Console) -> None:
    digest = hashlib.sha256((STATIC / "css/base.css").read_bytes()).hexdigest()

    async def caching(version: str) -> str:
        return (await console.get(f"/static/css/base.css?v={version}")).headers["Cache-Control"]

    assert await caching(digest[:12]) == "public, max-age=31536000, immutable"
    assert await caching(digest) == "public, max-age=31536000, immutable"
    assert await caching(digest[:11]) == "no-cache"
    assert await caching("0" * 12) == "no-cache"


async def test_a_packed_answer_unpacks_to_the_same_and_has_an_etag_of_its_own(console: Console) -> None:
    path = "/static/css/base.css"
    plain, packed = await console.get(path, Accept_Encoding="identity"), await console.get(path, Accept_Encoding="gzip")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert packed.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    "name",
    [
        "IBMPlexSans%5Bwdth%2Cwght%5D.ttf",
        "IBMPlexMono-Regular.ttf",
        "IBMPlexMono-Medium.ttf",
        "IBMPlexSansCondensed-Medium.ttf",
    ],
)
async def test_fonts_come_from_their_packages(console: Console, name: str) -> None:
    got = await console.get(f"/static/fonts/{name}", Accept_Encoding="identity")
    assert (got.status, got.headers["Content-Type"]) == (200, "font/ttf")
    assert got.body[:4] == b"\x00\x01\x00\x00"


async def test_a_head_has_no_body(console: Console) -> None:
    got = await console.send("HEAD", "/static/css/base.css")
    assert (got.status, got.body) == (200, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/static/../parts.py",
        "/static/%2e%2e/parts.py",
        "/static/..%2fparts.py",
        "/static//etc/passwd",
        "/static/index.html",
        "/static/fonts/..%2f..%2f__init__.py",
        "/static/fonts/LICENSE",
        "/static/",
        "/static/css",
        "/static/css/base.css%00",
    ],
)
async def test_a_name_that_is_not_in_the_index_is_not_there(console: Console, path: str) -> None:
    got: Answer = await console.get(path)
    assert got.status == 404
    assert got.headers["Content-Type"].startswith("application/problem+json")
