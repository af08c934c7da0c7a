"""The policy applied to one call, now: the ruling, its terms, and whether it has become stricter since.

Pure evaluation is in `gateway.policy`; here it meets the clock and the server's layers as they stand.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

from approvals.domain.grants import BARRED
from approvals.domain.model import ApprovalRequest, Caller
from approvals.domain.terms import Terms
from gateway.catalog import Tool
from gateway.heavy import run, weight
from gateway.policy.evaluate import evaluate
from gateway.policy.model import ApprovalSpec, Facts, Policy, Risk, Ruling, Verdict
from gateway.policy.risk import classify
from gateway.policy.routes import ApprovalDefaults, terms

RISKS_KEPT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A ruling with the facts it is about."""

    ruling: Ruling
    facts: Facts


class Layered(Protocol):
    """A server as far as its calls are judged."""

    @property
    def name(self) -> str:
        """As the configuration names it."""
        ...

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Its layers; none means everything is denied."""
        ...


class Judge:
    """Evaluates calls under the policies in force."""

    def __init__(self, defaults: ApprovalDefaults) -> None:
        self.defaults = defaults
        self._risks: dict[str, Risk] = {}

    def risk(self, tool: Tool) -> Risk:
        """The risk of a tool by its definition; looked at once per fingerprint."""
        known = self._risks.get(tool.fingerprint)
        if known is None:
            if len(self._risks) >= RISKS_KEPT:
                self._risks.clear()
            known = self._risks[tool.fingerprint] = classify(tool.definition)
        return known

    async def meet(self, tools: Iterable[Tool]) -> None:
        """Look at the tools that are new; off the event loop where that is much to read."""
        fresh = [tool for tool in tools if tool.fingerprint not in self._risks]
        if not fresh:
            return
        definitions = [tool.definition for tool in fresh]
        risks = await run(weight(definitions), _each, definitions)
        if len(self._risks) + len(fresh) > RISKS_KEPT:
            self._risks.clear()
        self._risks.update(zip((tool.fingerprint for tool in fresh), risks, strict=True))

    def judge(
        self, server: Layered, tool: Tool, caller: Caller, arguments: Mapping[str, Any], session: str = ""
    ) -> Judgement:
        """The ruling on a call with these arguments; `session` keys the client's, where it has one."""
        facts = Facts(
            server=server.name,
            tool=tool.name,
            arguments=arguments,
            agent=caller.agent,
            owner=caller.owner,
            now=datetime.now(UTC),
            risk=self.risk(tool),
            session=session,
        )
        return Judgement(ruling=evaluate(server.policies, facts), facts=facts)

    def again(self, server: Layered, tool: Tool, request: ApprovalRequest, session: str = "") -> Judgement:
        """The ruling on a saved request's call, now."""
        return self.judge(server, tool, request.caller, json.loads(request.call.arguments), session)

    def terms(self, spec: ApprovalSpec) -> Terms:
        """What an approval must satisfy, with the configuration's defaults."""
        return terms(spec, self.defaults)

    def terms_of(self, judgement: Judgement, spec: ApprovalSpec, tool: Tool) -> Terms:
        """The same for one call: what the policy hides of it, and whether its server lets it be granted for good."""
        asked = replace(self.terms(spec), redact=judgement.ruling.redact)
        hints = tool.definition.get("annotations")
        destroys = isinstance(hints, dict) and hints.get("destructiveHint") is True
        return replace(asked, grants=BARRED) if destroys and asked.grants == "offer" else asked

    def is_stricter(self, judgement: Judgement, request: ApprovalRequest) -> bool:
        """Would the policy of now ask for more than the request was granted under? Then it must not run."""
        ruling = judgement.ruling
        if ruling.policy_version == request.policy_version or ruling.verdict is Verdict.ALLOW:
            return ruling.verdict is Verdict.DENY
        if ruling.verdict is Verdict.DENY or ruling.approval is None:
            return True
        needed = self.terms(ruling.approval)
        if needed.four_eyes and not request.terms.four_eyes:
            return True
        if needed.cancel_window > request.terms.cancel_window:
            return True
        given = {frozenset(factor.members): factor.count for factor in request.terms.factors}
        return any(given.get(frozenset(factor.members), 0) < factor.count for factor in needed.factors)


def _each(definitions: Sequence[Mapping[str, Any]]) -> list[Risk]:
    return [classify(definition) for definition in definitions]
