"""What a tool does to the world, and how bad its misuse would be: a class, a severity, and the words that say so.

Deterministic and offline: the same definition always gives the same answer. `classify` looks at one tool, `survey` at
all tools of a server. A definition is taken apart by `naming`, `telling` and `taking` with the words of `lexicon`;
`deciding` says what counts, `severity` how bad it is, `findings` what does not fit together, `rules` what to do.
"""

from __future__ import annotations

from gateway.policy.risk.classify import classify
from gateway.policy.risk.survey import Surveyed, survey

__all__ = ["Surveyed", "classify", "survey"]
