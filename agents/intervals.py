"""How sure a share is that was counted, and whether two of them differ."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist


@dataclass(frozen=True, slots=True)
class Interval:
    """Bounds of a share, from 0 to 1, or of a difference of two, from -1 to 1."""

    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Test whether a difference within these bounds has a sign."""
        return self.low > 0 or self.high < 0


def wilson(n_hits: int, n: int, *, alpha: float = 0.05) -> Interval:
    """Return the score interval of a share; everything is possible where nothing was counted.

    Source: Wilson (1927), "Probable inference, the law of succession, and statistical inference".

    Args:
        alpha: how often the interval may miss the true share.
    """
    if n == 0:
        return Interval(0.0, 1.0)
    z = _z(alpha)
    share = n_hits / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Interval(max(0.0, middle - reach), min(1.0, middle + reach))


def difference(hits: tuple[int, int], sizes: tuple[int, int], *, alpha: float = 0.05) -> Interval:
    """Return the interval of the second share less the first.

    Source: Newcombe (1998), "Interval estimation for the difference between independent
    proportions", method 10.
    """
    if not all(sizes):
        return Interval(-1.0, 1.0)
    first, second = hits[0] / sizes[0], hits[1] / sizes[1]
    a, b = wilson(hits[0], sizes[0], alpha=alpha), wilson(hits[1], sizes[1], alpha=alpha)
    gap = second - first
    low = gap - sqrt((second - b.low) ** 2 + (a.high - first) ** 2)
    high = gap + sqrt((b.high - second) ** 2 + (first - a.low) ** 2)
    return Interval(max(-1.0, low), min(1.0, high))


def _z(alpha: float) -> float:
    return NormalDist().inv_cdf(1 - alpha / 2)
