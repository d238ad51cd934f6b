"""The player's words that depend on the request. Pure functions."""

from rnorm_core.attacks import CATALOGUE
from rnorm_core.experiments.landscape import Landscape, Request
from rnorm_core.norms import looks_at_batch


def labels(request: Request, *, label_known: bool) -> dict[str, str]:
    """Names of the player's parts."""
    several = len(request.sizes_255) > 1
    return {
        "size_name": "Attack size (eps)" if CATALOGUE[request.attack].norm == "linf" else "Attack size (eps, L2)",
        "map_name": "sizes across, steps up" if several else "steps up",
        "clean_name": "clean image",
        "truth_name": "true" if label_known else "attacked",
        "key_text": "In the map, filled with a stroke is wrong, and the frame is where you are. ▲ marks the step at "
        "which a network changes its mind. The thin line in a bar is the answer to the clean image.",
        "numbers_text": "Pixels are values from 0 to 1: 1/255 is one grey level. Normalised: divided by each channel's "
        "standard deviation (about 0.25), as the paper gives eps.",
    }


def note(request: Request, landscape: Landscape) -> str:
    """What has to be known about this network's landscape; empty if there is nothing."""
    notes = []
    if CATALOGUE[request.attack].family == "noise":
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
    return " ".join(notes)
