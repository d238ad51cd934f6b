"""Measurements of networks: accuracy, statistics, batches, transfer and patching."""
