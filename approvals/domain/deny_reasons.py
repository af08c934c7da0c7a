"""The reasons offered to whoever denies a call: a few short sentences that a deployment may choose. Pure.

An agent is told the one that was chosen, with the person's own words behind it, as a quotation. They fit a key each on
the page, and a line each in Slack.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

MOST, LONGEST = 9, 75
USUAL = (
    "The amount, target or recipient is wrong.",
    "Not needed for this task.",
    "Too risky now. Ask me again later.",
    "Use a smaller or reversible step instead.",
    "I do not know why this is being done. Explain first.",
)


def why_not(reason: str) -> str | None:
    """What is wrong with one reason, or None."""
    if not 1 <= len(reason) <= LONGEST:
        return f"1 to {LONGEST} characters, this has {len(reason)}"
    if reason != reason.strip():
        return "without space around it"
    hidden = next((char for char in reason if unicodedata.category(char) in {"Cc", "Cf", "Co", "Cs", "Cn"}), None)
    return None if hidden is None else f"the character U+{ord(hidden):04X} cannot be seen"


def why_not_these(reasons: Sequence[str]) -> str | None:
    """What is wrong with all of them together, or None."""
    if len(reasons) > MOST:
        return f"at most {MOST} reasons, these are {len(reasons)}: there is a key for each"
    twice = next((one for one in reasons if reasons.count(one) > 1), None)
    return None if twice is None else f"{twice!r} is there twice"


def joined(chosen: str | None, own: str | None) -> str | None:
    """The reason of a denial: the one that was chosen, and own words."""
    return " ".join(filter(None, ((chosen or "").strip(), (own or "").strip()))) or None
