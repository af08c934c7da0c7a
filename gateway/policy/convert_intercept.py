"""Our policy as Intercept YAML (format B of policy.md 1.3), and what that loses.

Mind the polarity: Intercept's `evaluate` states what must hold to allow, so our `require` goes over as it is and our
`deny_if` inside out; its `require_approval` states what must hold to ask. Its budgets know no caller, and it asks
whoever has its command line: both are told as losses. What cannot be said exactly is written stricter, never looser.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.policy import wording
from gateway.policy.collecting import Path
from gateway.policy.conditions import Side
from gateway.policy.convert_entries import Entry, Layout, Part, lay_out
from gateway.policy.convert_intercept_conditions import Written, is_exact, paths, refused, required
from gateway.policy.convert_losses import Losses
from gateway.policy.convert_values import exact_window, nearest_window, plain_path, uncounted

UNSAID = "Nobody can say here whether this call is allowed, so it is denied."
WORDLESS = frozenset({"timeout"})
"""What Intercept knows of an approval."""
WEAKER = frozenset({"reviewers", "quorum", "factors", "four_eyes"})
"""What makes an approval worth more than anybody's word."""


def to_intercept(plain: Mapping[str, Any], losses: Losses) -> dict[str, Any]:
    """The plain data of an Intercept policy."""
    layout = lay_out(plain, losses, native=frozenset({"*"}), kept=frozenset({"description"}))
    shared = _shared(layout)
    named = {name: entry for name, entry in layout.tools.items() if name != "*"}
    tools = {name: {"rules": _Tool(name, losses, shared).rules(entry)} for name, entry in named.items()}
    everything = layout.tools.get("*")
    if everything is not None or layout.limits:
        star = _Tool("*", losses, shared)
        by_name = star.rules(everything) if everything is not None else []
        tools["*"] = {"rules": [*by_name, *star.limits(layout.limits)]}
    return {
        "version": "1",
        **({"description": plain["description"]} if "description" in plain else {}),
        "default": layout.default,
        **({"hide": [name for _, name in layout.hide]} if layout.hide else {}),
        "tools": tools,
    }


@dataclass(slots=True)
class _Tool:
    """Writes the rules of one tool; names and counters must be different within it."""

    name: str
    losses: Losses
    shared: frozenset[tuple[str, str]]
    counters: set[str] = field(default_factory=set)

    def rules(self, entry: Entry) -> list[dict[str, Any]]:
        """Every rule of an entry, in the order in which ours speak."""
        return [
            *self._by_action(entry),
            *(rule for part in entry.require for rule in self._require(part)),
            *(rule for part in entry.deny_if for rule in self._deny(part, entry.reason)),
            *(rule for part in entry.approve_if for rule in self._ask(part, entry)),
            *self.limits(entry.limits),
        ]

    def _by_action(self, entry: Entry) -> Iterator[dict[str, Any]]:
        for path in entry.beyond:
            self.losses.stricter(path, f"{path[-1]}: it has nothing like it, so the tool is denied")
            yield {"name": f"cannot say {path[-1]}", "action": "deny", "on_deny": UNSAID}
        if entry.action == "deny":
            yield {"name": "denied", "action": "deny", **_said("on_deny", entry.reason)}
        elif entry.action == "require_approval":
            asked = self._approval(entry)
            yield {"name": "a person approves", "action": "require_approval", **_said("on_deny", entry.reason), **asked}
        elif entry.reason is not None:
            self.losses.same((*entry.path, "reason"), "the reason of an entry that allows")

    def _require(self, part: Part) -> Iterator[dict[str, Any]]:
        written: Written = []
        if self._beyond(part, "the tool is denied"):
            yield {"name": self._label(part), "action": "deny", "on_deny": part.value.get("on_deny", UNSAID)}
            return
        for index, said in enumerate(part.value["conditions"]):
            found = required(said, Side.REQUIRE)
            if found is None:
                self._inexact((*part.path, "conditions", index), said, "the tool is denied")
                yield {"name": self._label(part), "action": "deny", "on_deny": part.value.get("on_deny", UNSAID)}
                return
            self._plain_texts((*part.path, "conditions", index), said)
            written += found
        yield {"name": self._label(part), "conditions": written, **_said("on_deny", part.value.get("on_deny"))}

    def _deny(self, part: Part, reason: str | None) -> Iterator[dict[str, Any]]:
        spoken = _said("on_deny", part.value.get("on_deny") or reason)
        conditions = part.value.get("conditions", [])
        self._beyond(part, "the rule denies without it")
        if not conditions:
            yield {"name": self._label(part), "action": "deny", **spoken}
            return
        if len(conditions) > 1:
            self.losses.stricter(
                part.path, "it cannot deny on several conditions at once: each of them denies by itself"
            )
        written: Written = []
        for index, said in enumerate(conditions):
            found = refused(said, Side.DENY)
            if found is None:
                self._inexact((*part.path, "conditions", index), said, "the tool is denied")
                yield {"name": self._label(part), "action": "deny", **(spoken or {"on_deny": UNSAID})}
                return
            self._plain_texts((*part.path, "conditions", index), said)
            written += found
        yield {"name": self._label(part), "conditions": written, **spoken}

    def _ask(self, part: Part, entry: Entry) -> Iterator[dict[str, Any]]:
        asked = {**self._approval(entry), **self._terms(part)}
        spoken = _said("on_deny", part.value.get("on_deny") or entry.reason)
        rule = {"name": self._label(part), "action": "require_approval"}
        written: Written = []
        self._beyond(part, "it asks without it")
        conditions = part.value.get("conditions", [])
        for index, said in enumerate(conditions):
            found = required(said, Side.DENY)
            if found is None:
                self._inexact((*part.path, "conditions", index), said, "it asks without it")
                continue
            written += found
            self._kinds((*part.path, "conditions", index), said)
        yield {**rule, **({"conditions": written} if written else {}), **spoken, **asked}
        if written:
            yield from self._ask_of_missing(part, written, rule | spoken | asked)

    def _kinds(self, path: Path, said: Mapping[str, Any]) -> None:
        """What an argument that is there, but not of the kind the condition is about, gets otherwise."""
        where = " or ".join(sorted(paths(said)))
        if is_exact(said) and where:
            self.losses.stricter(path, f"it asks where {where} is null")
        elif where:
            self.losses.looser(path, f"it does not ask where {where} is there and of another kind")

    def _ask_of_missing(self, part: Part, written: Written, rule: dict[str, Any]) -> Iterator[dict[str, Any]]:
        conditions = part.value["conditions"]
        missing = sorted({path for said in conditions for path in paths(said) if plain_path(path)})
        if missing and len({one["path"] for one in written}) > 1:
            self.losses.stricter(part.path, f"it asks wherever {' or '.join(missing)} is missing")
        for path in missing:
            name = f"{rule['name']}, without {path.removeprefix('args.')}"
            yield {**rule, "name": name, "conditions": [{"path": path, "op": "exists", "value": False}]}

    def _approval(self, entry: Entry) -> dict[str, Any]:
        return {key: value for part in entry.approval for key, value in self._block(part.value, part.path).items()}

    def _terms(self, part: Part) -> dict[str, Any]:
        block = part.value.get("approval")
        return {} if block is None else self._block(block, (*part.path, "approval"))

    def _block(self, block: Mapping[str, Any], path: Path) -> dict[str, Any]:
        for key in sorted(block.keys() - WORDLESS):
            if key in WEAKER:
                self.losses.looser((*path, key), f"{key}: whoever has its command line approves")
            else:
                self.losses.same((*path, key), f"{key} of an approval")
        return {"approval_timeout": block["timeout"]} if "timeout" in block else {}

    def limits(self, parts: tuple[Part, ...]) -> Iterator[dict[str, Any]]:
        """The rules of limits."""
        for part in parts:
            why = uncounted(part.value)
            if why is None:
                yield from self._limit(part)
            else:
                self.losses.looser(part.path, why)

    def _limit(self, part: Part) -> Iterator[dict[str, Any]]:
        said = part.value
        window = exact_window(said)
        if window is None:
            window = nearest_window(said)
            told = f"windows of {said['window']}: counted by the {window} of the calendar"
            self.losses.looser((*part.path, "window"), told)
        self._who_pays(part)
        amount = said.get("amount", 1)
        if not _countable(amount):
            self.losses.looser((*part.path, "amount"), f"the amount {wording.value(amount)}: the limit is not written")
            return
        counter = self._counter(part, window)
        head, spoken = {"name": self._label(part)}, _said("on_deny", said.get("on_deny"))
        if amount == 1 and counter == f"_rate_{window}" and said["max"] == int(said["max"]):
            yield {**head, "rate_limit": f"{int(said['max'])}/{window}", **spoken}
            return
        cost = {"increment_from": amount} if isinstance(amount, str) else _said("increment", amount != 1 and amount)
        yield {
            **head,
            "conditions": [{"path": f"state.{self.owner}.{counter}", "op": "lte", "value": said["max"]}],
            **spoken,
            "state": {"counter": counter, "window": window, **cost},
        }

    def _who_pays(self, part: Part) -> None:
        said = part.value
        scope = said.get("scope", "grant")
        if scope == "all":
            self.losses.looser((*part.path, "scope"), "scope all: each server has a budget of its own")
        elif scope != "server" and not (scope == "tool" and self.name != "*"):
            self.losses.stricter((*part.path, "scope"), f"scope {wording.value(scope)}: there is one budget for all")
        if (said["counter"], str(said["window"])) in self.shared and scope != "tool":
            self.losses.looser((*part.path, "counter"), "a counter of several tools: each has a budget of its own")
        if said.get("on_exceed", "deny") != "deny":
            self.losses.stricter((*part.path, "on_exceed"), "nobody can be asked about going over: it is denied")
        known = {"counter", "window", "max", "scope", "on_exceed", "amount", "id", "on_deny", "kind"}
        for key in sorted(said.keys() - known):
            self.losses.looser((*part.path, key), f"{key} of a limit: it has nothing like it")

    @property
    def owner(self) -> str:
        """What a counter's path in Intercept begins with."""
        return "_global" if self.name == "*" else self.name

    def _counter(self, part: Part, window: str) -> str:
        """The name of a counter in its tool; a second one of the same name counts another window."""
        name: str = part.value["counter"]
        plain = f"_rate_{window}" if name == f"{self.name}_rate_{window}" else name.removeprefix(f"{self.owner}.")
        while plain in self.counters:
            plain = f"{plain}_{window}"
        self.counters.add(plain)
        return plain

    def _label(self, part: Part) -> str:
        named = part.value.get("id")
        return (
            named
            if isinstance(named, str)
            else " ".join(str(step) for step in part.path[-2:] if isinstance(step, int) or step != self.name)
        )

    def _beyond(self, part: Part, instead: str) -> bool:
        """Does something beyond conditions say when the rule holds?"""
        for key in part.beyond:
            self.losses.stricter((*part.path, key), f"{key}: it has nothing like it; {instead}")
        return bool(part.beyond)

    def _inexact(self, path: Path, said: Mapping[str, Any], instead: str) -> None:
        what = said.get("op") or next(iter(said))
        self.losses.stricter(path, f"{what} of this kind cannot be said exactly: {instead}")

    def _plain_texts(self, path: Path, said: Mapping[str, Any]) -> None:
        value = said.get("value")
        if any(not str(item).isascii() for item in (value if isinstance(value, list) else [value])):
            self.losses.looser(path, "texts are compared byte by byte: the same letters written otherwise are others")


def _shared(layout: Layout) -> frozenset[tuple[str, str]]:
    """Counters that several tools share, with their windows: in Intercept each tool has its own."""
    each = [layout.limits, *(entry.limits for entry in layout.tools.values())]
    users = Counter(key for parts in each for key in {(p.value["counter"], str(p.value["window"])) for p in parts})
    return frozenset(key for key, count in users.items() if count > 1)


def _countable(amount: Any) -> bool:
    """Can Intercept count it? A whole number, or an argument at a plain path."""
    if isinstance(amount, str):
        return plain_path(amount)
    return not isinstance(amount, Mapping) and amount == int(amount)


def _said(key: str, value: Any) -> dict[str, Any]:
    return {key: value} if value else {}
