"""How numbers are shown. Percentages: one decimal, halves up, the same from counts and from fractions."""

import math


def tenths(fraction: float) -> str:
    """ "22.7" for 0.2265 (453 of 2,000), which is a little less in binary."""
    return f"{math.floor(1000 * fraction + 0.5 + 1e-9) / 10:.1f}"


def percent(fraction: float) -> str:
    """ "22.7 %", "0 %", "100 %"; what is only nearly 100 % or 0 % says so: "99.9 %", "<0.1 %"."""
    if fraction in (0, 1):
        return f"{100 * fraction:.0f} %"
    known = tenths(fraction)
    return {"100.0": "99.9 %", "0.0": "<0.1 %"}.get(known, f"{known} %")


def span(low: float, high: float) -> str:
    """ "20.9 to 24.5", in percent."""
    return f"{percent(low).removesuffix(' %')} to {percent(high).removesuffix(' %')}"


def short(value: float) -> str:
    """Three digits, never in powers of ten: "0.0123", "12345.6"."""
    if 1e-3 <= abs(value) < 1e4:
        return f"{value:.3g}"
    return f"{round(value, 5) + 0:.5f}".rstrip("0").rstrip(".")


def signed(value: float) -> str:
    """With its sign, for a sum: "+0.5"."""
    return f"{'-' if value < 0 else '+'}{short(abs(value))}"
