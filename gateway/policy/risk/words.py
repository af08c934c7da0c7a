"""Names and sentences taken apart into words, each with the exact letters it was written with.

`createOrder`, `create_order`, `create-order` and `orders.create` are the same two words. Abbreviations inside camel
case stay whole (`runSEOAudit`), digits stay with their letters (`k8s`, `24hr`).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_PART = re.compile(r"[A-Z]+[0-9]*(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+[0-9]*(?![a-z])|[0-9]+")
_TOKEN = re.compile(r"[A-Za-z][A-Za-z0-9'’]*(?:-[A-Za-z0-9]+)*|[,;:/&()]|[^\w\s]")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n")
_LETTER = re.compile("[A-Za-z]")
_MARKUP = str.maketrans(dict.fromkeys("*_`#>", " "))
_DRAWN = frozenset({"So", "Sk", "Cf", "Mn"})
LONGEST, LONGEST_SENTENCE, MOST_SENTENCES = 8_000, 600, 60
"""So much of a description is read: what it does stands in front."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word: as it was written, in the form it is looked up by, and where it begins and ends."""

    text: str
    low: str
    start: int
    end: int


def of_name(name: str) -> tuple[Word, ...]:
    """The words of a name, whatever its spelling."""
    return tuple(Word(part[0], part[0].lower(), *part.span()) for part in _PART.finditer(name[:512]))


def of_text(text: str) -> tuple[Word, ...]:
    """The words and the marks of a sentence."""
    return tuple(Word(part[0], part[0].lower(), *part.span()) for part in _TOKEN.finditer(text))


def sentences(text: str) -> tuple[str, ...]:
    """The sentences of a description, without pictures and markup; a line is one at most."""
    plain = text[:LONGEST]
    if not plain.isascii():
        plain = unicodedata.normalize("NFKC", plain)
        drawn = {ord(c): " " for c in set(plain) if not c.isascii() and unicodedata.category(c) in _DRAWN}
        plain = plain.translate(drawn)
    cleaned = plain.translate(_MARKUP)
    pieces = [piece.strip(" -\t") for piece in _SENTENCE.split(cleaned)]
    return tuple(piece[:LONGEST_SENTENCE] for piece in pieces[:MOST_SENTENCES] if _LETTER.search(piece))


def singular(word: str) -> str:
    """A noun without its plural."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ses", "xes", "zes", "ches", "shes")) and len(word) > 4:
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3 else word


def base_forms(word: str) -> tuple[str, ...]:
    """What a verb of a sentence may be the form of: `deletes` and `deleting` of `delete`."""
    found = [word]
    if word.endswith("s"):
        found += [word[:-1], word[:-2], word[:-3] + "y"]
    if word.endswith("ing") and len(word) > 5:
        stem = word[:-3]
        found += [stem, stem + "e"]
        if stem[-1] == stem[-2]:
            found.append(stem[:-1])
    return tuple(found)
