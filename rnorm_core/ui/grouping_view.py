"""An image among its neighbours, batches of other composition -> what is drawn and said. Pure functions."""

from torch import Tensor

from rnorm_core import figures
from rnorm_core.data import Batch
from rnorm_core.figures import Dot, Figure, Line
from rnorm_core.ui.crafting import Side, first
from rnorm_core.ui.grouping import ANEW, CLASS, COME, MIXED, SAME, Composed, Met
from rnorm_core.ui.story import best_guess
from rnorm_core.ui.whose import everyday, said


def swayed(found: Met, side: Side) -> str:
    """How much the answer changes with the neighbours alone, in Markdown."""
    met, classes = found.own[side], found.own[side].classes
    answers = met.predictions.tolist()
    won = [f"{classes[k]} in {answers.count(k)}" for k in sorted(set(answers), key=answers.count, reverse=True)]
    text = f"**{side.label}**: of {len(answers)} draws {', '.join(won)}"
    spread, k = _spread(met.probabilities)
    text += f"; the probability of {classes[k]} goes over {100 * spread:.1f} points."
    if same := found.everyday.get(side):
        moved, _ = _spread(same.probabilities)
        how = "changes at all" if moved == 0 else f"changes by more than {100 * moved:.2g} points"
        text += f" **{everyday(side).statistics}**: {classes[int(same.predictions[0])]}, and among the same neighbours "
        text += f"no probability {how}."
    return text


def _spread(probabilities: Tensor) -> tuple[float, int]:
    width = probabilities.amax(0) - probabilities.amin(0)
    return float(width.max()), int(width.argmax())


Picture = tuple[Tensor, str, str]  # an image, what it is, what is said of it


def gathered(found: Met, batch: Batch, draw: int) -> tuple[list[Picture], str]:
    """The image and its neighbours in this draw; each network's answer, and who the neighbours are."""
    own = batch.images[first(batch.ids, found.asked.image)]
    places = [batch.ids.index(one) for one in next(iter(found.own.values())).neighbours[draw]]
    answers = [f"{side.title} sees {best_guess(m.probabilities[draw], m.classes)}" for side, m in found.own.items()]
    names = ", ".join(batch.classes[int(batch.labels[i])] for i in places)
    pictures = [(own, "", ""), *((batch.images[i], "", "") for i in places)]
    return pictures, f"First the image: {'; '.join(answers)}. Beside it: {names}."


def by_share(found: Composed, side: Side) -> Figure:
    """Attacked images, and the clean ones beside them, against how many of a batch are attacked."""
    mixtures, size = found.shares[side], found.asked.size
    beside = [m for m in mixtures if m.neighbours is not None]
    lines = [
        Line("the attacked images", side.norm, side.statistics, [m.attacked for m in mixtures],
             [m.accuracy for m in mixtures]),
        Line("clean ones beside them", side.norm, side.statistics, [m.attacked for m in beside],
             [m.neighbours for m in beside if m.neighbours], True),
    ]  # fmt: skip
    return figures.accuracy_by_share(
        [line for line in lines if line.x], f"{side.label}; {said(found.asked.eps_255)}", size
    )


def composed(found: Composed) -> Figure:
    """Clean and attacked images in batches of other composition."""
    dots = [Dot(name, side.title, side.norm, accuracy, True) for (side, name), accuracy in found.clean.items()]
    dots += [
        Dot(name, side.title, side.norm, accuracy)
        for (side, name), tried in found.attacked.items()
        for accuracy in tried
    ]
    order = [COME, SAME, ANEW, CLASS, MIXED]
    dots.sort(key=lambda dot: order.index(dot.condition))
    about = f"batch mode, at most {found.asked.size} together; {said(found.asked.eps_255)}"
    return figures.compositions(dots, "Does it matter who comes together?", about)
