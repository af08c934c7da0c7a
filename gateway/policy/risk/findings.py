"""What does not fit together: hints against words, a name against a description, names against each other.

A finding is for a person to look at; none changes a class. Texts that speak to the model instead of about the tool are
found by what such texts do: hide characters, give orders, ask for secrecy, or tell what to do before any other tool.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.policy.lookalikes import skeleton
from gateway.policy.model import Risk, RiskClass
from gateway.policy.risk.claims import ORDER
from gateway.policy.risk.parts import Parts
from gateway.policy.texts import hides_something, shown

_ORDERS = re.compile(
    r"ignore (?:\w+ ){0,3}(?:previous|prior|above|other) \w+|disregard (?:\w+ ){0,3}(?:instructions|rules)"
    r"|(?:do not|don't|never) (?:tell|mention|inform|reveal|show|notify)[^.]{0,30}(?:the )?users?\b"
    r"|without (?:telling|informing|asking) the users?\b|system prompt"
    r"|<\s*/?(?:important|system|instructions?|secret)\s*>"
    r"|before (?:using|calling) (?:this|any)(?: other)? tools?[^.]{0,40}(?:read|call|send|run|include)"
    r"|(?:always|must) (?:call|use|run) this tool (?:first|before)|you are now\b|<!--",
    re.IGNORECASE,
)
_JOINED_PICTURES = re.compile("(?<=[^\\w\\s])\u200d(?=[^\\w\\s])")
MOST_READ = 8_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that does not fit together. `code` is stable, `text` is for people."""

    code: str
    text: str


def findings(definition: Mapping[str, Any], parts: Parts, risk: Risk) -> tuple[Finding, ...]:
    """What does not fit together in one definition."""
    return (
        *_of_hints(parts, risk),
        *_of_words(parts, risk),
        *_of_texts(definition),
        *_of_schema(definition, parts, risk),
    )


def _of_hints(parts: Parts, risk: Risk) -> Iterator[Finding]:
    read_only, destroys = parts.hints.get("readOnlyHint"), parts.hints.get("destructiveHint")
    if read_only is True and risk.kind is not RiskClass.READ and parts.named.claims:
        text = f"the server says readOnlyHint, and its own words say {risk.kind}"
        yield Finding(code="read_only_hint", text=text)
    if destroys is True and risk.kind is RiskClass.READ:
        yield Finding(code="destructive_hint", text="the server says destructiveHint, and its words only read")
    if destroys is False and risk.kind is RiskClass.DESTRUCTIVE:
        text = "the server says that it destroys nothing, and its own words say it does"
        yield Finding(code="not_destructive_hint", text=text)
    if read_only is True and destroys is True:
        yield Finding(code="hints_disagree", text="the server says readOnlyHint and destructiveHint of the same tool")


def _of_words(parts: Parts, risk: Risk) -> Iterator[Finding]:
    """A name that only reads over a description that does not."""
    named = {claim.kind for claim in parts.named.claims if claim.clear}
    told = [claim for claim in parts.told.claims if claim.clear and claim.kind is not RiskClass.READ]
    if named != {RiskClass.READ} or risk.kind is RiskClass.READ or not told:
        return
    worst = max(told, key=lambda claim: ORDER.index(claim.kind))
    yield Finding(
        code="name_and_description",
        text=f"the name only reads, and the description says {shown(worst.evidence.quote)}",
    )


def _of_texts(definition: Mapping[str, Any]) -> Iterator[Finding]:
    for where, text in _texts(definition):
        if hides_something(_JOINED_PICTURES.sub("", text.replace("\r\n", "\n"))):
            yield Finding(code="hidden_characters", text=f"{where} has characters that nobody sees")
        if (said := _ORDERS.search(text)) is not None:
            yield Finding(code="speaks_to_the_model", text=f"{where} says {shown(said[0])}")


def _texts(definition: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The texts of a definition that a model reads."""
    for where, value in (
        ("the name", definition.get("name")),
        ("the title", definition.get("title")),
        ("the description", definition.get("description")),
    ):
        if isinstance(value, str):
            yield where, value[:MOST_READ]
    schema = definition.get("inputSchema")
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    for name, value in list(properties.items())[:100] if isinstance(properties, Mapping) else ():
        text = value.get("description") if isinstance(value, Mapping) else None
        if isinstance(text, str):
            yield f"the description of {shown(str(name))}", text[:MOST_READ]


def _of_schema(definition: Mapping[str, Any], parts: Parts, risk: Risk) -> Iterator[Finding]:
    if not isinstance(definition.get("inputSchema"), Mapping):
        yield Finding(code="no_schema", text="it has no input schema, so nothing of what it takes can be checked")
    elif parts.taken.open and risk.kind is not RiskClass.READ:
        text = "its input schema names no parameter and forbids none, so it takes whatever an agent makes up"
        yield Finding(code="open_schema", text=text)


def look_alikes(names: Sequence[str]) -> dict[str, tuple[Finding, ...]]:
    """Names within one server that a person or a model could take for each other, by each of them."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(skeleton(name), []).append(name)
    found: dict[str, tuple[Finding, ...]] = {}
    for group in groups.values():
        for name in dict.fromkeys(group):
            others = sorted({other for other in group if other != name})
            told = [f"its name looks like {', '.join(map(shown, others))}"] if others else []
            told += ["the server lists two tools of this name"] if group.count(name) > 1 else []
            if told:
                found[name] = tuple(Finding(code="look_alike", text=text) for text in told)
    return found
