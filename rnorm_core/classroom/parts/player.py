"""The attack player with one photo, from the shipped landscapes."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from rnorm_core import data
from rnorm_core.classroom.fields import Fields
from rnorm_core.classroom.parts.part import Part, read_dataset
from rnorm_core.classroom.parts.value import Value
from rnorm_core.data import Batch
from rnorm_core.experiments import landscape, shipped
from rnorm_core.experiments.landscape import SIZES
from rnorm_core.experiments.shipped.defaults import START


@dataclass(frozen=True)
class Player(Part):
    """The photo with which the page Start begins, on its three networks. eps_255: the size to begin with, k of k/255.
    dataset: of the photo and the networks.

    Values: `bn_fooled_from`, the smallest size at which the network is wrong in the end; for a network that is never
    wrong there is none. `bn_at_1`: the probability of the true class there.
    """

    NAME: ClassVar[str] = "player"

    eps_255: float
    dataset: str

    @classmethod
    def read(cls, fields: Fields) -> Self:
        (size,) = fields.numbers("size", SIZES["linf"], most=1)
        return cls(size, read_dataset(fields))

    def on(self, dataset: str) -> Self:
        return replace(self, dataset=dataset)

    def request(self, photo: str = "") -> landscape.Request:
        """photo: the beginning of the id of another sample than the shipped one."""
        request = START[self.dataset].request()
        if not photo:
            return request
        samples = self.samples()
        one = samples.select([samples.find(photo)])
        return replace(request, ids=one.ids, labels=tuple(one.labels.tolist()))

    def samples(self) -> Batch:
        return data.samples(self.dataset)

    def values(self) -> dict[str, Value]:
        found: dict[str, Value] = {}
        result = shipped.result(self.request())
        for each in result.by_image[0] if result else ():
            last = each.probabilities[:, -1]
            wrong = [eps for eps, p in zip(each.sizes_255, last, strict=True) if int(p.argmax()) != each.label]
            if wrong:
                found[f"{each.variant.norm}_fooled_from"] = Value(min(wrong), unit="/255")
            for eps, p in zip(each.sizes_255, last, strict=True):
                found[f"{each.variant.norm}_at_{eps:g}"] = Value(float(p[each.label]))
        return found
