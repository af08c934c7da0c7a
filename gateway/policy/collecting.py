"""Where the compilers note what is wrong, so that a file is wrong all at once."""

from __future__ import annotations

from gateway.policy.source import Node, Problem, pointer

Path = tuple[str | int, ...]


class Collector:
    """The problems of one file; every part is told by its path in the file."""

    def __init__(self, node: Node, file: str) -> None:
        self.node, self.file = node, file
        self.problems: list[Problem] = []

    def problem(self, path: Path, message: str, hint: str | None = None) -> None:
        """Note what is wrong with the value at `path`."""
        line, column = self.node.find(path)
        self.problems.append(
            Problem(file=self.file, line=line, column=column, pointer=pointer(path), message=message, hint=hint)
        )
