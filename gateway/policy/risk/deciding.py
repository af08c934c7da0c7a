"""Which of the claims on a tool have a say.

What is clear decides over what is loose, and what is taken counts where it makes a tool stricter than its words do.
Three things are believed the other way: a trial that says that nothing comes of it, a query that says that it can only
read, and a light `execute` or `apply` in the description of a tool whose name tells better.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.policy.model import Evidence, RiskClass
from gateway.policy.risk import lexicon as lex
from gateway.policy.risk.claims import Claim
from gateway.policy.risk.parts import Parts
from gateway.policy.risk.taking import ANY_REQUEST, AS_A_QUERY
from gateway.policy.risk.words import base_forms

_EXPLAINS = (
    *lex.TRY,
    "explain",
    "parse",
    "lint",
    "analyze",
    "analyse",
    "compare",
    "suggest",
    "audit",
    "detect",
    "format",
)
_SAID_LIGHTLY = {
    RiskClass.READ: frozenset({"run", "execute"}),
    RiskClass.WRITE: frozenset({"apply", "start", "trigger"}),
}


def decided(parts: Parts) -> tuple[Claim, ...]:
    """The claims that have a say."""
    if (tried := _only_tried(parts)) is not None:
        return (tried,)
    spoken = _spoken(parts)
    fitting = [claim for claim in parts.taken.claims if _counts(claim, parts, spoken)]
    return (*spoken, *fitting, *_asked(parts), *_kept(parts, spoken))


def _only_tried(parts: Parts) -> Claim | None:
    words = parts.told.harmless if parts.named.says(*lex.TRY) else None
    if words is None:
        return None
    evidence = Evidence(where="description", quote=words, says="only tries, and does nothing")
    return Claim(kind=RiskClass.READ, evidence=evidence)


def _spoken(parts: Parts) -> Sequence[Claim]:
    """What name and description say: the clear claims, or the loose ones where none is clear."""
    light = _light_words(parts)
    told = [claim for claim in parts.told.claims if not _is_light(claim, light)]
    spoken = [*parts.named.claims, *told]
    return [claim for claim in spoken if claim.clear] or spoken


def _light_words(parts: Parts) -> frozenset[str]:
    """The verbs that a description uses lightly beside a name that says better what is done."""
    kinds = {claim.kind for claim in parts.named.claims if claim.clear}
    if kinds == {RiskClass.READ} and _of_database(parts) and parts.told.read_only is None:
        return frozenset()
    return _SAID_LIGHTLY.get(next(iter(kinds)), frozenset()) if len(kinds) == 1 else frozenset()


def _is_light(claim: Claim, light: frozenset[str]) -> bool:
    if claim.kind is not RiskClass.EXECUTE or not light:
        return False
    verb, *words = claim.evidence.quote.lower().split()
    return not light.isdisjoint(base_forms(verb)) and ("run" not in light or not lex.ASKING.isdisjoint(words))


def _of_database(parts: Parts) -> bool:
    return not lex.DATABASES.isdisjoint((*parts.words, *parts.told.words))


def _asked(parts: Parts) -> tuple[Claim, ...]:
    """A query in the language of a database may change what it asks, unless it is said to be read-only."""
    asked = parts.taken.called(lex.QUERIES)
    if not parts.named.says("query") or not _of_database(parts) or parts.told.read_only is not None:
        return ()
    if asked is None and lex.DATABASES.isdisjoint(parts.words):
        return ()
    where, quote = ("name", "query") if asked is None else ("parameter", asked.name)
    evidence = Evidence(where=where, quote=quote, says="may change what it asks")
    return (Claim(kind=RiskClass.EXECUTE, evidence=evidence),)


def _kept(parts: Parts, spoken: Sequence[Claim]) -> tuple[Claim, ...]:
    """What is computed from a file makes a file."""
    file = parts.taken.called(lex.FILES) if _reads(spoken) and parts.named.says(*lex.COMPUTE) else None
    if file is None:
        return ()
    evidence = Evidence(where="parameter", quote=file.name, says="is made or changed")
    return (Claim(kind=RiskClass.WRITE, evidence=evidence),)


def _reads(spoken: Sequence[Claim]) -> bool:
    return bool(spoken) and all(claim.kind is RiskClass.READ for claim in spoken)


def _counts(claim: Claim, parts: Parts, spoken: Sequence[Claim]) -> bool:
    """Does what a tool takes say something that its words do not already say better?"""
    clearly = _reads(spoken) and any(one.clear for one in spoken)
    if claim.kind is RiskClass.READ:
        return not spoken
    if claim.kind is RiskClass.FINANCIAL:
        if clearly:
            # A money word in the name is not talked away by a description while amounts of money are taken.
            return claim.clear and any(one.kind is RiskClass.FINANCIAL for one in parts.named.claims)
        paid = any(one.kind is RiskClass.FINANCIAL for one in spoken)
        sure = claim.clear or paid or not any(one.clear for one in spoken)
        return sure and not any(one.priced for one in spoken)
    if claim.kind is RiskClass.EXECUTE and claim.evidence.says != ANY_REQUEST:
        return _is_run(claim, parts, spoken, clearly=clearly)
    return True


def _is_run(claim: Claim, parts: Parts, spoken: Sequence[Claim], *, clearly: bool) -> bool:
    """A command or query among the parameters is run, unless the tool explains, checks or keeps it."""
    if parts.named.says(*_EXPLAINS):
        return False
    if any(one.clear and one.kind is not RiskClass.READ for one in spoken):
        return any(one.kind is RiskClass.EXECUTE for one in spoken) or claim.evidence.says == AS_A_QUERY
    return not clearly or (claim.clear and parts.told.read_only is None)
