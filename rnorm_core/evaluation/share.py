"""One sweep by several processes: `torchrun --nproc-per-node 2 -m rnorm_core.evaluation ...`.

Each process measures every n-th batch of each condition. A batch draws random numbers of its own, so that the numbers
are those of one process. The first process reads and writes the table and tells the others what to do.
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
# A process that dies is noticed at once; this is for one that is only slow: by how much it may be behind the others.
PATIENCE = timedelta(hours=2)


@dataclass(frozen=True)
class Share:
    """What one of `of` processes does, `rank` from 0."""

    rank: int = 0
    of: int = 1

    @property
    def first(self) -> bool:
        return self.rank == 0

    def takes(self, index: int) -> bool:
        """Whether the batch at `index` is this process's."""
        return index % self.of == self.rank

    def agree(self, said: T) -> T:
        """What the first process says."""
        if self.of > 1:
            box = [said]
            with _others_may_fail():
                distributed.broadcast_object_list(box, src=0)
            said = box[0]
        return said

    def together(self, hits: Tensor) -> Tensor:
        """Bool (n,) on the CPU, true where any process says so."""
        if self.of > 1:
            found = hits.to(torch.uint8)
            with _others_may_fail():
                distributed.all_reduce(found, distributed.ReduceOp.MAX)
            hits = found.bool()
        return hits


ALONE = Share()


@contextmanager
def shared() -> Iterator[Share]:
    """The share that torchrun gives this process, and its GPU if there are some; `ALONE` without torchrun."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        yield ALONE
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
    distributed.init_process_group("gloo", timeout=PATIENCE)
    try:
        yield Share(distributed.get_rank(), distributed.get_world_size())
    finally:  # the others, who may wait for this process, are told
        distributed.destroy_process_group()


@contextmanager
def _others_may_fail() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise UserError(
            f"Another process of this sweep has failed ({error}).",
            "see what it says, then run the same command again; what the file holds stays.",
        ) from error
