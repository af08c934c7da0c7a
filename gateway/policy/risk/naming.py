"""What the name of a tool says. Which word is the verb depends on its place.

`delete_file` has it in front, `file_delete` at the end, `drive_delete_file` behind the name of the server. What stands
in front decides over what follows (`get_delete_status` only reads), unless it is loose (`order_create` creates).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.policy.model import Evidence, RiskClass
from gateway.policy.risk import lexicon as lex
from gateway.policy.risk.claims import Claim
from gateway.policy.risk.deeds import UNDONE, Sense, deed, sense, undoes
from gateway.policy.risk.words import Word, of_name, singular

_PLURALS = lex.RECORDS | lex.COLLECTED | lex.MONEY | lex.OWNED
_JOINTS = frozenset({"and", "or", "then"})
_DANGERS = tuple(sorted(word for word in lex.DESTROY | lex.EXECUTE | lex.PAY if len(word) >= 5))


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The words of a name, the verbs among them with the places where they stand, and what they claim."""

    words: tuple[Word, ...]
    verbs: tuple[tuple[int, Sense], ...]
    claims: tuple[Claim, ...]

    def says(self, *verbs: str) -> bool:
        """Is one of these its verb?"""
        return any(found.verb in verbs for _, found in self.verbs)


def read_name(name: str, *, descriptive: bool = False) -> Named:
    """What a name says. `descriptive`: the tool takes nothing but names, notes and tags."""
    words = of_name(name)
    verbs = tuple(_verbs(words))
    beside = {verb.verb for _, verb in verbs}
    claims = tuple(
        _undone(name, words, place)
        if undoes(beside, verb.verb)
        else _claim(name, words, place, verb, descriptive=descriptive)
        for place, verb in verbs
    )
    return Named(words=words, verbs=verbs, claims=claims or tuple(_without_verb(words)))


def _verbs(words: Sequence[Word]) -> Iterator[tuple[int, Sense]]:
    senses = [None if at and word.low in lex.FRONT_ONLY else sense(word.low) for at, word in enumerate(words)]
    head = _head(senses)
    if head is None:
        return
    place, found = head
    yield place, found
    for at in range(place + 1, len(words)):
        other = senses[at]
        if other is None:
            continue
        joined = words[at - 1].low in _JOINTS
        last = at == len(words) - 1 and at == place + 1 and not other.loose
        thing = found.kind is RiskClass.READ and other.kind in {RiskClass.FINANCIAL, RiskClass.EXECUTE}
        if joined or (last and not thing):
            yield at, other


def _head(senses: Sequence[Sense | None]) -> tuple[int, Sense] | None:
    """The verb of a name, by its place."""
    if not senses:
        return None
    first, last = senses[0], senses[-1]
    ends = last is not None and not last.loose
    if first is not None and not (ends and _yields(first, last)):
        return 0, first
    known = [(at, found) for at, found in enumerate(senses) if found is not None]
    middle = [(at, found) for at, found in known if 0 < at < len(senses) - 1 and not found.loose]
    changing = [(at, found) for at, found in middle if found.kind is not RiskClass.READ]
    noun = last is not None and last.verb in lex.THINGS_DONE and bool(middle)
    if ends and last is not None and not changing and not noun:
        return len(senses) - 1, last
    for candidates in (changing, middle, known):
        if candidates:
            return candidates[0]
    return None


def _yields(first: Sense, last: Sense | None) -> bool:
    """Is the first word a noun, because the last is the verb? `order_create` is, `mark_as_read` is not."""
    if first.verb in lex.TRY or last is None:
        return False
    return first.verb in lex.NOUNS or (first.loose and last.kind is RiskClass.DESTRUCTIVE)


def _claim(name: str, words: Sequence[Word], place: int, verb: Sense, *, descriptive: bool) -> Claim:
    at_end = place == len(words) - 1 and place > 0
    after = [word.low for word in words[place + 1 :]]
    stop = next((at for at, word in enumerate(after) if word in lex.STOPS), len(after))
    objects = [word.low for word in words[:place]] if at_end else after[:stop]
    noun = verb.verb in lex.NOUNS
    ends = words[-1].low
    told = ends in lex.TOLD if verb.kind is RiskClass.FINANCIAL and not noun else noun and _is_record(ends)
    if told and not at_end and objects:
        quote = name[words[place].start : words[-1].end]
        evidence = Evidence(where="name", quote=quote, says="tells of what it names")
        return Claim(kind=RiskClass.READ, clear=False, evidence=evidence)
    # `subaccount_transfer` is the deed itself; what stands before a verb at the end is only what it is done to.
    done = deed(verb, [] if at_end and verb.kind is RiskClass.FINANCIAL else objects, descriptive=descriptive)
    first, last = (0, place) if at_end else (place, place + len(objects))
    quote = words[place].text if done.kind is verb.kind else name[words[first].start : words[last].end]
    evidence = Evidence(where="name", quote=quote, says=done.says)
    cash = verb.kind is RiskClass.FINANCIAL and bool({singular(word) for word in objects} & lex.CASH)
    clear = cash or (not noun and verb.verb not in lex.COMPUTE and (place == 0 or (done.clear and not verb.loose)))
    return Claim(kind=done.kind, clear=clear, priced=done.priced, evidence=evidence)


def _undone(name: str, words: Sequence[Word], place: int) -> Claim:
    quote = name[words[place].start : words[place].end]
    return Claim(kind=UNDONE.kind, evidence=Evidence(where="name", quote=quote, says=UNDONE.says))


def _is_record(word: str) -> bool:
    return singular(word) in lex.RECORDS | lex.PUBLIC


def _without_verb(words: Sequence[Word]) -> Iterator[Claim]:
    """A name of nouns: it tells of what it names, or is the deed it names; both only loosely."""
    if not words:
        return
    last, text = words[-1].low, words[-1].text
    fused = next((verb for verb in _DANGERS if len(words) == 1 and last.startswith(verb)), None)
    verb = sense(fused) if fused is not None else None
    if verb is not None:
        evidence = Evidence(where="name", quote=text[: len(verb.verb)], says=deed(verb, []).says)
        yield Claim(kind=verb.kind, clear=False, evidence=evidence)
    elif last in lex.MONEY:
        evidence = Evidence(where="name", quote=text, says="names something that binds to money")
        yield Claim(kind=RiskClass.FINANCIAL, clear=False, evidence=evidence)
    elif last in lex.TOLD or (singular(last) != last and singular(last) in _PLURALS):
        evidence = Evidence(where="name", quote=text, says="tells of what it names")
        yield Claim(kind=RiskClass.READ, clear=False, evidence=evidence)
