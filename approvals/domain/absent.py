"""Being away: what an absence may be, and how its moments are written by hand.

Pure. Whose word a delegate's then is, and when not, is in `quorum`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from approvals.domain.model import Person, PersonId, Role
from approvals.domain.quiet import Quiet

LONGEST = timedelta(days=366)
_LENGTH = re.compile(r"([1-9][0-9]{0,3})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
HOW = "write 2h, 3d or 2w, a day (2026-12-01) or a time (2026-12-01T09:00)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """A while in which a person is away. `to` is their delegate: their word counts in place of the absent one's."""

    person: PersonId
    since: datetime
    until: datetime
    to: PersonId | None = None

    def holds(self, now: datetime) -> bool:
        """Are they away?"""
        return self.since <= now < self.until


def moment(text: str, now: datetime, zone: tzinfo = UTC) -> datetime:
    """The moment somebody means: `3d` from now, the beginning of a day, or a time; in their zone, where none is said.

    Raises:
        ValueError: it is none of these.
    """
    length = _LENGTH.fullmatch(text.strip())
    if length is not None:
        return now + timedelta(**{_UNITS[length[2]]: int(length[1])})
    try:
        said = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is no time; {HOW}") from None
    try:
        return (said if said.tzinfo is not None else said.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text!r} is too far away") from None


def available_at(away: Absence | None, hours: Quiet | None, now: datetime) -> datetime:
    """When somebody can be asked about what can wait: now, or when their absence and their quiet hours are over."""
    at = now
    for _ in range(3):
        if away is not None and away.holds(at):
            at = away.until
        at = (hours.ends(at) if hours is not None else None) or at
    return at


def why_not(absence: Absence, *, delegate: Person | None, now: datetime) -> tuple[str, str] | None:
    """What is wrong with an absence that somebody asks for: the field, and why. None: nothing."""
    if absence.until <= max(absence.since, now):
        return "until", "an absence ends after it begins, and later than now"
    if absence.until - now > LONGEST:
        return "until", "an absence ends within a year"
    if absence.to is None:
        return None
    if absence.to == absence.person:
        return "to", "nobody is their own delegate"
    if delegate is None:
        return "to", f"there is no person {absence.to}"
    if delegate.disabled or Role.REVIEWER not in delegate.roles:
        return "to", f"{absence.to} does not have the role reviewer, or is disabled"
    return None
