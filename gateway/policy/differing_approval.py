"""Changes of whom a rule asks and on what terms: fewer people, less time, or silence that counts as a yes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gateway.policy import wording
from gateway.policy.differing_parts import Change, Effect
from gateway.policy.implying import alike

Compare = Callable[[Any, Any], Effect]


def approval_changes(before: Mapping[str, Any], after: Mapping[str, Any], *, where: str) -> Iterator[Change]:
    """Changes between two approval blocks; `where` is what asks."""
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if alike(old, new):
            continue
        text = f"{where}: {key} is {wording.value(new)}, before {wording.value(old)}"
        yield Change(text=text, effect=_COMPARED.get(key, _either)(old, new))


def _either(_old: Any, _new: Any) -> Effect:
    return Effect.EITHER


def _neither(_old: Any, _new: Any) -> Effect:
    return Effect.NEITHER


def _more_is_tighter(old: Any, new: Any) -> Effect:
    if old is None or new is None:
        return Effect.EITHER
    return Effect.TIGHTENS if new > old else Effect.LOOSENS


def _fewer_is_tighter(old: Any, new: Any) -> Effect:
    """People who may decide: without some of them it is tighter, with more it is looser."""
    if old is None or new is None:
        return Effect.EITHER
    fewer, more = set(new) <= set(old), set(old) <= set(new)
    return Effect.TIGHTENS if fewer else Effect.LOOSENS if more else Effect.EITHER


def _factors(old: Any, new: Any) -> Effect:
    if old is None or new is None:
        return Effect.EITHER
    was, now = ({one["group"]: one["count"] for one in each} for each in (old, new))
    if all(now.get(group, 0) >= count for group, count in was.items()):
        return Effect.TIGHTENS
    return Effect.LOOSENS if all(was.get(group, 0) >= count for group, count in now.items()) else Effect.EITHER


def _ranked(*words: Any) -> Compare:
    """The looser the later; the first is what counts when nothing is said."""

    def compare(old: Any, new: Any) -> Effect:
        was, now = (words.index(word) if word in words else 0 for word in (old, new))
        return Effect.LOOSENS if now > was else Effect.TIGHTENS if now < was else Effect.NEITHER

    return compare


_GRANTS = _ranked("never", "offer", "always")

_COMPARED: Mapping[str, Compare] = {
    "reviewers": _fewer_is_tighter,
    "quorum": _more_is_tighter,
    "factors": _factors,
    "four_eyes": lambda old, new: Effect.TIGHTENS if new else Effect.LOOSENS if old else Effect.NEITHER,
    "delegation": lambda old, new: (
        Effect.TIGHTENS if new is False else Effect.LOOSENS if old is False else Effect.EITHER
    ),
    "self_service": lambda old, new: Effect.LOOSENS if new else Effect.TIGHTENS if old else Effect.NEITHER,
    "on_timeout": _ranked("deny", "escalate", "allow"),
    "justification": lambda old, new: _ranked("off", "optional", "required")(new, old),
    "timeout": _neither,
    "escalate": _either,
    "remind": _neither,
    "channels": _neither,
    "edit": _either,
    "cancel_window": _neither,
    "execute_on_approve": _neither,
    "grants": lambda old, new: _GRANTS(old or "offer", new or "offer"),
}
