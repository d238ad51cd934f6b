"""Attacks as files that repeat them. Nothing is computed again: every number comes from the Trace."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from rnorm_core.pixels import magnification, magnified
from rnorm_core.report.files import npy, png, zipped
from rnorm_core.versions import versions

if TYPE_CHECKING:  # writing a file loads no attack library
    from rnorm_core.attacks import Trace
    from rnorm_core.zoo import Card

FORMAT = 1  # version of the archive; increase it when a name in spec.json or its meaning changes
ARRAYS = (
    "clean",
    "adversarial",
    "labels",
    "targets",
    "clean_probabilities",
    "adversarial_probabilities",
    "losses",
    "probabilities",
    "sizes",
)


def archive(
    traces: Mapping[str, "Trace"],
    *,
    seed: int,
    classes: tuple[str, ...],
    dataset: str,
    source: str,
    device: str = "cpu",
    fold: bool = False,
    about: Mapping[str, Any] | None = None,
    extras: Mapping[str, Tensor] | None = None,
    brought: Sequence["Card"] = (),
) -> bytes:
    """A ZIP file that reproduces attacks. It has one folder per trace, named by the keys of `traces` ("left", "right").

    seed:    of the traces. Each was made with its own CPU generator with this seed, by a model on `device`.
    fold:    whether the networks were folded (`zoo.load(fold=True)`): folding changes the rounding of their gradients.
    about:   more facts for spec.json, of any JSON type.
    extras:  more arrays by name; "right/transferred_probabilities" is put into the folder "right".
    brought: cards of models that somebody has uploaded; their weights are not part of this project.

    The file holds spec.json (attacks, models, images), README.txt (how to repeat the attacks), and for each trace the
    arrays as .npy (float32; labels and targets int64) and PNG images (clean, adversarial, and the perturbation,
    magnified by one factor for all). Equal results give equal bytes: all entries have one fixed date.
    """
    factor = magnification(*(t.adversarial - t.clean for t in traces.values()))
    spec = {
        "format": FORMAT,
        **(about or {}),
        "seed": seed,
        "device": device,
        "fold": fold,
        "dataset": dataset,
        "classes": list(classes),
        "source": source,
        "perturbation_magnified_by": factor,
        "versions": versions(),
        "traces": {side: _identity(trace) for side, trace in traces.items()},
    }
    if brought:
        spec["brought"] = [_brought(card) for card in brought]
    files = {
        "README.txt": _readme(list(traces), brought).encode(),
        "spec.json": json.dumps(spec, indent=2, allow_nan=False).encode(),
    }
    for side, trace in traces.items():
        arrays = {name: getattr(trace, name) for name in ARRAYS}
        files |= {f"{side}/{name}.npy": npy(array) for name, array in arrays.items() if array is not None}
        pictures = {
            "clean": trace.clean,
            "adversarial": trace.adversarial,
            f"perturbation_x{factor}": magnified(trace.adversarial - trace.clean, factor),
        }
        for kind, images in pictures.items():
            files |= {f"{side}/png/{i:03d}_{kind}.png": png(image) for i, image in enumerate(images)}
    files |= {f"{name}.npy": npy(array) for name, array in (extras or {}).items()}
    return zipped(files)


def _identity(trace: "Trace") -> dict[str, Any]:
    return {
        "attack": trace.spec,
        "model": trace.model,
        "statistics": trace.statistics,
        "weight_hash": trace.weight_hash,
        "image_ids": list(trace.ids),
        "joint": trace.joint,
        "engine": trace.engine,
    }


def _brought(card: "Card") -> dict[str, Any]:
    """The arguments for `zoo.bring` that make the same model from the file."""
    shape = {key: getattr(card, key) for key in ("architecture", "norm", "power", "width", "dataset")}
    return {"model": card.name, "file": card.recipe["file"], "sha256": card.sha256, **shape}


REPRODUCE = """\
import json
from pathlib import Path

import numpy as np
import torch
from rnorm_core import attacks, data, zoo

side = "{side}"
spec = json.loads(Path("spec.json").read_text())
made = spec["traces"][side]

def read(name):
    return torch.from_numpy(np.load(f"{{side}}/{{name}}.npy"))

{bring}device = spec["device"]
batch = data.Batch(
    images=read("clean"), labels=read("labels"), classes=tuple(spec["classes"]),
    ids=tuple(made["image_ids"]), source=spec["source"], dataset=spec["dataset"],
).to(device)
model = zoo.load(made["model"], made["statistics"], device, fold=spec["fold"])
assert model.weight_hash == made["weight_hash"], "these are other weights"
attack = attacks.make(**made["attack"])
trace = attack.run(model, batch, torch.Generator().manual_seed(spec["seed"]))
print("largest difference to the archive:", (trace.adversarial.cpu() - read("adversarial")).abs().max().item())
"""


BRING = """\
for own in spec["brought"]:  # weights of your own: put the files beside this one
    raw = Path(own["file"]).read_bytes()
    zoo.bring(raw, own["file"], **{{k: own[k] for k in ("architecture", "norm", "power", "width", "dataset")}})

"""


def _readme(sides: list[str], brought: Sequence["Card"]) -> str:
    bring = BRING.format() if brought else ""
    return f"""\
An attack, kept so that it can be done again
============================================

spec.json            attack and options, model, statistics mode, sha256 of the weights, image ids (sha256 of the
                     pixels), seed, versions. "joint": the images were attacked together, as one batch. "engine": what
                     computed the network, "eager" (torch) or "compiled" (OpenVINO).
{" and ".join(f"{side}/" for side in sides)}: one folder per model
  clean.npy, adversarial.npy    float32 (N, 3, 32, 32), RGB in [0, 1]: the exact images
  labels.npy                    int64 (N,): the classes attacked; targets.npy: the classes aimed at, if any
  *_probabilities.npy           float32 (N, classes): what the model sees before and after
  losses.npy, sizes.npy         float32 (steps + 1, N): by attack step, 0 is the start; size in the attack's norm
  probabilities.npy             float32 (steps + 1, N, classes)
  png/                          for looking at. A PNG holds 8 bits a channel: the images in it are rounded to
                                multiples of 1/255 and may fool the model less. Use the .npy files to measure.

To do it again, with RobustNorm Lab installed (`pip install -e .` in its checkout), run this in the folder where this
file is:

{REPRODUCE.format(side=sides[0], bring=bring)}
The same versions on the same kind of device give the same images if the engine was "eager". Otherwise sums round
differently, and an attack that takes the sign of a gradient differs in some pixels.
"""
