"""From the text of a file to a validated pydantic model, with every error at its place.

`read()` picks the strict reader by the file's name. `validate()` runs a model over the tree and
turns each of its errors into a Problem: what was wrong, where, and what was probably meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway.policy.source import MAX_CHARACTERS, Node, Problem, SourceErrors, nearest, pointer, visible
from gateway.policy.source_json import JsonReader
from gateway.policy.source_yaml import YamlReader

M = TypeVar("M", bound=BaseModel)

PASSES = 8
"""How often what does not fit is taken out to look at the rest."""

_KINDS = {
    "string_type": "a text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
}


def read(text: str, file: str) -> Node:
    """The tree of a JSON or YAML text; `file` is the name that problems carry.

    Raises:
        SourceErrors: with everything that is wrong.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    if len(text) > MAX_CHARACTERS:
        raise SourceErrors([Problem(file=file, line=1, column=1, message=f"longer than {MAX_CHARACTERS} characters")])
    reader = JsonReader(text, file) if is_json(text, file) else YamlReader(text, file)
    node = reader.read()
    if reader.problems:
        raise SourceErrors(reader.problems, node)
    if node is None:
        raise SourceErrors([Problem(file=file, line=1, column=1, message="the file is empty")])
    return node


def is_json(text: str, file: str) -> bool:
    """JSON by its name; a file named otherwise is YAML, of which our JSON is nearly a part."""
    if file.endswith((".yaml", ".yml")):
        return False
    return file.endswith(".json") or text.lstrip()[:1] == "{"


def validate(
    model: type[M], node: Node, file: str, fallback: Mapping[str, Any] = MappingProxyType({})
) -> tuple[M | None, list[Problem]]:
    """The model filled from the tree, and everything in the tree that does not fit it.

    With problems the model holds what is left without the parts that do not fit (None if nothing usable is):
    good for finding what else is wrong, for nothing else. `fallback` stands in for keys that must be there.
    """
    plain = node.plain()
    problems: list[Problem] | None = None
    for _ in range(PASSES):
        try:
            return model.model_validate(plain), problems or []
        except ValidationError as err:
            details = err.errors(include_url=False)
            if problems is None:
                problems = [_problem(model, node, file, detail) for detail in details]
            cut = [_cut_out(plain, detail) for detail in details]
            if not all(cut) and not isinstance(plain, dict):
                break
            plain = {**fallback, **plain}
    return None, problems or []


def _cut_out(plain: Any, detail: ErrorDetails) -> bool:
    """Take the part that does not fit out of its mapping; a list goes as a whole, so that no index moves."""
    path = list(detail["loc"])
    if detail["type"] == "missing":
        path.pop()
    while path and isinstance(path[-1], int):
        path.pop()
    for part in path[:-1]:
        known = (isinstance(plain, dict) and part in plain) or (isinstance(plain, list) and isinstance(part, int))
        if not known:
            return True
        plain = plain[part]
    if not path or not isinstance(plain, dict):
        return False
    plain.pop(path[-1], None)
    return True


def _problem(model: type[BaseModel], node: Node, file: str, detail: ErrorDetails) -> Problem:
    path = tuple(detail["loc"])
    kind, hint = detail["type"], None
    line, column = node.find(path)
    if kind == "extra_forbidden":
        known = fields_at(model, path[:-1])
        message = f"unknown key {visible(str(path[-1]))}"
        hint = nearest(str(path[-1]), known) or ("known here: " + ", ".join(sorted(known)) if known else None)
        line, column = node.find_key(path)
    elif kind == "missing":
        message = f"{str(path[-1])!r} is missing"
    elif kind in _KINDS:
        message = f"{_KINDS[kind]} is expected here, not {describe(detail['input'])}"
        if kind == "string_type" and isinstance(detail["input"], int | Decimal):
            hint = "put it in quotes"
    else:
        message = _sentence(detail)
        if kind in {"enum", "literal_error"} and isinstance(detail["input"], str):
            hint = nearest(detail["input"], _choices(detail))
    return Problem(file=file, line=line, column=column, pointer=pointer(path), message=message, hint=hint)


def _sentence(detail: ErrorDetails) -> str:
    if detail["type"] in {"enum", "literal_error"}:
        choices = _choices(detail)
        if isinstance(detail["input"], int | Decimal) and str(detail["input"]) in choices:
            return f'put it in quotes: "{detail["input"]}"'
        return f"{describe(detail['input'])} is not {'one of ' if len(choices) > 1 else ''}{', '.join(choices)}"
    text = detail["msg"].removeprefix("Value error, ")
    return text[:1].lower() + text[1:]


def _choices(detail: ErrorDetails) -> list[str]:
    expected = str(detail.get("ctx", {}).get("expected", ""))
    return [word.strip().strip("'") for part in expected.split(",") for word in part.split(" or ") if word.strip()]


def describe(value: Any) -> str:
    """A value of a file in a message: short, and on one line."""
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list | tuple) else str(value)


def fields_at(model: type[BaseModel], path: Iterable[str | int]) -> list[str]:
    """The keys that a model knows at `path`; nothing where it has no fixed keys."""
    current: Any = model
    for part in path:
        if isinstance(current, type) and issubclass(current, BaseModel):
            found = next((f for n, f in current.model_fields.items() if part in (n, f.alias)), None)
            current = _inner(found.annotation) if found else None
        else:
            current = _inner(current, item=True)
    if isinstance(current, type) and issubclass(current, BaseModel):
        return [f.alias or name for name, f in current.model_fields.items()]
    return []


def _inner(annotation: Any, *, item: bool = False) -> Any:
    """What an annotation holds: without `| None`, and with `item` the element of its list or mapping."""
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in {Union, UnionType}:
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        annotation = kinds[0] if len(kinds) == 1 else None
    if not item:
        return annotation
    args = [kind for kind in get_args(annotation) if kind is not Ellipsis]
    return _inner(args[-1]) if args else None
