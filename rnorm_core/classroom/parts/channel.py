"""One channel of a norm layer, and what one far value does to the two numbers that a norm can divide by."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from rnorm_core.classroom.fields import Fields
from rnorm_core.classroom.parts.part import Part, read_dataset
from rnorm_core.classroom.parts.value import Value
from rnorm_core.errors import UserError
from rnorm_core.evaluation.measure.channel_values import Channel, outliers, spread
from rnorm_core.experiments import channel, shipped
from rnorm_core.experiments.channel import NONE
from rnorm_core.experiments.shipped.defaults import CHANNEL
from rnorm_core.experiments.shipped.files import AGAIN
from rnorm_core.norms import DEFAULT_POWER

FAR = (2, 5, 10, 20, 50, 100)  # standard deviations
POWERS = tuple(k / 10 for k in range(11))


@dataclass(frozen=True)
class OneChannel(Part):
    """The channel with which the page "Inside a norm layer" begins. far: how far one more value lies, in standard
    deviations. power: p of RobustNorm. dataset: of the network and its images.

    Values: `std`, `range`, `divisor` (the range to the power p), and `std_grows`, `divisor_grows`, `range_grows`: the
    growth by the far value, in percent.
    """

    NAME: ClassVar[str] = "channel"

    far: float
    power: float
    dataset: str

    @classmethod
    def read(cls, fields: Fields) -> Self:
        (far,) = fields.numbers("far", FAR, most=1)
        power = fields.numbers("p", POWERS, most=1)[0] if "p" in fields else DEFAULT_POWER
        return cls(far, power, read_dataset(fields))

    def on(self, dataset: str) -> Self:
        return replace(self, dataset=dataset)

    def channel(self) -> Channel:
        """From the shipped result; UserError where it is missing."""
        request = CHANNEL[self.dataset].request()
        if (result := shipped.result(request)) is None:
            raise UserError("The shipped result of this channel is missing.", f"run `{AGAIN}`.")
        return channel.received(result, NONE, channel.first_layer(request.variant), 0)

    def values(self) -> dict[str, Value]:
        values = self.channel().values
        known = spread(values)
        (one,) = outliers(values, (self.far,), self.power)
        growth = {
            "std": one.std_factor, "divisor": one.scale_factor, "range": one.spread.range / known.range
        }  # fmt: skip
        return {
            "std": Value(known.std), "range": Value(known.range), "divisor": Value(known.range**self.power),
            **{f"{name}_grows": Value(round(100 * (factor - 1), 1), unit=" %") for name, factor in growth.items()},
        }  # fmt: skip
