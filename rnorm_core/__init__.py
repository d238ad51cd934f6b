"""RobustNorm Lab's library: normalization layers, CIFAR models, attacks and measurements.

Needs no Streamlit; only `rnorm_core.ui` does.
"""
