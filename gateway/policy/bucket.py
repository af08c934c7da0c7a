"""The bucket: a window that has no beginning. What is in it drains evenly, and never rounds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Context, Decimal

from gateway.policy.durations import written
from gateway.policy.windows import EPOCH, EXACT, NOTHING, TICK, Added, Change, Counter, Window

_LONGEST_DRAIN = timedelta(days=366)
_ROUNDED = Context(prec=120, rounding=ROUND_CEILING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket(Window):
    """A bucket that drains what a limit allows in each `length`, and holds `burst`, or just as much.

    Two rows: what is in it, in amounts times microseconds of `length`, so that draining never rounds; and as of when.
    """

    length: timedelta
    burst: Decimal | None = None

    @property
    def id(self) -> str:
        """`1m=`."""
        return f"{written(self.length)}="

    def raised(self, by: Decimal) -> Window:
        """It holds so much more, too."""
        return self if self.burst is None else replace(self, burst=EXACT.add(self.burst, by))

    def since(self, _now: datetime) -> datetime:
        """Its rows are no times."""
        return EPOCH

    def reach(self, now: datetime, most: Decimal) -> datetime:
        """As long ago as a full one takes to drain."""
        full = EXACT.multiply(self.capacity(most), self._scale)
        return now - self._drain(full, most)

    def over(self, now: datetime) -> datetime:
        """Its length on."""
        return now + self.length

    def capacity(self, most: Decimal) -> Decimal:
        """What it holds."""
        return most if self.burst is None else self.burst

    def used(self, counter: Counter) -> Decimal:
        """What is in it, rounded up at the sixth decimal."""
        return _ROUNDED.quantize(_ROUNDED.divide(self._level(counter), self._scale), Decimal("0.000001"))

    def fits(self, counter: Counter, amount: Decimal) -> bool:
        """Exactly, though `used` is rounded."""
        return self._filled(counter, amount) <= EXACT.multiply(self.capacity(counter.most), self._scale)

    def opens(self, counter: Counter, amount: Decimal) -> datetime | None:
        """When enough has drained for the amount; when it is empty, if there is room already."""
        over = EXACT.subtract(self._filled(counter, amount), EXACT.multiply(self.capacity(counter.most), self._scale))
        return counter.now + self._drain(over if over > 0 else self._level(counter), counter.most)

    def add(self, counter: Counter, amount: Decimal) -> Added:
        """Drained as of now, with the amount in it."""
        filled = self._filled(counter, amount)
        as_of = max(counter.now, self._as_of(counter))
        change: Change = {EPOCH: filled, EPOCH + TICK: _ticks(as_of - EPOCH)}
        return Added(EPOCH, change, as_of + self._drain(filled, counter.most) + 2 * self.length)

    def give(self, counter: Counter, at: datetime, amount: Decimal, taken: datetime) -> Change:
        """Without what has drained since: there is never more room than if it had not been taken."""
        held, drained = counter.rows.get(at), EXACT.multiply(counter.most, _ticks(counter.now - taken))
        back = EXACT.subtract(EXACT.multiply(amount, self._scale), drained)
        return {} if held is None else {at: max(NOTHING, EXACT.subtract(held, max(NOTHING, back)))}

    @property
    def _scale(self) -> Decimal:
        return _ticks(self.length)

    def _as_of(self, counter: Counter) -> datetime:
        held = counter.rows.get(EPOCH + TICK)
        return EPOCH + int(held) * TICK if held is not None else counter.now

    def _level(self, counter: Counter) -> Decimal:
        passed = max(timedelta(0), counter.now - self._as_of(counter))
        drained = EXACT.multiply(counter.most, _ticks(passed))
        return max(NOTHING, EXACT.subtract(counter.rows.get(EPOCH, NOTHING), drained))

    def _filled(self, counter: Counter, amount: Decimal) -> Decimal:
        return EXACT.add(self._level(counter), EXACT.multiply(amount, self._scale))

    @staticmethod
    def _drain(level: Decimal, most: Decimal) -> timedelta:
        ticks = _ROUNDED.to_integral_value(_ROUNDED.divide(level, most))
        return min(int(ticks), _LONGEST_DRAIN // TICK) * TICK


def _ticks(length: timedelta) -> Decimal:
    return Decimal(length // TICK)
