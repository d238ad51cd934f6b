"""Results -> plotly figures with alternative text. Pure functions of numbers that were measured elsewhere.

Every figure asks one question in its title, says units, n and interval, has a transparent background and leaves font
colours to the theme around it. Colour never stands alone: markers, dashes, hatches or words say the same.
"""
