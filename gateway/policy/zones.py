"""Time zones by the names people know them by (Europe/Athens), from the system's data or the package `tzdata`."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from gateway.policy.source import nearest


class UnknownZone(ValueError):
    """No time zone has this name; `hint` is what was probably meant."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name!r} is not a time zone")
        self.hint = nearest(name, _names()) or "write it like Europe/Athens, or UTC"


def zone(name: str) -> ZoneInfo:
    """The time zone of a name, exactly as it is written.

    Raises:
        UnknownZone: there is none.
    """
    try:
        found = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as err:
        raise UnknownZone(name) from err
    # On a disk that does not tell cases apart, and for "Etc/../UTC", a file is found that is not named so.
    if name not in _names():
        raise UnknownZone(name)
    return found


@cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones())


def local(now: datetime, where: ZoneInfo) -> datetime | None:
    """What clocks show there, without its zone; None where the calendar ends."""
    try:
        return now.astimezone(where).replace(tzinfo=None)
    except OverflowError:
        return None
