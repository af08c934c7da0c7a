"""Names that look alike though they are not the same: letter case, Unicode forms, and letters of other scripts.

Names are compared byte for byte, so a rule for `pay` says nothing of `Pay` or of one with a Cyrillic letter. This is
the short list of what people mix up, not all that Unicode has.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable

_LETTERS = str.maketrans(
    "аеорсухіјѕһԁԛԝкмтвнӏ" "οανρικτυχ" "01i|5",
    "aeopcyxijshdqwkmtbhl" "oavpiktux" "ollls",
    "_-./: ",
)  # fmt: skip
_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"))


def skeleton(name: str) -> str:
    """What a name looks like: two names with the same skeleton are easily taken for each other."""
    plain = unicodedata.normalize("NFKC", name).casefold().translate(_LETTERS).translate(_LETTERS)
    letters = "".join(
        c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c) and c.isprintable()
    )
    for pair, one in _PAIRS:
        letters = letters.replace(pair, one)
    return letters


def twins(names: Iterable[str]) -> list[tuple[str, ...]]:
    """The groups of names that look alike, each with at least two."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for name in dict.fromkeys(names):
        groups[skeleton(name)].append(name)
    return [tuple(group) for group in groups.values() if len(group) > 1]
