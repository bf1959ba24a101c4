"""Confidence intervals of counts in decimals."""

from decimal import Decimal


def decimal_interval(count, total, price):
    """The ends at which ``total·D(count/total‖q)`` is the price, by halving in 40 digits."""
    seen = Decimal(count) / total

    def divergence(q):
        first = seen * (seen / q).ln() if seen else Decimal(0)
        return total * (first + (1 - seen) * ((1 - seen) / (1 - q)).ln())

    ends = []
    for far in (Decimal(0), Decimal(1)):
        near = seen
        for _ in range(110):
            middle = (near + far) / 2
            if divergence(middle) > price:
                far = middle
            else:
                near = middle
        ends.append(total * near)
    return (Decimal(0) if not count else ends[0]), ends[1]
