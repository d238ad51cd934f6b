"""The player's words that depend on the request. Pure functions."""

from rnorm_core.attacks import CATALOGUE
from rnorm_core.experiments.landscape import Landscape, Request
from rnorm_core.norms import MEDIAN, looks_at_batch


def labels(request: Request, *, label_known: bool) -> dict[str, str]:
    """Names of the player's parts."""
    several = len(request.sizes_255) > 1
    return {
        "size_name": "Attack size (eps)" if CATALOGUE[request.attack].norm == "linf" else "Attack size (eps, L2)",
        "map_name": "sizes →, steps ↑" if several else "steps ↑",
        "clean_name": "clean image",
        "attacked_name": "attacked",
        "saved_fools": "Saved as a PNG file it still fools.",
        "saved_fails": "Saved as a PNG file it no longer fools.",
        "truth_name": "true" if label_known else "attacked",
        "key_text": _key(request),
        "numbers_text": "Pixels are values from 0 to 1: 1/255 is one grey level. Normalised: divided by each channel's "
        "standard deviation (about 0.25), as the paper gives eps.",
    }


def _key(request: Request) -> str:
    """How to read the pictures."""
    bars = "The true class is underlined; the thin line in a bar is the answer to the clean image."
    if not CATALOGUE[request.attack].takes_eps:
        return bars
    coloured = "wrong" if request.target is None else "the target, pale means another wrong class"
    mark = "" if CATALOGUE[request.attack].one_step else " ▲ marks the step at which a network first changes its mind."
    return f"In the map, coloured with a line means {coloured}; the frame is where you are.{mark} {bars}"


def note(request: Request, landscape: Landscape) -> str:
    """What has to be known about this network's landscape; empty if there is nothing."""
    notes, entry = [], CATALOGUE[request.attack]
    if entry.family == "noise":
        notes.append("Random noise: nothing in it was crafted for a model.")
    elif not landscape.crafted_here:
        notes.append("The attack was crafted for the other model.")
    mode = landscape.variant.statistics
    if looks_at_batch(mode) and len(request.ids) == 1:
        notes.append(
            f"In the mode “{mode}” a network takes statistics from the pictures it is shown together, here from this "
            "one alone. It is then often wrong, or right by chance, even without an attack."
        )
    elif looks_at_batch(mode):
        notes.append(f"In the mode “{mode}” answers depend on the other pictures of the batch.")
    if mode == MEDIAN and landscape.crafted_here and entry.family != "noise" and not entry.black_box:
        notes.append("An attack climbs the mean's gradient in place of the median's, which is 0 almost everywhere.")
    return " ".join(notes)
