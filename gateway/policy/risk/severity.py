"""How bad a misuse would be, once the class is known: by what it reaches, and how much of it.

A read is as bad as what it shows. A loss is as bad as what is lost. Running is as bad as what may be run. Annotations
can raise the severity, and nothing a server says of itself lowers it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from gateway.policy.model import Evidence, RiskClass, Severity
from gateway.policy.risk import lexicon as lex
from gateway.policy.risk.claims import Claim
from gateway.policy.risk.parts import Parts
from gateway.policy.risk.taking import ANY_REQUEST, TO_A_PROCESS
from gateway.policy.risk.telling import ANYTHING
from gateway.policy.risk.words import singular

Found = tuple[Severity, tuple[Evidence, ...]]

_ORDER = list(Severity)
_OPENS, _PRIVATE, _MANY = "shows what opens other things", "shows what somebody owns or is", "reaches many at once"
_ACCESS, _LOST = "changes who may do what", "what was there is lost"
_PHRASES = {("environment", "variables"), ("connection", "string"), ("private", "key"), ("api", "keys")}
_OVERWRITES = re.compile(r"\boverwrit\w*", re.IGNORECASE)


def severity(kind: RiskClass, claims: Sequence[Claim], parts: Parts) -> Found:
    """The severity of a class, with what says so."""
    found: Found
    match kind:
        case RiskClass.READ:
            found = _of_read(parts)
        case RiskClass.WRITE:
            found = _first(_of_write(parts), Severity.HIGH, Severity.MEDIUM)
        case RiskClass.EXECUTE:
            found = _first(_of_execute(claims, parts), Severity.CRITICAL, Severity.HIGH)
        case RiskClass.DESTRUCTIVE:
            found = _of_loss(parts)
        case RiskClass.FINANCIAL:
            words = [claim for claim in claims if claim.evidence.where != "parameter"]
            priced = bool(words) and all(claim.priced for claim in words)
            found = (Severity.HIGH if priced else Severity.CRITICAL, ())
    if parts.hints.get("destructiveHint") is True and kind is not RiskClass.READ:
        says = Evidence(where="annotation", quote="destructiveHint", says="the server itself calls it destructive")
        return max(found[0], Severity.HIGH, key=_ORDER.index), (*found[1], says)
    return found


def _first(evidence: Iterator[Evidence], then: Severity, otherwise: Severity) -> Found:
    said = next(evidence, None)
    return (then, (said,)) if said is not None else (otherwise, ())


def _of_read(parts: Parts) -> Found:
    """Secrets are high; what somebody owns or is, and what reaches out or may ask for anything, is medium."""
    if parts.named.says(*lex.TRY, *lex.COMPUTE, "explain"):
        return Severity.LOW, ()
    if (secret := _secret(parts.words)) is not None:
        return Severity.HIGH, (_named(parts, secret, _OPENS),)
    told = next((pair for pair in pairwise(parts.told.words) if pair in _PHRASES), None)
    if told is not None:
        return Severity.HIGH, (Evidence(where="description", quote=" ".join(told), says=_OPENS),)
    return _first(_of_private(parts), Severity.MEDIUM, Severity.LOW)


def _of_private(parts: Parts) -> Iterator[Evidence]:
    if (word := _private(parts.words)) is not None:
        yield _named(parts, word, _PRIVATE)
    # A name that speaks of something public, or of nothing of anybody's, is not made private by a side remark.
    public = {singular(word) for word in parts.words} & (lex.PUBLIC | lex.PEOPLE | lex.OWNED)
    if not public and (word := _private(parts.told.words[1:])) is not None:
        yield Evidence(where="description", quote=word, says=_PRIVATE)
    for one in parts.taken.parameters:
        if one.words and lex.ADDRESSES.issuperset(one.words):
            yield Evidence(where="parameter", quote=one.name, says="is fetched, wherever it leads")
    asked = parts.taken.called(lex.SQL_PARAMETERS | ({"query"} if parts.told.read_only else frozenset()))
    if asked is not None:
        yield Evidence(where="parameter", quote=asked.name, says="asks for whatever it likes")


def _secret(words: Sequence[str]) -> str | None:
    for at, word in enumerate(words):
        before, last = words[at - 1] if at else "", at == len(words) - 1
        if word in lex.SECRETS or (word == "string" and before == "connection"):
            return word
        if singular(word) in {"key", "token"} and (before in lex.KEYS or (last and word == "token")):
            return word
    return None


def _private(words: Sequence[str]) -> str | None:
    """The first word for something that is somebody's, unless what stands beside it makes it public."""
    for at, word in enumerate(words):
        thing = singular(word)
        after = singular(words[at + 1]) if at + 1 < len(words) else ""
        before = singular(words[at - 1]) if at else ""
        if thing in {"channel", "chat"} and after == "history":
            return word
        mine = thing == "trade" and not {"my", "your", "own"}.isdisjoint(words[:at])
        if (mine or thing in lex.PEOPLE | lex.OWNED) and after not in lex.PUBLIC and before not in lex.PUBLIC:
            return word
    return None


def _of_write(parts: Parts) -> Iterator[Evidence]:
    """Who may do what is high, and so is changing everything at once, or writing over what is there."""
    words = parts.words
    if (access := _access(words)) is not None:
        yield _named(parts, access, _ACCESS)
    if parts.named.says("update", "set", "replace", "modify") and "batch" not in words:
        yield from (_named(parts, word, "changes many at once") for word in words if word in lex.ALL)
    if (over := _OVERWRITES.search(parts.told.first)) is not None:
        yield Evidence(where="description", quote=over[0], says=_LOST)
    yield from (_named(parts, word, _LOST) for word in words if word in {"force", "overwrite"})


def _access(words: Sequence[str]) -> str | None:
    """A word for rights, for what opens things, or for who belongs to something."""
    for word in words:
        thing = singular(word)
        if thing in lex.ACCESS or (thing == "user" and not {"db", "database", "iam"}.isdisjoint(words)):
            return word
        if thing == "member" and "assign" not in words:
            return word
    return None if "listen" in words else _secret(words)


def _of_execute(claims: Sequence[Claim], parts: Parts) -> Iterator[Evidence]:
    """Code and commands can do anything the machine can."""
    yield from (one.evidence for one in claims if one.evidence.says in {ANYTHING, ANY_REQUEST, TO_A_PROCESS})
    run = parts.taken.called(lex.RUN_PARAMETERS)
    if run is None and parts.named.says("evaluate", "eval", "execute", "run"):
        run = parts.taken.called(frozenset({"function"}))
    if run is not None:
        yield Evidence(where="parameter", quote=run.name, says=ANYTHING)
    yield from (_named(parts, word, ANYTHING) for word in parts.words if word in lex.CODE - lex.SQL_PARAMETERS)
    for _, verb in parts.named.verbs:
        if verb.verb in lex.SHELLS:
            yield _named(parts, verb.verb, ANYTHING)
    first = parts.told.first.lower()
    for phrase in ("arbitrary", "shell command", "javascript"):
        if phrase in first:
            yield Evidence(where="description", quote=phrase, says=ANYTHING)


def _of_loss(parts: Parts) -> Found:
    """One small thing, or an end to something, is high; everything else is critical."""
    words, ends = parts.words, parts.named.says(*lex.CANCEL)
    many = next((word for word in words if word in lex.ALL), None)
    if many is None and not ends and "from" not in words:
        many = next((word for word in words if singular(word) not in {word, "status"}), None)
    if many is not None:
        return Severity.CRITICAL, (_named(parts, many, _MANY),)
    said = next((word for word in parts.told.words[:4] if word in lex.ALL - {"entire"}), None)
    if said is not None:
        return Severity.CRITICAL, (Evidence(where="description", quote=said, says=_MANY),)
    if parts.named.says("reset"):
        return Severity.CRITICAL, ()
    if ends:
        return Severity.HIGH, ()
    if "from" in words[1:]:
        return Severity.HIGH, (_named(parts, words[words.index("from") - 1], "is only taken from something"),)
    if parts.named.says("remove") and "from" in parts.told.words:
        return Severity.HIGH, (Evidence(where="description", quote="from", says="is only taken from something"),)
    thing = _object(parts)
    return (Severity.HIGH, (_named(parts, thing, "is one small thing"),)) if thing else (Severity.CRITICAL, ())


def _object(parts: Parts) -> str:
    """The word for one small thing that is lost, if that is all that is."""
    words = parts.words[: parts.words.index("by")] if "by" in parts.words[1:] else parts.words
    verbs = {verb.verb for _, verb in parts.named.verbs}
    last = next((word for word in reversed(words) if word not in verbs), "")
    return last if singular(last) in lex.SMALL else ""


def beside(kind: RiskClass, parts: Parts) -> Iterator[Evidence]:
    """What is taken and worth knowing, though it makes nothing better or worse."""
    if kind is RiskClass.READ:
        return
    for one in parts.taken.parameters:
        if "".join(one.words) in lex.DRY_RUNS:
            yield Evidence(where="parameter", quote=one.name, says="lets it be tried without effect")
        elif kind is RiskClass.WRITE and one.words and one.words[-1] in lex.RECIPIENTS and len(one.words) < 3:
            yield Evidence(where="parameter", quote=one.name, says="reaches whomever it names")


def _named(parts: Parts, word: str, says: str) -> Evidence:
    quote = next((one.text for one in parts.named.words if one.low == word), word)
    return Evidence(where="name", quote=quote, says=says)
