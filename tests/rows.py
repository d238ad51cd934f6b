"""Rows of the table of accuracies, written by hand."""

import re
from typing import Any

import torch

from rnorm_core import evaluation
from rnorm_core.evaluation import Row
from rnorm_core.evaluation.tables.row import pack
from rnorm_core.zoo import Card, Variant


def row(network: Variant | Card, eps_255: float, hits: Any, attack: str = "pgd", images: str = "1", **changes) -> Row:
    """hits: which images are right, or (correct, n): the first `correct` of n. A card stands for tracked statistics."""
    if isinstance(network, Card):
        network = Variant(network.name, "tracked", network.sha256, network.norm)
    mask = torch.arange(hits[1]) < hits[0] if isinstance(hits, tuple) else torch.as_tensor(hits).bool()
    n, correct = len(mask), int(mask.sum())
    low, high = evaluation.wilson(correct, n)
    fields = {
        "model": network.model, "weight_hash": network.weight_hash, "dataset": "cifar10", "norm": network.norm,
        "statistics": network.statistics, "attack": attack if eps_255 else "clean",
        "settings": {"steps": 20} if eps_255 else {}, "eps_255": eps_255, "pixels": "float", "n": n,
        "correct": correct, "low": low, "high": high, "batch_size": 128, "seed": 0, "images": images * 64,
        "hits": pack(mask), "code_version": "1", "made_with": {}, "date": "2026-01-01",
    }  # fmt: skip
    return Row(**(fields | changes))


def unsigned(lines: str) -> str:
    """Lines of a table without their checksums, so that they can be changed: tables of older versions have none."""
    return re.sub(r', "crc32": "[0-9a-f]{8}"', "", lines)
