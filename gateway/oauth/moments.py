"""Moments as tokens write them. Needs no library, so that what judges claims can be used without one."""

from __future__ import annotations

import math
from typing import TypeGuard


def is_time(value: object) -> TypeGuard[float]:
    """Is it a moment in Unix seconds?"""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
