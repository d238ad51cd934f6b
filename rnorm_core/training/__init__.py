"""Training from the command line: `python -m rnorm_core.training --help`."""
