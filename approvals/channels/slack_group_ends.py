"""What became of the calls of a card that stands for many: in its headline, counted, and call by call. Pure.

The last ones have a paragraph each, as far as there is room: what somebody decided, what was changed, what the server
answered, and a menu to open the call, or to say whether it was as expected. The others are counted.
"""

from __future__ import annotations

from approvals.channels import slack_parts as parts
from approvals.channels.slack_buttons import MORE, Action
from approvals.channels.slack_parts import Json
from approvals.domain.group_card import Group
from approvals.domain.group_ends import GroupEnd
from approvals.domain.model import State

CHARACTERS = 4_000
"""Of all the paragraphs, as they are sent."""
NAME, CHANGED, EXPECTED = 150, 300, 200
MARKS = {
    State.APPROVED: "✓",
    State.EXECUTING: "✓",
    State.SUCCEEDED: "✓",
    State.FAILED: "✕",
    State.DENIED: "✕",
    State.UNKNOWN: "?",
}


def headline(group: Group, tool: str) -> str:
    """The first line, once none waits: `✕ 3 denied · pay`, `– 2 succeeded, 1 expired · pay`."""
    marks = {MARKS.get(state, "–") for state, _, _ in group.ends}
    return f"{marks.pop() if len(marks) == 1 else '–'} {counts(group)} · {tool}"


def counts(group: Group) -> str:
    """How many ended how."""
    return ", ".join(f"{count} {word}" for _, word, count in group.ends)


def ended(group: Group) -> list[Json]:
    """A paragraph for each of the last, the oldest on top, and how many are not shown."""
    shown: list[Json] = []
    room = CHARACTERS
    for end in reversed(group.ended):
        text = _words(end)
        room -= parts.units(parts.escaped(text))
        if room < 0:
            break
        value = f"{end.request_id} {end.binding}"
        shown.insert(0, parts.section(text, block_id=f"ended {end.request_id}", accessory=_menu(end, value)))
    if not group.ended:
        return []
    missing = group.over - len(shown)
    title = parts.rich(parts.line(parts.words("No longer waiting", "bold")), block_id="ended")
    where = parts.link(group.history, "History has them all")
    more = parts.rich(parts.line(parts.words(f"{missing} more ended before: "), where), block_id="ended_more")
    return [title, *([more] if missing else []), *shown]


def _words(end: GroupEnd) -> str:
    said = [f"{parts.cut(end.name, NAME)}: {end.says}"]
    if end.edits:
        said.append(f"Changed by a reviewer: {parts.cut('; '.join(end.edits), CHANGED)}")
    if end.result:
        said.append(end.result)
    if end.asks_expected:
        said.append(f"As expected? {parts.cut(end.expected or 'nobody has said yet', EXPECTED)}")
    return "\n".join(said)


def _menu(end: GroupEnd, value: str) -> Json:
    if not end.asks_expected:
        return parts.button(Action.VIEW, "View", value=value)
    offered = (
        (Action.VIEW, "View full call"),
        (Action.EXPECTED, "As expected"),
        (Action.UNEXPECTED, "Not as expected…"),
    )
    options = [
        {"text": parts.plain(words, parts.LIMITS["option text"]), "value": f"{verb} {value}"} for verb, words in offered
    ]
    return {"type": "overflow", "action_id": MORE, "options": options}
