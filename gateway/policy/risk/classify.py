"""A guess at what a tool does, from its name, description and schema: deterministic, with its evidence.

Unknown is never harmless: a tool without evidence is `write`/`medium`. What a server says of itself in
annotations may raise the severity and never lowers class or severity (policy.md 3.5).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from gateway.policy.model import Evidence, Risk, RiskClass, Severity
from gateway.policy.texts import shown

_SPLIT = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_ORDER = list(Severity)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


READ = _words(
    "get list read search find query fetch show describe view count check status info lookup ping history head "
    "browse inspect preview validate test estimate quote explain summary exists tail diff log whoami balance "
    "price ticker depth klines"
)
WRITE = _words(
    "create update write set add edit modify put patch insert save upload send post publish move rename copy assign "
    "invite comment reply enable disable configure register subscribe close open cancel merge push commit mkdir "
    "import sync label archive keepalive start stop restart schedule append replace undo"
)
EXECUTE = _words(
    "exec execute run eval shell bash command script spawn invoke deploy terminal sudo subprocess compile build "
    "launch trigger"
)
DESTROY = _words(
    "delete remove drop destroy purge wipe truncate erase kill terminate revoke rm unlink uninstall reset format "
    "overwrite prune clear flush ban"
)
MONEY_VERBS = _words(
    "pay payment transfer withdraw withdrawal buy sell trade order charge refund purchase payout invest stake unstake "
    "swap deposit redeem invoice tip donate remit wire checkout"
)
MONEY_FIELDS = _words(
    "amount currency price quantity iban wallet recipient_account payment paymentmethod quoteorderqty"
)
RUN_FIELDS = _words("command cmd script code shell sql query_sql")


def classify(definition: Mapping[str, Any]) -> Risk:
    """The risk of a tool by its definition as the server sent it."""
    name = str(definition.get("name", ""))
    words = [word.lower() for word in _SPLIT.findall(name)]
    fields = [str(field).lower().replace("_", "") for field in _properties(definition)]
    kind, evidence = _class_of(words, fields, str(definition.get("description") or ""))
    severity = {
        RiskClass.READ: Severity.LOW,
        RiskClass.WRITE: Severity.MEDIUM,
        RiskClass.EXECUTE: Severity.HIGH,
        RiskClass.DESTRUCTIVE: Severity.CRITICAL,
        RiskClass.FINANCIAL: Severity.CRITICAL,
    }[kind]
    annotations = definition.get("annotations")
    if isinstance(annotations, Mapping) and annotations.get("destructiveHint") is True and kind is not RiskClass.READ:
        severity = max(severity, Severity.HIGH, key=_ORDER.index)
        evidence.append("the server says destructiveHint")
    return Risk(kind=kind, severity=severity, evidence=tuple(Evidence(where="name", says=one) for one in evidence))


def _class_of(words: list[str], fields: list[str], description: str) -> tuple[RiskClass, list[str]]:
    money = [word for word in words if word in MONEY_VERBS]
    reads = [word for word in words if word in READ]
    changes = [word for word in words if word in WRITE | DESTROY | EXECUTE]
    paid = [field for field in fields if field in MONEY_FIELDS]
    # "trade_history" and "get_order" tell of money, "new_order" and "transfer" move it.
    if money and (not reads or ("amount" in fields and "test" not in words)):
        return RiskClass.FINANCIAL, [_in_name(money), *_in_fields(paid)]
    for kind, verbs in ((RiskClass.DESTRUCTIVE, DESTROY), (RiskClass.EXECUTE, EXECUTE)):
        found = [word for word in words if word in verbs]
        if found and not (words[0] in READ and words[-1] in READ):
            return kind, [_in_name(found)]
    if run := [field for field in fields if field in RUN_FIELDS]:
        return RiskClass.EXECUTE, _in_fields(run)
    moved = [field for field in paid if field in {"amount", "quantity", "quoteorderqty"}]
    if moved and not reads:
        return RiskClass.FINANCIAL, _in_fields(paid)
    if reads and not (changes and words.index(changes[0]) < words.index(reads[0])):
        return RiskClass.READ, [_in_name(reads)]
    if changes:
        return RiskClass.WRITE, [_in_name(changes)]
    return _by_description(description)


def _by_description(description: str) -> tuple[RiskClass, list[str]]:
    first = _SPLIT.findall(description)[:1]
    verb = first[0].lower() if first else ""
    quoted = [f"the description begins {shown(description[:60])}"]
    for kind, verbs in (
        (RiskClass.DESTRUCTIVE, DESTROY),
        (RiskClass.EXECUTE, EXECUTE),
        (RiskClass.FINANCIAL, MONEY_VERBS),
        (RiskClass.WRITE, WRITE),
        (RiskClass.READ, READ),
    ):
        if verb in verbs or verb.removesuffix("s") in verbs:
            return kind, quoted
    return RiskClass.WRITE, ["nothing in its name or description says what it does"]


def _properties(definition: Mapping[str, Any]) -> Iterable[str]:
    schema = definition.get("inputSchema")
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    return properties if isinstance(properties, Mapping) else ()


def _in_name(words: list[str]) -> str:
    return "its name says " + ", ".join(dict.fromkeys(words))


def _in_fields(fields: list[str]) -> list[str]:
    return [f"it takes {', '.join(fields)}"] if fields else []
