"""The agent's own reason for a call (`justification:`): a field more in a tool's schema, which no server ever sees.

The field is shown where a rule of the tool may ask for it, and taken out of every call that carries it, whatever the
policy says by then: a client may have an older list. Its name is `placet_justification`, with as many underscores
after it as it takes to be no property of the tool's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gateway.policy.entries import named
from gateway.policy.model import Action, Policy, RiskClass
from gateway.policy.risk.overrides import class_seen

FIELD = "placet_justification"
MOST = 1_000
"""So many characters at most: as many as a card shows."""
OPTIONAL, REQUIRED = "optional", "required"
_ASKS = "A person reads it before deciding; the tool itself never gets it."
_WORDS = {
    OPTIONAL: f"Why you make this call, in your own words, where it may need a person's approval. {_ASKS}",
    REQUIRED: f"Why you make this call, in your own words: without it a call that needs approval is refused. {_ASKS}",
}


def field_of(schema: object) -> str:
    """The name of the field for a tool with this input schema."""
    own = schema.get("properties") if isinstance(schema, Mapping) else None
    name = FIELD
    while isinstance(own, Mapping) and name in own:
        name += "_"
    return name


def asked(policies: Sequence[Policy], tool: str, risk: RiskClass) -> str | None:
    """The most that a rule may ask for of a call of this tool: `optional`, `required`, or nothing."""
    words = {word for layer in policies for word in _words(layer, tool, risk)}
    return next((word for word in (REQUIRED, OPTIONAL) if word in words), None)


def always(policies: Sequence[Policy], tool: str, risk: RiskClass) -> bool:
    """Does every call of this tool need it? Only then is the field among what the schema requires."""
    for layer in policies:
        found = named(layer, tool, class_seen(layer, tool, risk))
        asks = any(entry.action is Action.REQUIRE_APPROVAL and not entry.shadow for entry in found.entries)
        if asks and found.route.justification == REQUIRED:
            return True
    return False


def with_field(listing: Mapping[str, Any], word: str, *, required: bool) -> dict[str, Any]:
    """A tool as it is listed, with the field in its input schema."""
    schema = listing.get("inputSchema")
    schema = dict(schema) if isinstance(schema, Mapping) else {"type": "object"}
    name, properties = field_of(schema), schema.get("properties")
    field = {"type": "string", "maxLength": MOST, "description": _WORDS[word]}
    schema["properties"] = {**(properties if isinstance(properties, Mapping) else {}), name: field}
    if required:
        needs = schema.get("required")
        schema["required"] = [*(needs if isinstance(needs, list) else []), name]
    return {**listing, "inputSchema": schema}


def wrong(said: object, word: str) -> str | None:
    """Why what an agent gave (None: nothing) will not do, where a rule asks for it, or None."""
    if said is None:
        if word != REQUIRED:
            return None
        return "say why you make this call: the rule that has people decide it wants your reason, in your own words"
    if not isinstance(said, str) or not said.strip():
        return "it is a text of your own words"
    return None if len(said) <= MOST else f"at most {MOST} characters, this has {len(said)}"


def _words(layer: Policy, tool: str, risk: RiskClass) -> Iterator[str | None]:
    found = named(layer, tool, class_seen(layer, tool, risk))
    rules = [rule for entry in found.entries if not entry.shadow for rule in entry.approve_if]
    for block in (found.route, *(rule.approval for rule in rules)):
        yield block.justification if block is not None else None
