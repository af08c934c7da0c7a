"""When people can be asked, as the configuration says it: quiet hours, time zones, and who is on call.

Hours are checked and read by the same function, so that what is refused is never in force. An on-call file is read
with the configuration and watched like a policy: a changed one is taken as a whole, a bad one keeps what was there.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path

from approvals.domain.quiet import Quiet, quiet
from approvals.domain.rota import Groups, Rota
from gateway.config_file import ConfigFile, GroupFile, PersonFile
from gateway.policy.collecting import Collector
from gateway.policy.collecting import Path as Where
from gateway.policy.source import Problem
from gateway.policy.zones import UnknownZone, zone
from gateway.policy_files import Unreadable, read_file
from gateway.rotas import plan_of
from gateway.settings import FileStamp


def hours_of(said: PersonFile | GroupFile) -> Quiet | None:
    """The quiet hours of a person or a group; None where there are none, or what stands there is wrong."""
    try:
        return quiet(said.quiet, zone(said.tz or "UTC").key) if said.quiet is not None else None
    except (UnknownZone, ValueError):
        return None


def check_when(notes: Collector, shape: ConfigFile) -> None:
    """Quiet hours and zones that are none, and groups that are filled from two sides."""
    for section, rows in (("people", shape.people), ("groups", shape.groups)):
        for name, said in rows.items():
            _check_hours(notes, said, (section, name))
    for name in shape.oncall:
        for key, person in shape.people.items():
            if name in person.groups:
                message = f"the group {name!r} is filled by its on-call file, and nobody is in it otherwise"
                notes.problem(("people", key, "groups", person.groups.index(name)), message)


def _check_hours(notes: Collector, said: PersonFile | GroupFile, path: Where) -> None:
    try:
        zone(said.tz or "UTC")
    except UnknownZone as err:
        notes.problem((*path, "tz"), str(err), err.hint)
    if said.quiet is not None:
        try:
            quiet(said.quiet)
        except ValueError as err:
            notes.problem((*path, "quiet"), str(err))


class Rotas:
    """The on-call files of a configuration, read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.problems: list[Problem] = []
        self.stamps: list[FileStamp] = []

    def groups(self, shape: ConfigFile) -> Groups:
        """What is known of groups; what is wrong with a file is in `problems`."""
        hours = {name: found for name, said in shape.groups.items() if (found := hours_of(said)) is not None}
        on_call = {name: self._rota(self._folder / one.file) for name, one in shape.oncall.items()}
        return Groups(hours=hours, on_call=_known(on_call))

    def _rota(self, path: Path) -> Rota | None:
        name = str(path)
        try:
            text, stamp = read_file(path, name)
        except Unreadable as err:
            self.problems.append(err.problem)
            return None
        self.stamps.append(stamp)
        rota, problems = _calendar(text, name) if path.suffix.lower() == ".ics" else plan_of(text, name)
        self.problems.extend(problems)
        return rota


def _known(rotas: Mapping[str, Rota | None]) -> dict[str, Rota]:
    return {name: rota for name, rota in rotas.items() if rota is not None}


def _calendar(text: str, name: str) -> tuple[Rota | None, list[Problem]]:
    if any(importlib.util.find_spec(each) is None for each in ("icalendar", "recurring_ical_events")):
        message = "calendars need the packages icalendar and recurring-ical-events: pip install 'placet[oncall]'"
        return None, [Problem(file=name, line=1, column=1, message=message)]
    # Of the optional extra `oncall`: imported only where a calendar is configured.
    from gateway.rotas_ical import rota_of

    return rota_of(text, name)
