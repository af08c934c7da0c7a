"""A verb with its object: what it does. The same for names and for sentences.

`create` makes a comment or places an order; `transfer` moves money or a file; `send` sends a message or an invoice.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

from gateway.policy.model import RiskClass
from gateway.policy.risk import lexicon as lex
from gateway.policy.risk.words import base_forms, singular


@dataclass(frozen=True, slots=True, kw_only=True)
class Sense:
    """What a word does when it is a verb. `loose`: it is as often something else."""

    verb: str
    kind: RiskClass
    loose: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """A class, how sure it is, and what the verb did it to."""

    kind: RiskClass
    says: str
    clear: bool = True
    priced: bool = False


_GROUPS: tuple[tuple[frozenset[str], frozenset[str], RiskClass], ...] = (
    (lex.COMPUTE, lex.COMPUTE, RiskClass.READ),
    (lex.READ, lex.LOOSE_READ, RiskClass.READ),
    (lex.LOOSE_WRITE, lex.LOOSE_WRITE, RiskClass.WRITE),
    (lex.WRITE, lex.LOOSE_WRITE, RiskClass.WRITE),
    (lex.LOOSE_EXECUTE, lex.LOOSE_EXECUTE, RiskClass.EXECUTE),
    (lex.LOOSE_PAY, lex.LOOSE_PAY, RiskClass.FINANCIAL),
    (lex.EXECUTE, lex.LOOSE_EXECUTE, RiskClass.EXECUTE),
    (lex.DESTROY, lex.LOOSE_DESTROY, RiskClass.DESTRUCTIVE),
    (lex.PAY, frozenset(), RiskClass.FINANCIAL),
)
_SENSES = {
    word: Sense(verb=word, kind=kind, loose=word in loose) for clear, loose, kind in _GROUPS for word in sorted(clear)
} | {word: Sense(verb=word, kind=RiskClass.WRITE, loose=True) for word in sorted(lex.TRY - lex.READ)}
"""What each verb does; the strictest meaning of several."""
_FUND = lex.MONEY | lex.CASH | {"position", "option"}
_RESETTABLE = frozenset(singular(word) for word in lex.RESETTABLE)


UNDONE = Deed(kind=RiskClass.WRITE, says="puts on and takes off")


def undoes(beside: Collection[str], verb: str) -> bool:
    """Does a verb only take off what one beside it puts on? `add or remove a label` changes a thing back and forth."""
    return verb in lex.TAKES_OFF and not lex.PUTS_ON.isdisjoint(beside)


def sense(word: str) -> Sense | None:
    """What a word in its base form does, if it is a verb we know."""
    return _SENSES.get(word)


def sense_in_text(word: str) -> Sense | None:
    """The same for a word of a sentence, in whatever form: `deletes`, `deleting`."""
    forms = base_forms(word)
    found = next((found for form in forms if (found := sense(form)) is not None), None)
    light = next((form for form in forms if form in lex.LIGHT), None)
    return found or (Sense(verb=light, kind=RiskClass.WRITE, loose=True) if light is not None else None)


def deed(verb: Sense, objects: Sequence[str], *, descriptive: bool = False) -> Deed:
    """What a verb does to its objects, given in order.

    `descriptive`: the tool takes nothing but names, notes and tags.
    """
    things = [singular(word) for word in objects]
    money = _money(verb, things)
    if verb.kind is RiskClass.FINANCIAL and (verb.verb not in lex.IF_MONEY or set(things) & _FUND):
        return _paid(verb, things)
    if verb.verb in lex.COMPUTE:
        return Deed(kind=RiskClass.READ, says="answers from what it is given", clear=False)
    if verb.kind is RiskClass.DESTRUCTIVE:
        if verb.verb in lex.LOOSE_DESTROY and set(things) & _RESETTABLE:
            return Deed(kind=RiskClass.WRITE, says="sets back what is soon made again")
        return Deed(kind=RiskClass.DESTRUCTIVE, says="takes away what does not come back by itself")
    if verb.kind is RiskClass.READ or (verb.verb in {"take", "capture"} and set(things) & lex.SEEN):
        return Deed(kind=RiskClass.READ, says="only answers", clear=not verb.loose)
    if verb.verb == "format" and set(things) & lex.DISKS:
        return Deed(kind=RiskClass.DESTRUCTIVE, says="takes away what does not come back by itself")
    if verb.verb in lex.BINDING and money is not None and not (descriptive and verb.verb in lex.MENDING):
        return money if not verb.loose else Deed(kind=money.kind, says=money.says, clear=False, priced=money.priced)
    if verb.kind is RiskClass.EXECUTE or _runs(verb, things):
        return Deed(kind=RiskClass.EXECUTE, says="runs or starts something", clear=not verb.loose)
    return Deed(kind=RiskClass.WRITE, says="makes or changes something", clear=not verb.loose)


def _paid(verb: Sense, things: Sequence[str]) -> Deed:
    """A money word as a verb, unless it is done to something that is no money."""
    if verb.loose and set(things) & lex.NOT_MONEY and not set(things) & lex.MONEY:
        return Deed(kind=RiskClass.WRITE, says="hands something over")
    return Deed(kind=RiskClass.FINANCIAL, says="moves money or binds to it", clear=not verb.loose)


def _money(verb: Sense, things: Sequence[str]) -> Deed | None:
    """The money in the objects of a verb, if that is what it is done to."""
    pairs = set(pairwise(things))
    if pairs & lex.PRICED_PAIRS:
        return Deed(kind=RiskClass.FINANCIAL, says="sets what will be paid", priced=True)
    if not things or things[-1] in lex.NEUTRAL:
        return None
    before = dict(zip(things[1:], things, strict=False))
    for thing in things:
        if thing in lex.PRICED and verb.verb != "request":
            return Deed(kind=RiskClass.FINANCIAL, says="sets what will be paid", priced=True)
        if thing in lex.MONEY and not _other_sense(thing, before.get(thing, "")):
            return Deed(kind=RiskClass.FINANCIAL, says="moves money or binds to it")
        if thing in lex.COINS and verb.verb in {"send", "mint", "move", "approve"}:
            return Deed(kind=RiskClass.FINANCIAL, says="moves money or binds to it")
        if thing == "position" and ({verb.verb, *things} & lex.POSITION):
            return Deed(kind=RiskClass.FINANCIAL, says="moves money or binds to it")
    return None


def _runs(verb: Sense, things: Sequence[str]) -> bool:
    """Is it done to something that is run by it, whatever the verb?"""
    if not things:
        return False
    return (verb.verb in lex.STARTING and things[-1] in lex.RUNS) or (
        verb.verb == "write" and things[-1] in lex.QUERIES
    )


def _other_sense(thing: str, before: str) -> bool:
    """Is it a money word that means something else after the word before it?"""
    return (
        (thing == "subscription" and before in lex.EVENTS)
        or (thing == "order" and before in lex.OF_SORTING)
        or (thing == "transaction" and before in {"sql", "db", "database"})
    )
