"""The page about the inside of a norm layer: its controls, its figures and its sentences."""
