"""Where the layers of policies come from: files beside the configuration, and the page of a server.

Those of the organisation are over those of every server that has a policy of its own, those of an agent under them.

The literal word `page` names one layer that is kept in the database and edited on the page; until a version of it
is saved it denies everything. Every other word is the path of a file; one that is called `page` is written `./page`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from approvals.storage.policies import PolicyVersion
from gateway.policy.layers import layered
from gateway.policy.loaders import PolicyErrors, load_policy
from gateway.policy.model import Policy
from gateway.policy.source import Node, Problem, pointer
from gateway.policy_files import PolicyFiles
from gateway.settings import FileStamp

PAGE = "page"
MOST_ON_A_PAGE = 200_000
PAGE_PREFIX = f"{PAGE}:"
_NOTHING = 'version: "1"\ndefault: deny\n'


class Layers:
    """Reads the layers of one configuration; `problems` and `stamps` are what came of it."""

    def __init__(self, node: Node, name: str, folder: Path, saved: Mapping[str, PolicyVersion]) -> None:
        self._node, self._name, self._folder, self._saved = node, name, folder, saved
        self._files = PolicyFiles()
        self._problems: list[Problem] = []

    def organisation(self, words: Sequence[str]) -> tuple[Policy, ...]:
        """The layers over every server."""
        return self._narrowing(("policy",), words)

    def server(self, name: str, words: Sequence[str]) -> tuple[Policy, ...]:
        """The layers of one server by itself that can be used, in order."""
        return layered(*self._each(name, words))

    def agent(self, name: str, words: Sequence[str]) -> tuple[Policy, ...]:
        """The layers of one agent."""
        return self._narrowing(("agents", name, "policy"), words)

    @property
    def problems(self) -> list[Problem]:
        """Everything that is wrong with any layer, and with how it is named."""
        return [*self._problems, *self._files.problems]

    @property
    def stamps(self) -> list[FileStamp]:
        """The files that were read."""
        return self._files.stamps

    def number(self, server: str, words: Sequence[str]) -> int | None:
        """The version of its page layer, 0 where none is saved yet; None without one."""
        if PAGE not in words:
            return None
        return self._saved[server].number if server in self._saved else 0

    def _narrowing(self, where: tuple[str, ...], words: Sequence[str]) -> tuple[Policy, ...]:
        if PAGE in words:
            self._problem(where, "page is a layer of a server; write ./page for a file of that name")
        return layered(*(self._file(word, where) for word in words if word != PAGE))

    def _each(self, server: str, words: Sequence[str]) -> Iterator[tuple[Policy, ...]]:
        where = ("servers", server, "policy")
        if words.count(PAGE) > 1:
            self._problem(where, "a server has one page at most; page stands here more than once")
        for word in words:
            yield self._page(server) if word == PAGE else self._file(word, where)

    def _page(self, server: str) -> tuple[Policy, ...]:
        version = self._saved.get(server)
        try:
            return (saved_policy(version) if version is not None else nothing_saved(server),)
        except PolicyErrors as err:
            self._problems.extend(err.problems)
            return ()

    def _file(self, word: str, where: tuple[str, ...]) -> tuple[Policy, ...]:
        path = self._folder / word
        if not path.is_file():
            self._problem(where, f"there is no policy file {path}")
            return ()
        return self._files.stack(path)

    def _problem(self, where: tuple[str, ...], message: str) -> None:
        line, column = self._node.find(where)
        self._problems.append(
            Problem(file=self._name, line=line, column=column, pointer=pointer(where), message=message)
        )


def page_policy(text: str, server: str) -> Policy:
    """The policy of a text on the page of a server.

    Raises:
        PolicyErrors: it is none, or too long, or extends files: a page is beside none.
    """
    if len(text) > MOST_ON_A_PAGE:
        message = f"longer than {MOST_ON_A_PAGE} characters; a policy of that size is a file"
        raise PolicyErrors([Problem(file=page_name(server), line=1, column=1, message=message)])
    policy = load_policy(text, page_name(server))
    problems = []
    for rule, _ in policy.extends:
        line, column = policy.place(rule)
        message = "a policy on the page extends no files; name them in the configuration, beside page"
        problems.append(Problem(file=policy.name, line=line, column=column, pointer=rule, message=message))
    if problems:
        raise PolicyErrors(problems)
    return policy


def saved_policy(version: PolicyVersion) -> Policy:
    """The policy of a version that was saved on the page.

    Raises:
        PolicyErrors: this version of Placet does not take it.
    """
    return page_policy(version.text, version.server)


def nothing_saved(server: str) -> Policy:
    """What stands in for a page on which nothing was saved yet: everything is denied, and there is no text."""
    return replace(load_policy(_NOTHING, page_name(server)), text="")


def page_name(server: str) -> str:
    """What the page layer of a server is called wherever a file's name would stand."""
    return PAGE_PREFIX + server


def is_page(policy: Policy) -> bool:
    """Is this a layer that is edited on the page?"""
    return policy.name.startswith(PAGE_PREFIX)
