"""Tables of measured results: their rows, files and queries."""
