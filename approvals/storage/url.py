"""From the one line `database:` of the configuration to what the drivers want.

`sqlite:///placet.db` (relative), `sqlite:////var/lib/placet.db` (absolute), `postgresql://user:pass@host/db`;
the drivers are ours to choose. A refusal never repeats the line: it may hold a password.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from approvals.errors import Invalid

CONNECT_SECONDS = 10
"""How long a connection to PostgreSQL may take to open."""
STATEMENT_SECONDS = 30
"""How long one statement may take."""
FORMS = "write sqlite:///placet.db, sqlite:////absolute/path.db or postgresql://user:password@host/database"
SSL_MODES = frozenset({"disable", "allow", "prefer", "require", "verify-ca", "verify-full"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the database is. `path` is set for SQLite, `connect` (arguments of asyncpg) for PostgreSQL."""

    dialect: Literal["sqlite", "postgresql"]
    url: URL
    path: Path | None = None
    connect: Mapping[str, Any] = field(default_factory=dict)


def parse(text: str) -> Address:
    """Read the database line.

    Raises:
        Invalid: it is not one of the two forms, or asks for something we do not support.
    """
    try:
        url = make_url(text)
    except ArgumentError:
        raise Invalid(field="database", why=f"this is not a database address; {FORMS}") from None
    if url.drivername == "sqlite":
        return _sqlite(url)
    if url.drivername == "postgresql":
        return _postgresql(url)
    raise Invalid(field="database", why=f"{url.drivername!r} is not supported; {FORMS}")


def _sqlite(url: URL) -> Address:
    if not url.database or url.database == ":memory:" or url.host or url.query:
        raise Invalid(field="database", why=f"SQLite needs a file and nothing but a file; {FORMS}")
    path = Path(url.database).expanduser().absolute()
    return Address(dialect="sqlite", url=URL.create("sqlite+aiosqlite", database=str(path)), path=path)


def _postgresql(url: URL) -> Address:
    if not url.database:
        raise Invalid(field="database", why=f"the name of the database is missing; {FORMS}")
    query = {name: value if isinstance(value, str) else value[-1] for name, value in url.query.items()}
    unknown = sorted(query.keys() - {"sslmode", "host", "application_name"})
    if unknown:
        why = f"{', '.join(unknown)} is not supported after the question mark; sslmode, host, application_name are"
        raise Invalid(field="database", why=why)
    connect: dict[str, Any] = {
        "host": query.get("host", url.host),
        "port": url.port,
        "user": url.username,
        "password": str(url.password) if url.password is not None else None,
        "database": url.database,
        "timeout": CONNECT_SECONDS,
        "command_timeout": STATEMENT_SECONDS,
        "server_settings": _server_settings(query.get("application_name", "placet")),
    }
    if "sslmode" in query:
        if query["sslmode"] not in SSL_MODES:
            raise Invalid(field="database", why=f"sslmode must be one of {', '.join(sorted(SSL_MODES))}")
        connect["ssl"] = query["sslmode"]
    return Address(dialect="postgresql", url=URL.create("postgresql+asyncpg"), connect=connect)


def _server_settings(application_name: str) -> dict[str, str]:
    return {
        "application_name": application_name,
        "timezone": "UTC",
        "lock_timeout": f"{STATEMENT_SECONDS}s",
        "idle_in_transaction_session_timeout": "60s",
    }


def asyncpg() -> Any:
    """The PostgreSQL driver, which is an extra.

    Raises:
        Invalid: it is not installed.
    """
    try:
        return importlib.import_module("asyncpg")
    except ImportError:
        why = "PostgreSQL needs the extra driver: install placet[postgres]"
        raise Invalid(field="database", why=why) from None
