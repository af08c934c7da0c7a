"""`${env:NAME}`, `${env:NAME:-default}` and `${file:PATH}` in the values of the configuration.

Only the configuration is expanded, never a policy. What is unset or unreadable is an error at the line that
names it; `$$` is a dollar sign. Files are read once, and remembered so that a changed secret reloads too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from gateway.policy.source import Node, Problem, pointer

_REFERENCE = re.compile(r"\$(?:(\$)|\{([^{}]*)\})")
_ENV = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
MAX_SECRET_BYTES = 65_536


class Expanded(str):
    """A text that came, in whole or in part, from a reference; where a number is wanted its digits are one."""

    __slots__ = ()


class Expander:
    """Expands one file; `problems` has what could not be, `files` what was read."""

    def __init__(self, file: str, folder: Path, env: Mapping[str, str]) -> None:
        self._file, self._folder, self._env = file, folder, env
        self.problems: list[Problem] = []
        self.files: list[Path] = []

    def expand(self, node: Node, path: tuple[str | int, ...] = ()) -> None:
        """Expand every text below `node`, in place."""
        if isinstance(node.value, dict):
            for key, child in node.value.items():
                self.expand(child, (*path, key))
        elif isinstance(node.value, list):
            for index, child in enumerate(node.value):
                self.expand(child, (*path, index))
        elif isinstance(node.value, str) and "$" in node.value:
            node.value = self._text(node.value, node, path)

    def _text(self, text: str, node: Node, path: tuple[str | int, ...]) -> str:
        def complain(message: str, hint: str | None = None) -> None:
            self.problems.append(
                Problem(
                    file=self._file,
                    line=node.line,
                    column=node.column,
                    pointer=pointer(path),
                    message=message,
                    hint=hint,
                )
            )

        def value(found: re.Match[str]) -> str:
            return "$" if found[1] else self._reference(found[2], path, complain)

        return Expanded(_REFERENCE.sub(value, text))

    def _reference(self, inner: str, path: tuple[str | int, ...], complain: Callable[..., None]) -> str:
        if found := _ENV.fullmatch(inner):
            return self._variable(found[1], found[2], complain)
        if inner.startswith("file:") and len(inner) > len("file:"):
            if "command" in path:
                complain(
                    "a file's content on a command line can be read by everybody on the machine",
                    "use env: of the server",
                )
            return self._content(inner.removeprefix("file:"), complain)
        hint = f"did you mean ${{env:{inner}}}?" if inner.isidentifier() else "for a dollar sign write $$"
        complain(f"${{{inner}}} is not a reference; write ${{env:NAME}} or ${{file:PATH}}", hint)
        return ""

    def _variable(self, name: str, default: str | None, complain: Callable[..., None]) -> str:
        value = self._env.get(name, "")
        if value:
            return value
        if default is not None:
            return default
        state = "is empty" if name in self._env else "is not set"
        complain(f"the environment variable {name} {state}", f"set it, or write ${{env:{name}:-default}}")
        return ""

    def _content(self, name: str, complain: Callable[..., None]) -> str:
        path = self._folder / name
        try:
            with path.open("rb") as stream:
                content = stream.read(MAX_SECRET_BYTES + 1)
            text = content.decode()
        except OSError as err:
            complain(f"cannot read the file {path}: {err.strerror or err}")
            return ""
        except UnicodeDecodeError:
            complain(f"the file {path} is not UTF-8 text")
            return ""
        self.files.append(path)
        text = text.removesuffix("\n").removesuffix("\r")
        if not text or len(content) > MAX_SECRET_BYTES:
            complain(
                f"the file {path} is empty" if not text else f"the file {path} is longer than {MAX_SECRET_BYTES} bytes"
            )
        return text
