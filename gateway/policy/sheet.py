"""What is noted down while the layers are gone through for one call: verdicts, trace, limits, and shadows.

What an entry in shadow says counts for nothing, and is kept beside: what it would have done, and what would have come
of the call if it had counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import islice

from approvals.domain.redact import HIDDEN
from approvals.domain.terms import Steps
from gateway.policy.costs import Uncountable, cost
from gateway.policy.judging import Say
from gateway.policy.limit import Limit
from gateway.policy.looking import Looks
from gateway.policy.model import (
    ApprovalBlock,
    ApprovalSpec,
    Considered,
    Facts,
    LimitUse,
    Policy,
    Shadowed,
    Verdict,
)
from gateway.policy.paths import ArgumentPath, present
from gateway.policy.routes import overlay
from gateway.policy.texts import shown

DEFAULT = "/default"
MOST_HIDDEN = 1_000
"""Of how many hidden values the words are looked for in what is said of a call."""
UNSAID = f"not told: the policy hides more than {MOST_HIDDEN} values of this call"

_STRICTNESS = {Verdict.ALLOW: 0, Verdict.REQUIRE_APPROVAL: 1, Verdict.DENY: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A verdict that one rule wants, and whose rule it is."""

    policy: str
    verdict: Verdict
    say: Say
    inside: str | None = None

    @property
    def reason(self) -> str | None:
        """What the agent is told, and of which call inside the call if it is about one."""
        if self.inside is None or self.say.reason is None:
            return self.say.reason
        return f"It calls {shown(self.inside)}: {self.say.reason}"

    @property
    def strictness(self) -> tuple[int, bool]:
        """Sorts the strictest last, and of equally strict ones a rule after a default."""
        return _STRICTNESS[self.verdict], self.say.rule != DEFAULT


@dataclass(slots=True, kw_only=True)
class Sheet:
    """One call's notes. `inside` is the tool that a call within the call is for, of which `within` makes a part."""

    trace: list[Considered] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    parts: list[ApprovalBlock] = field(default_factory=list)
    limits: list[LimitUse] = field(default_factory=list)
    shadows: list[Shadowed] = field(default_factory=list)
    shadow_limits: list[LimitUse] = field(default_factory=list)
    unless_shadowed: list[Verdict] = field(default_factory=list)
    """What counts, but for what an entry in shadow would have replaced."""
    hidden: list[Steps] = field(default_factory=list)
    """Where in the arguments of the outermost call stands what only who may read all is shown."""
    masks: dict[str, str] = field(default_factory=dict)
    looks: Looks = field(default_factory=Looks)
    looks_in_shadow: Looks = field(default_factory=Looks)
    """What conditions may still look at; those in shadow take nothing from the others."""
    inside: str | None = None
    in_shadow: bool = False
    at: Steps = ()

    def within(self, tool: str, *, in_shadow: bool, at: Steps) -> Sheet:
        """The part of a call inside this one, whose arguments stand at `at` in those of this one."""
        return replace(self, inside=tool, in_shadow=self.in_shadow or in_shadow, at=(*self.at, *at))

    def hide(self, paths: Iterable[ArgumentPath], facts: Facts) -> None:
        """Keep values out of everything that is said of the call; the agent knows its own."""
        for path in paths:
            self.hidden.append((*self.at, *path.plain_steps))
            for where, value in islice(present(path, facts.arguments), MOST_HIDDEN + 1):
                self.masks[f"{where} {shown(value)}"] = f"{where} {HIDDEN}"

    @property
    def charged(self) -> tuple[LimitUse, ...]:
        """What the call costs, and whether that may be told."""
        return self._told_of(self.limits)

    @property
    def charged_in_shadow(self) -> tuple[LimitUse, ...]:
        """What it would cost under limits in shadow, and whether that may be told."""
        return self._told_of(self.shadow_limits)

    def _told_of(self, uses: Iterable[LimitUse]) -> tuple[LimitUse, ...]:
        return tuple(replace(use, secret=self._hides(use.of) or self._hides(use.unit_at)) for use in uses)

    @property
    def allows(self) -> str | None:
        """What the rule that refuses would let through; not told of what is hidden, or of a call inside the call."""
        won = self.winner
        allows = won.say.allows
        if won.verdict is not Verdict.DENY or won.inside is not None or allows is None:
            return None
        return None if any(self._hides(path.plain_steps) for path in allows.about) else allows.text

    def _hides(self, steps: Steps | None) -> bool:
        """Does it stand where only who may read all is shown what stands there?"""
        if steps is None:
            return False
        return any(
            len(place) <= len(steps) and all(at in {None, step} for at, step in zip(place, steps, strict=False))
            for place in self.hidden
        )

    @property
    def told(self) -> tuple[Considered, ...]:
        """The trace without what is hidden."""
        if not self.masks:
            return tuple(self.trace)
        return tuple(replace(one, why=self.masked(one.why) or "") for one in self.trace)

    @property
    def shadowed(self) -> tuple[Shadowed, ...]:
        """What entries in shadow would have said, without what is hidden."""
        if not self.masks:
            return tuple(self.shadows)
        return tuple(
            replace(one, why=self.masked(one.why) or "", reason=self.masked(one.reason)) for one in self.shadows
        )

    def masked(self, text: str | None) -> str | None:
        """What is said of the call, without what is hidden."""
        if text is None:
            return None
        if len(self.masks) > MOST_HIDDEN:
            return UNSAID
        for said, instead in self.masks.items():
            text = text.replace(said, instead)
        return text

    def note(self, policy: Policy, say: Say, route: ApprovalBlock | None = None) -> None:
        """Note what a rule says; `route` is whom its entry asks."""
        if self.in_shadow:
            self.shadow(policy, say)
            return
        if say.verdict is not None:
            self.said.append(Said(policy=policy.name, verdict=say.verdict, say=say, inside=self.inside))
            self.unless_shadowed.append(say.verdict)
        if say.verdict is Verdict.REQUIRE_APPROVAL and route is not None:
            self.parts.append(overlay([route, say.approval]) if say.approval is not None else route)
        self._consider(policy, say.rule, say.why, matched=say.verdict is not None)

    def default(self, policy: Policy, say: Say, *, shadowed: bool) -> None:
        """Note what a policy says of tools it does not name; `shadowed` if an entry in shadow names this one."""
        counted = len(self.unless_shadowed)
        self.note(policy, say)
        if shadowed:
            del self.unless_shadowed[counted:]

    def shadow(self, policy: Policy, say: Say) -> None:
        """Note what a rule in shadow says."""
        if say.verdict is None:
            return
        one = Shadowed(rule=say.rule, verdict=say.verdict, reason=say.reason, why=say.why, policy=policy.name)
        self.shadows.append(one)
        if say.verdict is not Verdict.ALLOW:
            self._consider(policy, say.rule, f"shadow: it would {say.verdict}: {say.why}", matched=False)

    def pay(self, policy: Policy, facts: Facts, limits: Iterable[Limit], route: ApprovalBlock, *, shadow: bool) -> None:
        """Note what the call costs under limits; where nobody can say, it is denied."""
        for limit in limits:
            try:
                paid = cost(limit, facts)
            except Uncountable as err:
                reason = f"The policy limits what this call may cost, and {err}."
                say = Say(verdict=Verdict.DENY, rule=limit.pointer, reason=reason, why=str(err))
                self.shadow(policy, say) if shadow else self.note(policy, say)
                continue
            if paid is None:
                continue
            spec = ApprovalSpec(parts=(route,))
            use = LimitUse(
                limit=limit,
                amount=paid.amount,
                keys=paid.keys,
                unit=paid.unit,
                of=(*self.at, *paid.of.plain_steps) if paid.of is not None else None,
                unit_at=(*self.at, *limit.unit.plain_steps) if limit.unit is not None else None,
                approval=spec,
                policy=policy.name,
            )
            (self.shadow_limits if shadow or self.in_shadow else self.limits).append(use)

    @property
    def winner(self) -> Said:
        """The strictest. Ties go to rules before defaults, then to the first: outer layers, more specific entries."""
        return max(self.said, key=lambda said: said.strictness)

    @property
    def would(self) -> Verdict | None:
        """The verdict if nothing were in shadow; None where nothing is."""
        if not self.shadows and not self.shadow_limits:
            return None
        verdicts = [*self.unless_shadowed, *(one.verdict for one in self.shadows)]
        return max(verdicts, key=lambda verdict: _STRICTNESS[verdict])

    def _consider(self, policy: Policy, rule: str, why: str, *, matched: bool) -> None:
        about = f"inner call of {shown(self.inside)}: " if self.inside is not None else ""
        self.trace.append(Considered(rule=rule, matched=matched, why=about + why, policy=policy.name))
