"""CEL expressions as written into expressions that can be judged."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from gateway.policy.cel import VARIABLES, Cel, NotInstalled, When, WrongExpression
from gateway.policy.collecting import Collector, Path
from gateway.policy.source import nearest, pointer
from gateway.policy.when import loops, named


def when(notes: Collector, text: str | None, path: Path, zone: ZoneInfo) -> When | None:
    """The expression of an entry or a rule."""
    if text is None:
        return None
    try:
        program = Cel(text)
    except NotInstalled:
        notes.problem(
            path, "'when' is CEL, which is not installed here", "install the extra: pip install 'placet[cel]'"
        )
        return None
    except WrongExpression as err:
        notes.problem(path, f"'when' cannot be judged: {err}", _meant(err.name) if err.name is not None else None)
        return None
    return When(pointer=pointer(path), text=text, names=named(text), loops=loops(text), zone=zone, program=program)


def _meant(name: str) -> str:
    if name.partition(".")[0] == "counters":
        return "what counters stand at is not known yet when a call is judged; write a limit"
    close = nearest(name, VARIABLES)
    argument = f"an argument is args.{name}"
    return f"{close} {argument}" if close else f"{argument}; known: {', '.join(VARIABLES)}"
