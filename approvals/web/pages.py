"""The static side: pages, styles, modules and fonts, out of memory, with ETags.

Pages carry no data, so they are open to all and never cached; what they show comes from the API. A file
under `/static/` is revalidated by its ETag, and kept for a year when its address names its hash
(`?v=…`). Nothing is looked up on the disk by a name from outside: a name is in the index, or it is 404.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from aiohttp import web

from approvals.access import Access, access

STATIC = Path(__file__).parent / "static"
_FONT_PACKAGES = ("fontpkg_ibm_plex_sans", "fontpkg_ibm_plex_mono", "fontpkg_ibm_plex_sans_condensed")
_SHELL = "index.html"
_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
    ".json": "application/json",
    ".txt": "text/plain",
    ".ttf": "font/ttf",
    ".woff2": "font/woff2",
}
_TEXT = frozenset({".html", ".js", ".css", ".svg", ".webmanifest", ".json", ".txt"})
_HASH_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file in memory. `digest` is its SHA-256, `packed` its gzip."""

    body: bytes
    packed: bytes
    digest: str
    content_type: str
    charset: str | None


class Shelf:
    """All files that may be served, by name. Fonts are read at their first use, the rest at start."""

    def __init__(self, root: Path = STATIC) -> None:
        self._assets = {file.relative_to(root).as_posix(): load(file) for file in _files(root)}
        self._fonts: Mapping[str, Path] = {
            file.name: file for package in _FONT_PACKAGES for file in _files(Path(str(files(package) / "files")))
        }

    def page(self, name: str) -> Asset | None:
        """The page of that name if it has a file of its own, else the shell that all pages share."""
        return self._assets.get(f"{name}.html") or self._assets.get(_SHELL)

    def file(self, name: str) -> Asset | None:
        """A file under `/static/`; the pages themselves have their own addresses."""
        return None if name.endswith(".html") else self._assets.get(name)

    async def font(self, name: str) -> Asset | None:
        """A font file, by its name in the package it comes from."""
        key = f"fonts/{name}"
        if key not in self._assets and name in self._fonts:
            self._assets[key] = await asyncio.to_thread(load, self._fonts[name])
        return self._assets.get(key)


SHELF = web.AppKey("placet_web_shelf", Shelf)


def load(file: Path) -> Asset:
    """Read and pack one file."""
    body = file.read_bytes()
    return Asset(
        body=body,
        packed=gzip.compress(body, mtime=0),
        digest=hashlib.sha256(body).hexdigest(),
        content_type=_TYPES[file.suffix],
        charset="utf-8" if file.suffix in _TEXT else None,
    )


@access(Access.OPEN)
async def page(request: web.Request) -> web.StreamResponse:
    """A page of the console: `/history` is `history.html` where there is one, else the shell."""
    name = request.path.strip("/").split("/")[0] or "index"
    found = request.app[SHELF].page(name)
    if found is None:
        raise web.HTTPNotFound
    return _page(found, 200)


@access(Access.OPEN)
async def static_file(request: web.Request) -> web.StreamResponse:
    """A style, module, icon or manifest."""
    return _static(request, request.app[SHELF].file(request.match_info["name"]))


@access(Access.OPEN)
async def worker(request: web.Request) -> web.StreamResponse:
    """The service worker. It stands at the root, because it may only speak for pages beside and below it."""
    found = request.app[SHELF].file("sw.js")
    if found is None:
        raise web.HTTPNotFound
    return _page(found, 200)


@access(Access.OPEN)
async def font_file(request: web.Request) -> web.StreamResponse:
    """A font, from the packages that ship them."""
    return _static(request, await request.app[SHELF].font(request.match_info["name"]))


def missing_page(request: web.Request, error: web.HTTPException) -> web.Response | None:
    """For a browser that asked for a page we do not have: the shell, which says so. None for everything else."""
    wants_page = request.method == "GET" and "text/html" in request.headers.get("Accept", "")
    if error.status != 404 or not wants_page or request.path.startswith(("/api/", "/static/", "/mcp")):
        return None
    found = request.app[SHELF].page("404")
    return _page(found, 404) if found is not None else None


def _page(asset: Asset, status: int) -> web.Response:
    return web.Response(status=status, body=asset.body, content_type=asset.content_type, charset=asset.charset)


def _static(request: web.Request, asset: Asset | None) -> web.Response:
    if asset is None:
        raise web.HTTPNotFound
    packed = "gzip" in request.headers.get("Accept-Encoding", "") and len(asset.packed) < len(asset.body)
    tag = asset.digest + ("-gz" if packed else "")
    headers = {"ETag": f'"{tag}"', "Cache-Control": _caching(request, asset), "Vary": "Accept-Encoding"}
    if any(seen.value in {tag, "*"} for seen in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    if packed:
        headers["Content-Encoding"] = "gzip"
    return web.Response(
        body=asset.packed if packed else asset.body,
        content_type=asset.content_type,
        charset=asset.charset,
        headers=headers,
    )


def _caching(request: web.Request, asset: Asset) -> str:
    named = request.query.get("v", "")
    if len(named) >= _HASH_SHOWN and asset.digest.startswith(named):
        return "public, max-age=31536000, immutable"
    return "no-cache"


def _files(root: Path) -> list[Path]:
    return sorted(file for file in root.rglob("*") if file.is_file() and file.suffix in _TYPES)
