"""What an attack on one image does, in a sentence. Pure functions, in Markdown."""

from rnorm_core.attacks import CATALOGUE
from rnorm_core.data import CLASSES, SUPERCLASSES, class_title
from rnorm_core.experiments.landscape import Landscape, Result
from rnorm_core.rounding import percent


def of_one(result: Result, image: int, dataset: str, size: float | None) -> str:
    """What each network sees after the attack of this size; "" while that is not computed."""
    landscapes = result.by_image[image]
    if size is not None and size not in landscapes[0].sizes_255:
        return ""
    at = 0 if size is None else landscapes[0].sizes_255.index(size)
    seen = [_seen(each, at, dataset) for each in landscapes]
    text = f"{CATALOGUE[result.request.attack].title}{_size(result.request.attack, size)}: {_list(seen)}."
    gone = [each.variant.label for each in landscapes if _fooled(each, at) and not _still(each, at)]
    return f"{text} Saved as a PNG file, the change no longer fools {_list(gone)}." if gone else text


def _size(attack: str, size: float | None) -> str:
    if size is None:
        return ", with the smallest change that it finds"
    if CATALOGUE[attack].norm == "l2":
        return f", with a change of length {size:g}/255"
    return f", with each colour moved by at most {size:g} of 255 grey levels"


def _seen(each: Landscape, at: int, dataset: str) -> str:
    before, after = each.probabilities[at, 0], each.probabilities[at, -1]
    was, now = (CLASSES[dataset][int(some.argmax())] for some in (before, after))
    sure = percent(float(after.max())).replace(" ", "\N{NO-BREAK SPACE}")
    if was == now:
        return f"{each.variant.label} still sees **{class_title(now)}** ({sure})"
    instead = f"{class_title(was)}{_kin(was, now, dataset)}"
    return f"{each.variant.label} sees **{class_title(now)}** ({sure}) instead of {instead}"


def _kin(was: str, now: str, dataset: str) -> str:
    """A note if both classes belong to one superclass."""
    kinds = {SUPERCLASSES[dataset].get(name, name) for name in (was, now)}
    return f" (both are {kinds.pop()})" if len(kinds) == 1 else ""


def _fooled(each: Landscape, at: int) -> bool:
    before, after = (int(each.probabilities[at, step].argmax()) for step in (0, -1))
    return _wanted(each, after) and not _wanted(each, before)


def _still(each: Landscape, at: int) -> bool:
    return _wanted(each, int(each.saved[at].argmax()))


def _wanted(each: Landscape, answer: int) -> bool:
    """Whether an answer is what the attack wants."""
    return answer != each.label if each.target is None else answer == each.target


def _list(parts: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))
