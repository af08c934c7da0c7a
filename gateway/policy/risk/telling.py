"""What a description says: the verb its first sentence begins with, the verbs joined to it, and what it warns of.

Examples, responses and advice that follow are not what the tool does, so only the first sentence counts; except where
a later one says outright that it moves money or destroys (`This transfers funds`). What is denied is not done
(`without placing it`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from gateway.policy.model import Evidence, RiskClass
from gateway.policy.risk import lexicon as lex
from gateway.policy.risk.claims import Claim
from gateway.policy.risk.deeds import UNDONE, Deed, Sense, deed, sense_in_text, undoes
from gateway.policy.risk.words import Word, of_text, sentences, singular

_JOINTS = frozenset({"and", "or", "then", ",", "/", "&"})
_READ_ONLY = re.compile(r"\bread[- ]only\b|\bSELECT\b|\bread mode\b", re.IGNORECASE)
_HARMLESS = re.compile(
    r"\b(?:without (?:actually |really )?\w+ing\b[^.;,]{0,40}|dry[- ]run\b"
    r"|(?:does|do|will|is|are) not (?:actually |really )?"
    r"(?:place|send|execut|submit|creat|chang|modif|delet|mov|charg)\w*"
    r"|no (?:funds|money|changes|orders?) (?:are|is|will)\b[^.;,]{0,30})",
    re.IGNORECASE,
)
_ANYTHING = re.compile(
    r"\b(?:prox|execut|run|send|mak|call|perform|evaluat|forward|invok)\w* (?:\w+ )?(?:any|arbitrary) (?:\w+[ -]){0,3}?"
    r"(?:commands?|requests?|code|calls?|scripts?|javascript|python|sql|quer(?:y|ies))\b",
    re.IGNORECASE,
)
_THIS = re.compile(
    r"^\W{0,9}(?:(?:warning|important|note|caution)\W{1,9})?this (?:(?:action|tool|operation|call|will|also) )*(\w.*)",
    re.I,
)
_OBJECTS = 7
ANYTHING = "can be anything the machine runs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A description: its first sentence with the words of it, what it claims, and two things it may add.

    `harmless`: words that say that nothing comes of it, such as `without placing it`. `read_only`: words that say that
    a query can only read.
    """

    first: str = ""
    words: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    harmless: str | None = None
    read_only: str | None = None


def read_description(text: str) -> Told:
    """What a description says."""
    said = sentences(text)
    if not said:
        return Told()
    first, *more = said
    words = of_text(first)
    claims = [*_of_sentence(first, words), *_of_anything(first)]
    for sentence in more:
        claims += _outright(sentence)
    return Told(
        first=first,
        words=tuple(word.low for word in words),
        claims=tuple(claims),
        harmless=_found(_HARMLESS, " ".join(said[:3])),
        read_only=_found(_READ_ONLY, first),
    )


def _found(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    return found[0] if found else None


def _of_anything(sentence: str) -> Iterator[Claim]:
    """`Sends any API request` can do whatever the other side can."""
    if (quote := _found(_ANYTHING, sentence)) is not None:
        yield Claim(kind=RiskClass.EXECUTE, evidence=Evidence(where="description", quote=quote, says=ANYTHING))


def _of_sentence(sentence: str, words: Sequence[Word]) -> Iterator[Claim]:
    start = next((at for at, word in enumerate(words) if word.low not in lex.SKIPPED and word.low.isalpha()), None)
    if start is None:
        return
    first = sense_in_text(words[start].low)
    if first is None or words[start].text.isupper():
        return
    yield _claim(sentence, words, start, first)
    denied = _HARMLESS.search(sentence)
    before = of_text(sentence[: denied.start()]) if denied else words
    for at in range(start + 1, len(before) - 1):
        if before[at].low in _JOINTS and (found := _joined(before, at + 1)) is not None:
            claim = _claim(sentence, before, at + 1, found)
            yield _undone(claim) if undoes((first.verb,), found.verb) else claim


def _undone(claim: Claim) -> Claim:
    return replace(claim, kind=UNDONE.kind, evidence=replace(claim.evidence, says=UNDONE.says))


def _joined(words: Sequence[Word], at: int) -> Sense | None:
    """The verb that follows `and`, `or` or a comma, where one does."""
    word, follows = words[at], words[at + 1].low if at + 1 < len(words) else ""
    if word.text[0].isupper() and words[at - 1].low != "/" and follows not in lex.DETERMINERS:
        return None  # a name, such as the commands of a query language
    found = sense_in_text(word.low)
    if found is None or found.kind is RiskClass.READ:
        return None
    listed = follows in _JOINTS and not found.loose and word.low == found.verb
    return found if follows in lex.DETERMINERS or listed or (not found.loose and follows.isalpha()) else None


def _claim(sentence: str, words: Sequence[Word], place: int, verb: Sense) -> Claim:
    said = _object(words, place)
    objects = [word.low for word in said if word.low not in lex.DETERMINERS]
    done = deed(verb, objects)
    if done.kind is not RiskClass.FINANCIAL:
        done = _light(verb, objects) or done
    quote = sentence[words[place].start : (said[-1] if said else words[place]).end]
    evidence = Evidence(where="description", quote=quote, says=done.says)
    # `Close a position` is a verb, `Trade history` is none, `Transfers funds` is one by what it moves.
    sure = (
        words[place].low != verb.verb or (bool(said) and said[0].low in lex.DETERMINERS) or verb.verb not in lex.NOUNS
    )
    clear = done.clear or (sure and verb.verb not in lex.TRY | lex.COMPUTE | {"take", "capture"})
    return Claim(kind=done.kind, clear=clear, priced=done.priced, evidence=evidence)


def _object(words: Sequence[Word], place: int) -> list[Word]:
    """What a verb is done to: the words up to a preposition or a mark."""
    found: list[Word] = []
    aside = False
    for word in words[place + 1 :]:
        aside = word.low == "(" or (aside and word.low != ")")
        if aside or word.low == ")":
            continue
        if word.low in lex.STOPS or not word.low[0].isalpha() or len(found) == _OBJECTS:
            break
        found.append(word)
    return found


def _light(verb: Sense, objects: Sequence[str]) -> Deed | None:
    """`Performs an image search` searches; `executes a query` does run it."""
    if verb.verb not in lex.LIGHT or verb.kind is RiskClass.EXECUTE:
        return None
    seen = {singular(word) for word in objects} & lex.LOOKED
    return Deed(kind=RiskClass.READ, says="only answers") if seen else None


def _outright(sentence: str) -> Iterator[Claim]:
    """`This sends funds to your partner`, wherever it stands."""
    told = _THIS.match(sentence)
    if told is None:
        return
    tail = told[1]
    words = of_text(tail)
    verb = sense_in_text(words[0].low) if words else None
    if verb is None:
        return
    claim = _claim(tail, words, 0, verb)
    grave = claim.kind is RiskClass.FINANCIAL and not claim.priced
    if grave or (claim.kind is RiskClass.DESTRUCTIVE and not verb.loose):
        yield claim
