"""What a rule that refuses a call would let through, in the words of its own conditions.

Pure. Nothing is said of other rules, which are judged when such a call is made: so it is what this rule would allow,
not what would be allowed. What cannot be said in a few words is not said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.policy.conditions import Condition, Group, Side
from gateway.policy.looking import Looks
from gateway.policy.paths import ArgumentPath

MOST_PARTS = 4

_WORDS = {
    "eq": ("equal to {v}", "other than {v}"),
    "neq": ("other than {v}", "equal to {v}"),
    "lt": ("below {v}", "at least {v}"),
    "lte": ("at most {v}", "above {v}"),
    "gt": ("above {v}", "at most {v}"),
    "gte": ("at least {v}", "below {v}"),
    "between": ("between {v}", "not between {v}"),
    "in": ("one of {v}", "none of {v}"),
    "not_in": ("none of {v}", "one of {v}"),
    "contains": ("with {v} in it", "without {v} in it"),
    "not_contains": ("without {v} in it", "with {v} in it"),
    "starts_with": ("that starts with {v}", "that does not start with {v}"),
    "ends_with": ("that ends with {v}", "that does not end with {v}"),
    "regex": ("that matches {v}", "that does not match {v}"),
    "glob": ("that matches {v}", "that does not match {v}"),
    "subset_of": ("with elements of {v} alone", "with an element outside {v}"),
    "len_eq": ("of length {v}", "of another length than {v}"),
    "len_lt": ("shorter than {v}", "of length {v} or more"),
    "len_lte": ("of length {v} or less", "longer than {v}"),
    "len_gt": ("longer than {v}", "of length {v} or less"),
    "len_gte": ("of length {v} or more", "shorter than {v}"),
    "cidr": ("in {v}", "outside {v}"),
    "host_in": ("with its host in {v}", "with its host outside {v}"),
    "path_under": ("under {v}", "not under {v}"),
}
"""By operator: what holds, and what does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LetThrough:
    """What would be let through, to go on after "would allow", and the arguments it is about."""

    text: str
    about: tuple[ArgumentPath, ...]


Node = Condition | Group


def let_through(
    conditions: Sequence[Node], arguments: Mapping[str, Any], side: Side, looks: Looks
) -> LetThrough | None:
    """What a rule of these conditions would let through: those of `require` hold, one of `deny_if` does not.

    What is too much to look at again is said as one that does not hold yet.
    """
    if side is Side.REQUIRE:
        wanting = [one for one in conditions if one.judge(arguments, side, looks).holds is not True]
        parts, word, holds = wanting, "and", True
    else:
        parts, word, holds = list(conditions), "or", False
    leaves = [leaf for one in parts for leaf in _leaves(one)]
    if not leaves or len(leaves) > MOST_PARTS:
        return None
    text = _joined([_said(one, holds=holds, outer=word if len(parts) > 1 else None) for one in parts], word)
    return LetThrough(text=text, about=tuple(leaf.path for leaf in leaves))


def _said(node: Node, *, holds: bool, outer: str | None) -> str:
    if isinstance(node, Condition):
        return _of(node, holds=holds)
    if node.kind == "not":
        holds = not holds
    word = "or" if (node.kind == "any") is holds else "and"
    inner = word if len(node.of) > 1 else outer
    text = _joined([_said(part, holds=holds, outer=inner) for part in node.of], word)
    return f"({text})" if len(node.of) > 1 and outer not in {None, word} else text


def _of(one: Condition, *, holds: bool) -> str:
    if one.op is None:
        return f"{one.path.text} {'given' if one.exists is holds else 'left out'}"
    yes, no = _WORDS[one.op.name]
    return f"{one.path.text} {(yes if holds else no).replace('{v}', one.said)}"


def _joined(parts: Sequence[str], word: str) -> str:
    return f" {word} ".join(parts)


def _leaves(node: Node) -> list[Condition]:
    return [node] if isinstance(node, Condition) else [leaf for part in node.of for leaf in _leaves(part)]
