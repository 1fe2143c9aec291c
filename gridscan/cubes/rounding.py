"""Numbers as papers print them: as many digits as say something."""

from math import floor, isnan, log10

DIGITS = 2
"""Of the width of an interval: both of its bounds are printed to the last of these."""

ALONE = 1
"""Digits more, of the number itself, where a bound has no other (a lower limit on a mass), or was
looked for on a logarithmic axis, where both may be of any size.
"""

PLAIN = (-4, 6)
"""Powers of ten between which numbers are written out."""


def bounds(lower: float, upper: float, digits: int = DIGITS, log: bool = False) -> tuple[str, str]:
    """Both bounds of an interval in print, to so many digits of its width; NaN is empty.

    A bound alone, and each on a logarithmic axis, has one digit more, of its own.
    """
    both = not (isnan(lower) or isnan(upper) or log) and upper > lower
    last = _last(upper - lower, digits) if both else None
    low, high = (_printed(value, digits + ALONE, last) for value in (lower, upper))
    return low, high


def _last(size: float, digits: int) -> int:
    """The power of ten of the last of so many digits of a number."""
    return int(f"{size:.{digits - 1}e}".partition("e")[2]) - digits + 1


def _printed(value: float, digits: int, last: int | None) -> str:
    if isnan(value):
        return ""
    if value == 0:
        return "0"
    return number(value, _last(abs(value), digits) if last is None else last)


def number(value: float, last: int) -> str:
    """A number whose last digit is of a power of ten: 0.053, 120, 1.7e-10."""
    value = round(value, -last)
    first = floor(log10(abs(value))) if value else last
    if PLAIN[0] <= first < PLAIN[1] and PLAIN[0] - 2 <= last <= 0:
        return f"{value + 0.0:.{-last}f}"
    if not value or (0 < last <= first < PLAIN[1]):
        return f"{value + 0.0:.0f}"
    return _scientific(value, first, last)


def _scientific(value: float, first: int, last: int) -> str:
    mantissa, _, power = f"{value:.{max(0, first - last)}e}".partition("e")
    return f"{mantissa}e{int(power)}"
