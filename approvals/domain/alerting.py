"""What channels are told when something is stopped, let run unasked, or back to what it was.

The first line stands alone, because that is what a notification shows; free text comes after it. `url` is the page
where it is ended.
"""

from __future__ import annotations

from approvals.domain import break_glass, stops
from approvals.domain.break_glass import Opening
from approvals.domain.plain import clock_time, spelled, visible
from approvals.domain.schedule import CLOCK
from approvals.domain.stops import Freeze


def frozen(freeze: Freeze, *, ended: int, url: str) -> str:
    """A freeze began, which cancelled `ended` approved calls."""
    gone = f"\nCancelled because of it: {ended} approved calls that had not run." if ended else ""
    return (
        f"FROZEN: {stops.named(freeze.scope)}, by {freeze.by}, until {clock_time(freeze.until)}.\n"
        f"Reason: {visible(freeze.reason)}{gone}\n"
        f"What waits can be denied, and not be approved until it is over. {url}"
    )


def thawed(freeze: Freeze, *, url: str) -> str:
    """A freeze is over."""
    by = "its time is over" if freeze.ended_by == CLOCK else f"ended by {freeze.ended_by}"
    what = stops.named(freeze.scope)
    return f"No longer frozen: {what} ({by}).\n{freeze.by} had frozen it: {visible(freeze.reason)}\n{url}"


def asked(opening: Opening, *, url: str) -> str:
    """Somebody wants break-glass opened, and a second person is needed."""
    until = clock_time(opening.confirm_until or opening.at)
    return (
        f"Break-glass asked for: {break_glass.named(opening.scope)}, by {opening.by}, for {spelled(opening.lasts)}.\n"
        f"Reason: {visible(opening.reason)}\n"
        f"It opens when another operator or admin confirms it before {until}. {url}"
    )


def opened(opening: Opening, *, url: str) -> str:
    """Break-glass is open."""
    until = clock_time(opening.until or opening.at)
    return (
        f"BREAK-GLASS IS OPEN: {break_glass.named(opening.scope)}, by {break_glass.who(opening)}, until {until}.\n"
        f"Reason: {visible(opening.reason)}\n"
        f"Calls that need approval run without it. Everything is recorded. {url}"
    )


def closed(opening: Opening, *, url: str) -> str:
    """Break-glass is over, or was never confirmed."""
    what = break_glass.named(opening.scope)
    if opening.opened_at is None:
        why = "nobody confirmed it in time" if opening.ended_by == CLOCK else f"taken back by {opening.ended_by}"
        return f"Break-glass was not opened: {what} ({why}).\n{url}"
    why = "its time is over" if opening.ended_by == CLOCK else f"closed by {opening.ended_by}"
    return f"Break-glass is closed: {what} ({why}).\nOpened by {break_glass.who(opening)}. {url}"
