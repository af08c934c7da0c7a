"""Where the layers of a server's policy come from: files beside the configuration, and the page.

The literal word `page` names one layer that is kept in the database and edited on the page; until a version of it
is saved it denies everything. Every other word is the path of a file; one that is called `page` is written `./page`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from approvals.storage.policies import PolicyVersion
from gateway.policy.loaders import PolicyErrors, load_policy
from gateway.policy.model import Policy
from gateway.policy.source import Node, Problem, pointer
from gateway.settings import FileStamp

PAGE = "page"
PAGE_PREFIX = f"{PAGE}:"
MAX_FILE_BYTES = 4_000_000
_NOTHING = 'version: "1"\ndefault: deny\n'


class Layers:
    """Reads the layers of one configuration; `problems` and `stamps` are what came of it."""

    def __init__(self, node: Node, name: str, folder: Path, saved: Mapping[str, PolicyVersion]) -> None:
        self._node, self._name, self._folder, self._saved = node, name, folder, saved
        self._files: dict[str, Policy | None] = {}
        self.problems: list[Problem] = []
        self.stamps: list[FileStamp] = []

    def of(self, server: str, words: Sequence[str]) -> tuple[Policy, ...]:
        """The layers of one server that can be used, in order."""
        return tuple(policy for policy in self._each(server, words) if policy is not None)

    def number(self, server: str, words: Sequence[str]) -> int | None:
        """The version of its page layer, 0 where none is saved yet; None without one."""
        if PAGE not in words:
            return None
        return self._saved[server].number if server in self._saved else 0

    def _each(self, server: str, words: Sequence[str]) -> Iterator[Policy | None]:
        where = ("servers", server, "policy")
        if words.count(PAGE) > 1:
            self._problem(where, "a server has one page at most; page stands here more than once")
        for word in words:
            yield self._page(server) if word == PAGE else self._file(word, where)

    def _page(self, server: str) -> Policy | None:
        version = self._saved.get(server)
        try:
            return saved_policy(version) if version is not None else nothing_saved(server)
        except PolicyErrors as err:
            self.problems.extend(err.problems)
            return None

    def _file(self, word: str, where: tuple[str, ...]) -> Policy | None:
        if word in self._files:
            return self._files[word]
        self._files[word] = None
        path = self._folder / word
        if not path.is_file():
            self._problem(where, f"there is no policy file {path}")
            return None
        try:
            text, stamp = read_file(path, str(path))
            self.stamps.append(stamp)
            self._files[word] = load_policy(text, str(path))
        except Unreadable as err:
            self.problems.append(err.problem)
        except PolicyErrors as err:
            self.problems.extend(err.problems)
        return self._files[word]

    def _problem(self, where: tuple[str, ...], message: str) -> None:
        line, column = self._node.find(where)
        self.problems.append(
            Problem(file=self._name, line=line, column=column, pointer=pointer(where), message=message)
        )


class Unreadable(Exception):
    """A file cannot be read, or is not text; `problem` says why."""

    def __init__(self, file: str, message: str) -> None:
        self.problem = Problem(file=file, line=1, column=1, message=message)
        super().__init__(message)


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


def saved_policy(version: PolicyVersion) -> Policy:
    """The policy of a version that was saved on the page.

    Raises:
        PolicyErrors: this version of Placet does not take it.
    """
    return load_policy(version.text, page_name(version.server))


def nothing_saved(server: str) -> Policy:
    """What stands in for a page on which nothing was saved yet: everything is denied, and there is no text."""
    return replace(load_policy(_NOTHING, page_name(server)), text="")


def page_name(server: str) -> str:
    """What the page layer of a server is called wherever a file's name would stand."""
    return PAGE_PREFIX + server


def is_page(policy: Policy) -> bool:
    """Is this a layer that is edited on the page?"""
    return policy.name.startswith(PAGE_PREFIX)
