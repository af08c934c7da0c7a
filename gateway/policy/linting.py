"""What stands in a policy and does nothing, or not what its author thinks: found without a call.

Some of it shows in the policy alone; with a list of tools, as a server gives it, more does. What cannot be proved is
not said, and nothing that is found stops a policy from being in force.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.policy.findings import Finding, tools_of
from gateway.policy.linting_limits import of_limits
from gateway.policy.linting_names import of_names
from gateway.policy.linting_rules import of_rules
from gateway.policy.model import Policy
from gateway.policy.profiles import Reading


def findings(policy: Policy, definitions: Sequence[Mapping[str, Any]] = ()) -> tuple[Finding, ...]:
    """Everything that is found in a policy, in the order of the file; with a list of tools, what shows with them."""
    reading = Reading(policy)
    tools = tools_of(policy, definitions)
    found = [*of_names(reading, tools), *of_rules(reading, tools), *of_limits(reading, tools)]
    return tuple(sorted(found, key=lambda one: (policy.place(one.rule), one.rule)))
