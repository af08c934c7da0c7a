"""The things in a workspace: people, channels, messages, views, files, triggers.

Mutable records that only the look-alike's own modules write; tests and the page read them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class User:
    """A person, or a bot."""

    id: str
    name: str
    real_name: str
    team_id: str
    email: str | None = None
    is_bot: bool = False
    is_admin: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_stranger: bool = False
    deleted: bool = False
    tz: str = "Etc/UTC"
    dnd: tuple[int, int] | None = None


@dataclass(slots=True, kw_only=True)
class Channel:
    """A channel, or a direct message between the app and one person."""

    id: str
    name: str
    members: set[str] = field(default_factory=set)
    is_private: bool = False
    is_archived: bool = False
    is_ext_shared: bool = False
    is_im: bool = False


@dataclass(slots=True, kw_only=True)
class Message:
    """A message as it stands now, with what it was before each update."""

    channel: str
    ts: str
    user: str
    text: str
    blocks: list[Json] = field(default_factory=list)
    thread_ts: str | None = None
    by_app: bool = True
    edited_ts: str | None = None
    file_ids: list[str] = field(default_factory=list)
    state: Json = field(default_factory=dict)
    history: list[Json] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Ephemeral:
    """A message only one person sees."""

    channel: str
    ts: str
    user: str
    text: str
    blocks: list[Json] = field(default_factory=list)
    thread_ts: str | None = None


@dataclass(slots=True, kw_only=True)
class View:
    """A modal somebody has open, or somebody's Home tab."""

    id: str
    user: str
    body: Json
    hash: str
    root_id: str
    previous_id: str | None = None
    state: Json = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def type(self) -> str:
        """`modal` or `home`."""
        return str(self.body["type"])


@dataclass(slots=True, kw_only=True)
class Trigger:
    """The right to open one modal, for three seconds."""

    id: str
    user: str
    issued_at: float
    view_id: str | None = None
    exchanged: bool = False


@dataclass(slots=True, kw_only=True)
class ResponseUrl:
    """Where an app may answer one interaction, five times within half an hour."""

    key: str
    user: str
    channel: str
    issued_at: float
    message_ts: str | None = None
    is_ephemeral: bool = False
    uses: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A warning one person was shown, such as that the app did not respond."""

    user: str
    text: str
    at: float


@dataclass(slots=True, kw_only=True)
class File:
    """An uploaded file; `shared` once the upload was completed."""

    id: str
    name: str
    length: int
    ticket: str
    title: str = ""
    content: bytes = b""
    shared: bool = False


@dataclass(slots=True, kw_only=True)
class UserGroup:
    """A user group and who is in it."""

    id: str
    handle: str
    users: list[str] = field(default_factory=list)


class ApiError(Exception):
    """An `ok: false` answer; `extra` is added to it."""

    def __init__(self, error: str, **extra: Any) -> None:
        self.error, self.extra = error, extra
        super().__init__(error)
