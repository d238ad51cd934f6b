"""Passes by compiled graphs, and the pool of graphs.

A graph takes about 0.15 s of one core to compile. So the first attack on a network with a number of images runs
eagerly, a thread compiles the graph beside it, and later attacks use the graph. One attack uses one engine throughout.

Attacks share the graphs of their network: each takes one for the time of one pass. So a class of attacks, of which two
compute at a time and the others wait in their middle, needs two graphs and not sixty.

A new graph is compared with the eager engine on random images, and not used unless they agree.
"""

import contextlib
import logging
import threading
from collections import OrderedDict, deque
from dataclasses import dataclass
from queue import Empty, LifoQueue

import torch
from torch import Tensor, nn

from rnorm_core.engine.eager import Ascent, Eager
from rnorm_core.engine.runtime import Graph, runtime
from rnorm_core.engine.scores import CrossEntropy, Score, check_classes
from rnorm_core.models import ResNet
from rnorm_core.norms import NoNorm

LARGEST = 128  # images of a graph
WEIGHTS = 1_000_000  # of a network; a ResNet-38 has 560,000
# What the pool keeps. A graph of a ResNet-20 takes 12 MB for 1 image, 28 MB for 20 and 120 MB for 128.
GRAPHS, IMAGES = 12, 256
COPIES = 2  # graphs of one network and number of images, where two threads wanted one at the same time
TOLERANCE = 1e-5  # of the largest logit and of the largest gradient
CHECKED = 8  # images, at least
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Key:
    """The network's fingerprint, the number of images, and the number of threads."""

    network: bytes
    count: int
    threads: int


class Copies:
    """The equal graphs of one key. Threads share them; each has one for itself during a call.

    wanted: whether a call had to wait, so that one more graph would have been of use.
    """

    def __init__(self, graph: Graph) -> None:
        self.classes, self.made, self.wanted = graph.classes, 0, False
        self._idle: LifoQueue[Graph] = LifoQueue()
        self.add(graph)

    def add(self, graph: Graph) -> None:
        self.made += 1
        self._idle.put(graph)

    def __call__(self, images: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        """As `Graph`."""
        try:
            graph = self._idle.get_nowait()
        except Empty:
            self.wanted = True
            graph = self._idle.get()
        try:
            return graph(images, classes)
        finally:
            self._idle.put(graph)


class Compiled(Eager):
    """Gradients of the cross entropy of `count` images by a graph, and everything else by torch."""

    name = "compiled"

    def __init__(self, network: nn.Module, count: int, graphs: Copies) -> None:
        super().__init__(network)
        self._count, self._graphs = count, graphs

    def ascend(self, images: Tensor, score: Score, precision: str = "fp32") -> Ascent:
        if not isinstance(score, CrossEntropy) or precision != "fp32" or len(images) != self._count:
            return super().ascend(images, score, precision)
        check_classes(score.highest, self._graphs.classes)
        logits, gradient = self._graphs(images, score.classes)
        return Ascent(logits, score(logits), gradient if score.sign == 1 else score.sign * gradient)


class Pool:
    """The graphs, the last used ones last. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[Key, Copies] = OrderedDict()
        self._refused: deque[Key] = deque(maxlen=256)
        self._worker: threading.Thread | None = None

    def passes(self, network: nn.Module, fingerprint: bytes, count: int) -> Eager:
        """The passes of a constant network for `count` images: by its graph if there is one, else by torch.

        If there is none, or too few, a thread begins to compile one; it compiles one graph at a time.
        """
        key = Key(fingerprint, count, torch.get_num_threads())
        if not _suits(network, count) or runtime() is None:
            return Eager(network, splits=True)
        with self._lock:
            graphs = self._known.get(key)
            wanted = key not in self._refused if graphs is None else graphs.wanted and graphs.made < COPIES
            if wanted and (self._worker is None or not self._worker.is_alive()):
                # Not a daemon: the end of the interpreter waits for it, because it must not stop in foreign code.
                self._worker = threading.Thread(target=self._add, args=(network, key), name="compile a graph")
                with contextlib.suppress(RuntimeError):  # the interpreter is about to end
                    self._worker.start()
            if graphs is None:
                return Eager(network, splits=True)
            self._known.move_to_end(key)
            return Compiled(network, count, graphs)

    def prepare(self, network: nn.Module, fingerprint: bytes, count: int) -> None:
        """Compiles the graph now, so that even the first attack uses it."""
        key = Key(fingerprint, count, torch.get_num_threads())
        if not _suits(network, count) or runtime() is None:
            return
        self.wait()
        with self._lock:
            known = key in self._refused or key in self._known
        if not known:
            self._add(network, key)

    def forget(self, fingerprint: bytes) -> None:
        """Drops the graphs of a network that is to be gone."""
        with self._lock:
            for key in [key for key in self._known if key.network == fingerprint]:
                del self._known[key]

    def wait(self) -> None:
        """Until the graph that a thread compiles is ready."""
        worker = self._worker
        if worker is not None and worker.is_alive():
            worker.join()

    def _add(self, network: nn.Module, key: Key) -> None:
        graph = None
        try:
            torch.set_num_threads(key.threads)  # torch counts them for each thread
            graph = Graph(network, key.count, key.threads)
            if not agrees(graph, Eager(network)):
                graph = None
        except Exception:  # foreign code may fail in any way, and the eager engine does the same work
            _log.exception("No graph of this network can be compiled; it runs without one.")
        with self._lock:
            if graph is None:
                self._refused.append(key)
            elif key in self._known:
                self._known[key].add(graph)
            else:
                self._known[key] = Copies(graph)
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        """Drops the graphs that were not used for the longest time; attacks that still use them keep them."""

        while (counts := self._counts()) and (len(counts) > GRAPHS or sum(counts) > IMAGES):
            self._known.popitem(last=False)

    def _counts(self) -> list[int]:
        """The number of images of each graph."""
        return [key.count for key, graphs in self._known.items() for _ in range(graphs.made)]


def _suits(network: nn.Module, count: int) -> bool:
    """Whether there can be a graph: a folded ResNet, or one without norms, in float32 on the CPU, and not too large."""
    weights = list(network.parameters())
    return (
        type(network) is ResNet
        and count <= LARGEST
        and all(weight.dtype == torch.float32 and weight.device.type == "cpu" for weight in weights)
        and sum(weight.numel() for weight in weights) <= WEIGHTS
        and all(isinstance(part.norm, NoNorm) for part in network.modules() if hasattr(part, "norm"))
    )


def agrees(graph: Graph, eager: Eager) -> bool:
    """Whether logits and gradients equal the eager ones on random images, up to `TOLERANCE`.

    Sums are rounded differently, so now and then a value that is zero up to rounding is on the other side of a ReLU's
    kink. Then an image has another gradient, and both are right. So only three of four images must agree.
    """
    generator = torch.Generator().manual_seed(0)
    close = list[Tensor]()
    while sum(map(len, close)) < CHECKED:
        images = torch.rand((graph.count, 3, 32, 32), generator=generator)
        classes = torch.randint(0, graph.classes, (graph.count,), generator=generator)
        logits, gradient = graph(images, classes)
        expected = eager.ascend(images, CrossEntropy(classes, graph.classes - 1))
        far = (gradient - expected.gradient).abs().amax((1, 2, 3)) / expected.gradient.abs().max()
        away = (logits - expected.logits).abs().amax(1) / expected.logits.abs().max()
        close.append((far <= TOLERANCE) & (away <= TOLERANCE))
    return torch.cat(close).float().mean().item() >= 0.75
