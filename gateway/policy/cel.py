"""CEL, behind the one class that knows its library (the extra `cel`): compiled when a file is loaded.

What the library promises and a policy needs: names that nobody declared are errors of the file, evaluation ends (there
is a budget of iterations, patterns are RE2), nothing is read or called outside, and errors are values. Whatever goes
wrong while an expression is judged is `Unjudged`, and counts against the call.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

VARIABLES: Mapping[str, str] = {
    "args": "MAP",
    "tool": "STRING",
    "server": "STRING",
    "agent": "STRING",
    "owner": "STRING",
    "risk": "STRING",
    "now.hour": "INT",
    "now.minute": "INT",
    "now.weekday": "STRING",
    "now.date": "STRING",
}
"""Every name that an expression may use, with its type."""

_ERROR = re.compile(r"<input>:(\d+):(\d+): (.*)")
_CODE = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")
_UNDECLARED = re.compile(r"undeclared reference to '([^']+)'")


class NotInstalled(Exception):
    """The library of the extra `cel` is not here."""


class WrongExpression(ValueError):
    """A text is no expression that could be judged. `name` is what nobody declared, if that is it."""

    def __init__(self, message: str, name: str | None = None) -> None:
        super().__init__(message)
        self.name = name


class Unjudged(Exception):
    """An expression could not be judged for this call; `str()` says why."""


class Cel:
    """A compiled expression that is true or false."""

    def __init__(self, source: str) -> None:
        """Compile.

        Raises:
            NotInstalled: without the library nothing is compiled.
            WrongExpression: in words for the author of the file.
        """
        library, environment = _environment()
        try:
            self._expression = environment.compile(source)
        except RuntimeError as err:
            raise _wrong(str(err)) from err
        kind = self._expression.return_type()
        if kind not in (library.Type.BOOL, library.Type.DYN):
            raise WrongExpression(f"it is true or false, and not of the type {kind.name().lower()}")

    def holds(self, variables: Mapping[str, Any]) -> bool:
        """Judge it for one call; `variables` are those of `VARIABLES` that are known.

        Raises:
            Unjudged: it came to no answer.
        """
        try:
            result = self._expression.eval(data=dict(variables))
            kind = result.type().name()
            # Only these two kinds are ever taken out: the library miscounts references to null.
            value = result.value() if kind in {"BOOL", "ERROR"} else None
        except (RuntimeError, ValueError, TypeError, OverflowError, MemoryError) as err:
            raise Unjudged(_CODE.sub("", str(err))) from err
        if kind == "ERROR":
            raise Unjudged(_CODE.sub("", str(value)))
        if not isinstance(value, bool):
            raise Unjudged(f"it came to a value of the type {kind.lower()}, not to true or false")
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """A CEL expression. `names` are the arguments it looks at, None if it may look at any; `zone` is that of `now`.

    `loops`: how many loops over lists it has.
    """

    pointer: str
    text: str
    names: frozenset[str] | None
    loops: int
    zone: ZoneInfo
    program: Cel = field(compare=False, repr=False)


@cache
def _environment() -> tuple[Any, Any]:
    try:
        from cel_expr_python import cel
    except ImportError as err:
        raise NotInstalled from err
    kinds = {"MAP": cel.Type.Map(cel.Type.STRING, cel.Type.DYN), "STRING": cel.Type.STRING, "INT": cel.Type.INT}
    return cel, cel.NewEnv(variables={name: kinds[kind] for name, kind in VARIABLES.items()})


def _wrong(said: str) -> WrongExpression:
    """The library's words without its drawing, and the place in the expression."""
    found = _ERROR.search(said)
    if found is None:
        return WrongExpression(_CODE.sub("", said.splitlines()[0] if said else "it cannot be read"))
    line, column, message = found.groups()
    place = f"character {column}" if line == "1" else f"line {line}, character {column}"
    unknown = _UNDECLARED.search(message)
    if unknown is not None:
        return WrongExpression(f"at {place}: there is no {unknown.group(1)!r}", unknown.group(1))
    return WrongExpression(f"at {place}: {_CODE.sub('', message)}")
