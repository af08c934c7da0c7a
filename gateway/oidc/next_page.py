"""Where a sign-in may lead: to a page of ours, and nowhere else. Pure."""

from __future__ import annotations

import re

HOME = "/"
LONGEST = 1024
_OURS = re.compile(r"/(?:[A-Za-z0-9\-._~%!$&'()*+,;=:@?][A-Za-z0-9\-._~%!$&'()*+,;=:@?/#]*)?")
_NOT_AFTER = re.compile(r"/(?:login|api|mcp|oauth|static)(?:[/?#]|$)")


def page_of_ours(said: str) -> str:
    """The path itself, if it is one of our pages; the inbox for everything else.

    A second slash, a backslash or anything a browser would strip makes an address out of a path, so that only what
    RFC 3986 allows in a path, after one slash, is taken.
    """
    taken = len(said) <= LONGEST and _OURS.fullmatch(said) is not None and _NOT_AFTER.match(said) is None
    return said if taken else HOME
