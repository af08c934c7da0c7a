"""A replay as a security engineer wants to read it: what gets looser first, by which rule, and what people must do."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from gateway.policy.recorded import Lost
from gateway.policy.replayed import CHANGES, Group, Replay
from gateway.policy.replaying import Change
from gateway.policy.workload import Load

HEADS = {
    Change.NEWLY_ALLOWED: "Newly allowed: would have run without being asked about or refused",
    Change.NEWLY_ASKED: "Newly asked: people would have had to decide",
    Change.NEWLY_DENIED: "Newly denied: would have been refused",
}
LOST = {
    Lost.NOT_KEPT: "arguments were not kept (recording.arguments)",
    Lost.NOT_OPENED: "arguments were sealed with other keys, or altered",
}
SHOWN = 40
"""So many groups of a change are listed."""


def text(replay: Replay) -> str:
    """The whole of it."""
    return "\n".join([*_head(replay), *_changes(replay), *_work(replay), "", "Assumed", *_assumed(replay)])


def _head(replay: Replay) -> Iterator[str]:
    yield f"{replay.calls} calls of {replay.server}, {replay.since:%Y-%m-%d %H:%M} to {replay.until:%Y-%m-%d %H:%M} UTC"
    yield f"judged again by policy version {replay.policy_version[:12]}"
    if replay.recorded_from is None:
        yield "Nothing was recorded in that time."
    elif replay.recorded_from.date() != replay.since.date():
        yield f"The first recorded call is of {replay.recorded_from:%Y-%m-%d %H:%M}."
    yield ""
    denied = sum(group.denied_by_people for group in replay.groups if group.change is Change.NEWLY_ALLOWED)
    said = f"  ({denied} of them people had denied)" if denied else ""
    yield f"  newly allowed {replay.count(Change.NEWLY_ALLOWED):>8}{said}"
    yield f"  newly asked   {replay.count(Change.NEWLY_ASKED):>8}"
    yield f"  newly denied  {replay.count(Change.NEWLY_DENIED):>8}"
    yield f"  unchanged     {replay.count(Change.UNCHANGED):>8}"
    if replay.count(Change.STOPPED):
        yield f"  stopped       {replay.count(Change.STOPPED):>8}  (bad arguments or a changed tool, by no rule)"
    if replay.count(Change.CAME_BACK):
        yield f"  came back     {replay.count(Change.CAME_BACK):>8}  (for a request that is counted already)"
    for lost, count in sorted(replay.not_judged.items()):
        yield f"  not judged    {count:>8}  ({LOST[lost]})"


def _changes(replay: Replay) -> Iterator[str]:
    for change in CHANGES:
        groups = [group for group in replay.groups if group.change is change]
        if not groups:
            continue
        yield ""
        yield HEADS[change]
        for group in groups[:SHOWN]:
            yield from _group(group)
        if len(groups) > SHOWN:
            yield f"  and {len(groups) - SHOWN} more kinds (--json has all)"


def _group(group: Group) -> Iterator[str]:
    denied = f", {group.denied_by_people} of them denied by people" if group.denied_by_people else ""
    yield f"  {group.calls:>6}  {group.tool} by {group.agent}{denied}"
    yield f"          was {group.was.value} by {group.was_rule or 'no rule'}"
    yield f"          now {group.now.value} by {group.rule or 'no rule'}"
    for why, examples in groupby(group.examples, key=lambda one: one.why):
        named = ", ".join(f"{one.call} ({one.at:%m-%d %H:%M})" for one in examples)
        yield f"          {why.removesuffix('.')}: {named}"


def _work(replay: Replay) -> Iterator[str]:
    yield ""
    yield "Approvals"
    yield f"  then       {_load(replay.before)}"
    yield f"  predicted  {_load(replay.predicted)}"
    if replay.out_of_reach:
        yield f"  {replay.out_of_reach} of them too few people could approve: look whom the rules ask."
    if not replay.reviewers:
        return
    wide = max(len("reviewer"), *(len(one.reviewer) for one in replay.reviewers))
    yield ""
    yield f"  {'reviewer':<{wide}}  reached/day  busiest days  share/day"
    for one in replay.reviewers:
        yield f"  {one.reviewer:<{wide}}  {one.load.per_day:>11.1f}  {one.load.busy_day:>12}  {one.share_per_day:>9.1f}"


def _load(load: Load) -> str:
    if load.busiest is None:
        return "none"
    day, most = load.busiest
    return (
        f"{load.requests} ({load.per_day:.1f} a day; 95 of 100 days have at most {load.busy_day}; "
        f"most on {day:%Y-%m-%d}: {most})"
    )


def _assumed(replay: Replay) -> list[str]:
    return [f"  - {one}" for one in replay.assumed]
