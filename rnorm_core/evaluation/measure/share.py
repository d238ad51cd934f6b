"""One sweep by several processes: `torchrun --nproc-per-node 2 -m rnorm_core.evaluation ...`.

Each process measures every n-th batch of each condition. Every batch has its own random numbers, so the results are
those of one process. Only the first process reads and writes the table, and it gives the others their work.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
from torch import Tensor, distributed

from rnorm_core.errors import UserError

T = TypeVar("T")
# A process that dies is noticed at once. This is how far a slow process may be behind the others.
TIMEOUT = timedelta(hours=2)


@dataclass(frozen=True)
class Share:
    """The part of the work that one of `of` processes does; `rank` counts them from 0."""

    rank: int = 0
    of: int = 1

    @property
    def first(self) -> bool:
        return self.rank == 0

    def takes(self, index: int) -> bool:
        """Whether this process measures the batch at `index`."""
        return index % self.of == self.rank

    def agree(self, value: T) -> T:
        """The value of the first process, in every process. UserError if another process has failed."""
        if self.of > 1:
            box = [value]
            with _others_may_fail():
                distributed.broadcast_object_list(box, src=0)
            value = box[0]
        return value

    def merge(self, hits: Tensor) -> Tensor:
        """Bool (n,) on the CPU, true where it is true in any process. UserError if another process has failed."""
        if self.of > 1:
            merged = hits.to(torch.uint8)
            with _others_may_fail():
                distributed.all_reduce(merged, distributed.ReduceOp.MAX)
            hits = merged.bool()
        return hits


ALONE = Share()


@contextmanager
def shared() -> Iterator[Share]:
    """The share that torchrun gives this process, which also gets its GPU, if any; `ALONE` without torchrun."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        yield ALONE
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
    distributed.init_process_group("gloo", timeout=TIMEOUT)
    try:
        yield Share(distributed.get_rank(), distributed.get_world_size())
    finally:  # so that other processes that wait for this one notice its end
        distributed.destroy_process_group()


@contextmanager
def _others_may_fail() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise UserError(
            f"Another process of this sweep has failed ({error}).",
            "read the error of that process, then run the same command again; it keeps the rows of the file.",
        ) from error
