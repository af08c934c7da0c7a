"""What a tool does to the world, and how bad its misuse would be: a class, a severity, and the words that say so.

Deterministic and offline: the same definition always gives the same answer. `classify` looks at one tool.
"""

from __future__ import annotations

from gateway.policy.risk.classify import classify

__all__ = ["classify"]
