"""Policy files read from disk, each with the files it extends: a file and its bases are layers that each narrow.

`extends` names files beside the file that says it. A base is an outer layer, so a file never allows what its base
does not. A base that is missing, or extends what extends it, is a problem at the line that names it. Each file is read
once, however often it is named, and counts once among the layers of a call.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from gateway.policy import trials
from gateway.policy.layers import layered
from gateway.policy.loaders import PolicyErrors, untested
from gateway.policy.model import Policy
from gateway.policy.source import Problem
from gateway.settings import FileStamp

MAX_FILE_BYTES = 4_000_000
DEEPEST = 16
"""How many files may extend each other in a row."""

Trial = Callable[[Sequence[Policy], Policy], tuple[Problem, ...]]
"""What the tests of a policy find wrong with it, among its layers."""


class Unreadable(Exception):
    """A file cannot be read, or is not text; `problem` says why."""

    def __init__(self, file: str, message: str) -> None:
        self.problem = Problem(file=file, line=1, column=1, message=message)
        super().__init__(message)


class PolicyFiles:
    """The policy files of one loading; `problems` and `stamps` are what came of it."""

    def __init__(self, trial: Trial = trials.problems) -> None:
        self._trial = trial
        self._stacks: dict[Path, tuple[Policy, ...]] = {}
        self.problems: list[Problem] = []
        self.stamps: list[FileStamp] = []

    def stack(self, path: Path) -> tuple[Policy, ...]:
        """The layers that a file amounts to: what it extends, the outermost first, then itself.

        None at all where something is wrong with one of them, which is in `problems` then.
        """
        return self._stack(path, ())

    def _stack(self, path: Path, within: tuple[Path, ...]) -> tuple[Policy, ...]:
        real = path.resolve()
        if real not in self._stacks:
            self._stacks[real] = ()
            policy = self._load(path)
            self._stacks[real] = self._with_bases(policy, path, (*within, real)) if policy is not None else ()
        return self._stacks[real]

    def _load(self, path: Path) -> Policy | None:
        try:
            text, stamp = read_file(path, str(path))
            self.stamps.append(stamp)
            return untested(text, str(path))
        except Unreadable as err:
            self.problems.append(err.problem)
        except PolicyErrors as err:
            self.problems.extend(err.problems)
        return None

    def _with_bases(self, policy: Policy, path: Path, within: tuple[Path, ...]) -> tuple[Policy, ...]:
        bases: list[tuple[Policy, ...]] = []
        for rule, word in policy.extends:
            base = path.parent / word
            why = _no_base(base, within)
            if why is not None:
                self.problems.append(_problem(policy, rule, why))
            bases.append(self._stack(base, within) if why is None else ())
        if not all(bases):
            return ()
        stack = layered(*bases, (policy,))
        failing = self._trial(stack, policy)
        self.problems.extend(failing)
        return () if failing else stack


def read_file(path: Path, name: str) -> tuple[str, FileStamp]:
    """The text of a file, and the mark by which a change of it is noticed. `name` is what a problem calls it.

    Raises:
        Unreadable: in words.
    """
    try:
        with path.open("rb") as stream:
            modified = path.stat().st_mtime_ns
            content = stream.read(MAX_FILE_BYTES)
        # The mark is of what was read, not of what stands there a moment later.
        stamp = FileStamp(path=path, sha256=hashlib.sha256(content).hexdigest(), modified_ns=modified)
        return content.decode(), stamp
    except OSError as err:
        raise Unreadable(name, f"cannot read the file: {err.strerror or err}") from err
    except UnicodeDecodeError as err:
        raise Unreadable(name, f"the file is not UTF-8 text (byte {err.start})") from err


def _no_base(base: Path, within: tuple[Path, ...]) -> str | None:
    """Why a file cannot be extended, or None."""
    if base.resolve() in within:
        chain = " extends ".join(path.name for path in (*within[within.index(base.resolve()) :], base))
        return f"a file cannot extend itself: {chain}"
    if not base.is_file():
        return f"there is no policy file {base}"
    if len(within) > DEEPEST:
        return f"more than {DEEPEST} files extend each other in a row"
    return None


def _problem(policy: Policy, rule: str, message: str) -> Problem:
    line, column = policy.place(rule)
    return Problem(file=policy.name, line=line, column=column, pointer=rule, message=message)
