"""Numbers in formulas and beside them."""


def short(value: float) -> str:
    """Three digits, never in powers of ten: "0.0123", "12345.6"."""
    if 1e-3 <= abs(value) < 1e4:
        return f"{value:.3g}"
    return f"{round(value, 5) + 0:.5f}".rstrip("0").rstrip(".")


def signed(value: float) -> str:
    """With its sign, for a sum: "+0.5"."""
    return f"{'-' if value < 0 else '+'}{short(abs(value))}"
