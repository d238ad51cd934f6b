"""The page about statistic shift: its controls, its figures and its sentences."""
