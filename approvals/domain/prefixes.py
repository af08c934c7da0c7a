"""Prefixes of texts, where a prefix is not a trap: how one must end, and what may follow it.

Pure. `https://a.example` is also how `https://a.example.evil.org` begins, `/srv/data` how `/srv/data-of-others` does,
and `/srv/data/` how `/srv/data/../../etc/shadow` does. So a prefix ends where a part ends, and what follows it is made
of plain characters only: nothing that is encoded, quoted, composed, or climbs. Letters of any script are plain. What is
refused here is asked about.
"""

from __future__ import annotations

import re
import unicodedata
from enum import Enum

LONGEST = 1_000
LEAST = 3
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://[^/@\\?#]+/", re.IGNORECASE)
"""Scheme, a host without anybody's name before it, and the slash after which nothing changes the host."""
_ENDS = "/:-_=#"
_PLAIN = "-_."
_IN_PATHS = "-_./+=,@"


class Kind(Enum):
    """What a text is, as far as its parts go."""

    ADDRESS = "an address"
    PATH = "a path"
    WORD = "a text"


def kind_of(text: str) -> Kind:
    """Whether a text is an address, a path, or neither."""
    if "://" in text:
        return Kind.ADDRESS
    return Kind.PATH if "/" in text or "\\" in text else Kind.WORD


def why_not(prefix: str, text: str) -> str | None:
    """Why nothing may be trusted by this prefix of this text, None if it may."""
    kind = kind_of(text)
    if not text.startswith(prefix):
        return "this call's own value does not begin with it"
    if text == prefix:
        return "this call's own value is nothing but the prefix; name the part of it that more may follow"
    if not LEAST <= len(prefix) <= LONGEST:
        return f"a prefix has {LEAST} to {LONGEST} characters"
    if kind is Kind.ADDRESS and not (_ADDRESS.match(prefix) and prefix.endswith("/")):
        return "a prefix of an address has the whole host and ends with a slash"
    if kind is Kind.PATH and not (prefix.endswith("/") and prefix.strip("/")):
        return "a prefix of a path names a folder and ends with a slash"
    if kind is Kind.WORD and ("@" in text or prefix[-1] not in _ENDS):
        return f"a prefix ends where a part ends, with one of {' '.join(_ENDS)}, and is none of a mail address"
    if kind is not Kind.WORD and ("\\" in prefix or _climbs(prefix.rpartition("://")[2].removeprefix("/"))):
        return "it has a part that leads elsewhere"
    return None if follows(prefix, text) else "what follows it in this call's own value has more than plain characters"


def follows(prefix: str, text: str) -> bool:
    """Does the text begin with the prefix, and go on in the same kind of thing, plainly?

    What is below a folder is not the folder itself: something must follow.
    The prefix must be one that `why_not` lets through for some text of the same kind.
    """
    if not text.startswith(prefix):
        return False
    rest, in_path = text[len(prefix) :], kind_of(prefix) is not Kind.WORD
    if not rest or unicodedata.normalize("NFKC", rest) != rest:
        # A server that normalises would see other characters: a full-width slash becomes one.
        return False
    if not all(_is_plain(char, _IN_PATHS if in_path else _PLAIN) for char in rest):
        return False
    return not (in_path and _climbs(rest))


def _is_plain(char: str, others: str) -> bool:
    return char in others or unicodedata.category(char) in {"Ll", "Lu", "Lo", "Nd"}


def _climbs(path: str) -> bool:
    """Is there a part of dots only, or an empty one before the last?"""
    *parts, last = path.split("/")
    return any(not part.strip(".") for part in parts) or (bool(last) and not last.strip("."))
