"""What a tool takes, by its input schema: the names of its parameters, and the words a parameter may have.

What is taken can make a tool stricter than its name, never milder: `amount` and `currency` move money, `command` runs
something, and an `action` that may be `delete` deletes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from gateway.policy.model import Evidence, RiskClass
from gateway.policy.risk import lexicon as lex
from gateway.policy.risk.claims import Claim
from gateway.policy.risk.deeds import UNDONE, deed, sense, undoes
from gateway.policy.risk.words import of_name, singular

ANY_REQUEST = "with an address or path: any request can be made"
AS_A_QUERY = "is run as a query"
TO_A_PROCESS = "goes to a running process"
MOST, MOST_CHOICES = 100, 200
"""So many parameters, and so many words of one, are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter: its name, the words of it, and the texts it may be, where the schema says."""

    name: str
    words: tuple[str, ...]
    choices: tuple[str, ...] = ()

    def has(self, words: frozenset[str]) -> bool:
        """Is one of these a word of its name?"""
        return not words.isdisjoint(self.words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The parameters of a tool. `open`: the schema names none and lets any pass."""

    parameters: tuple[Parameter, ...] = ()
    open: bool = False
    claims: tuple[Claim, ...] = field(default=())

    def called(self, words: frozenset[str]) -> Parameter | None:
        """The first parameter whose name ends with one of these words."""
        return next((one for one in self.parameters if one.words and one.words[-1] in words), None)

    @property
    def descriptive(self) -> bool:
        """Does it take nothing but ids, names, notes and tags?"""
        told = [one for one in self.parameters if one.words and one.words[-1] not in {"id", "ids"}]
        return bool(told) and all(one.words[-1] in lex.DESCRIPTIVE for one in told)


def read_schema(schema: object) -> Taken:
    """What an input schema says."""
    if not isinstance(schema, Mapping):
        return Taken(open=True)
    named = schema.get("properties")
    properties = named if isinstance(named, Mapping) else {}
    parameters = tuple(_parameter(str(name), value) for name, value in list(properties.items())[:MOST])
    is_open = not parameters and schema.get("additionalProperties") is not False
    return Taken(parameters=parameters, open=is_open, claims=tuple(_claims(parameters)))


def _parameter(name: str, schema: object) -> Parameter:
    words = tuple(word.low for word in of_name(name))
    choices = tuple(islice(_choices(schema), MOST_CHOICES))
    return Parameter(name=name, words=words, choices=choices)


def _choices(schema: object, *, inside: bool = True) -> Iterator[str]:
    """The texts a value may be: its own choices, those of its elements, and those of its variants."""
    if not isinstance(schema, Mapping):
        return
    for found in (schema.get("enum"), [schema.get("const")]):
        yield from (one for one in found if isinstance(one, str)) if isinstance(found, list) else ()
    if not inside:
        return
    yield from _choices(schema.get("items"), inside=False)
    for key in ("anyOf", "oneOf"):
        variants = schema.get(key)
        for variant in variants[:MOST_CHOICES] if isinstance(variants, list) else ():
            yield from _choices(variant, inside=False)


def _claims(parameters: tuple[Parameter, ...]) -> Iterator[Claim]:
    for one in parameters:
        if one.words and one.words[-1] in lex.OPERATIONS | {"type"}:
            yield from _of_choices(one)
        if {choice.lower() for choice in one.choices} >= {"buy", "sell"}:
            yield _claim(one, RiskClass.FINANCIAL, "buys or sells")
        if one.words and one.words[-1] in lex.RUN_PARAMETERS and one.words[0] != "sub":
            # `code` is a country or a voucher as often as a program.
            yield _claim(one, RiskClass.EXECUTE, "is run", clear=one.words[-1] != "code")
        if one.words and one.words[-1] in lex.SQL_PARAMETERS:
            yield _claim(one, RiskClass.EXECUTE, AS_A_QUERY)
    heard = {one.words[-1]: one for one in parameters if one.words}
    if heard.keys() & {"input", "stdin"} and heard.keys() & {"pid", "process"}:
        yield _claim(heard.get("input") or heard["stdin"], RiskClass.EXECUTE, TO_A_PROCESS)
    yield from _of_money(parameters)
    yield from _of_any_request(parameters)


def _of_choices(one: Parameter) -> Iterator[Claim]:
    """An action that may be `delete` deletes, whatever the tool is called."""
    all_words = [(choice, of_name(choice)) for choice in one.choices]
    firsts = {words[0].low for _, words in all_words if words}
    for choice, words in all_words:
        verb = sense(words[0].low) if words else None
        if verb is None or verb.loose or (one.words[-1] == "type" and verb.kind is not RiskClass.DESTRUCTIVE):
            continue
        done = UNDONE if undoes(firsts, verb.verb) else deed(verb, [word.low for word in words[1:]])
        evidence = Evidence(where="parameter", quote=f"{one.name}: {choice}", says=done.says)
        yield Claim(kind=done.kind, evidence=evidence, priced=done.priced, choice=(one.name, choice))


def _of_money(parameters: tuple[Parameter, ...]) -> Iterator[Claim]:
    amount = next((one for one in parameters if one.has(lex.AMOUNTS) and not one.has(frozenset({"unit"}))), None)
    if amount is None:
        return
    others = [one for one in parameters if one is not amount and (one.has(lex.MONEY_PARAMETERS) or _pays(one))]
    yield _claim(amount, RiskClass.FINANCIAL, "is an amount of money" if others else "may be money", clear=bool(others))
    for one in others[:2]:
        yield _claim(one, RiskClass.FINANCIAL, "goes with an amount")


def _pays(one: Parameter) -> bool:
    return {singular(word) for word in one.words} & {"asset", "recipient", "payment", "token", "address"} != set()


def _of_any_request(parameters: tuple[Parameter, ...]) -> Iterator[Claim]:
    """A method and a path or address: whatever the API can do, this can."""
    method = next((one for one in parameters if one.name.lower() in {"method", "http_method", "httpmethod"}), None)
    where = next((one for one in parameters if one.has(lex.ADDRESSES | {"path"})), None)
    if method is None or where is None:
        return
    choices = {choice.upper() for choice in method.choices}
    if not choices or choices & {"POST", "PUT", "PATCH", "DELETE"}:
        yield _claim(method, RiskClass.EXECUTE, ANY_REQUEST)


def _claim(one: Parameter, kind: RiskClass, says: str, *, clear: bool = True) -> Claim:
    return Claim(kind=kind, clear=clear, evidence=Evidence(where="parameter", quote=one.name, says=says))
