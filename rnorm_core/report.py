"""Results -> files a person keeps. Nothing here recomputes: every number comes from the Trace."""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from torch import Tensor

from rnorm_core.pixels import eight_bit, magnification, magnified
from rnorm_core.versions import versions

if TYPE_CHECKING:  # a name for readers: no attack library is loaded to write a file
    from rnorm_core.attacks import Trace
    from rnorm_core.zoo import Card

FORMAT = 1  # of the archive: raise it when a name or meaning in spec.json changes
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


def png(image: Tensor) -> bytes:
    """One image (3, H, W) in [0, 1] as an 8-bit RGB PNG: every value becomes the nearest of the 256 levels k/255.

    So a perturbation under half a level vanishes, and any other changes a little: see `after_png`.
    """
    if image.ndim != 3:
        raise ValueError(f"a PNG is made of one image (3, H, W), not of {tuple(image.shape)}")
    buffer = io.BytesIO()
    Image.fromarray(eight_bit(image).numpy()).save(buffer, format="PNG")
    return buffer.getvalue()


def after_png(images: Tensor) -> Tensor:
    """Images (..., 3, H, W) in [0, 1] as they come back from 8-bit PNGs: float32, round(255 x) / 255, same device."""
    return eight_bit(images).movedim(-1, -3).contiguous().float().div(255).to(images.device)


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
    """A ZIP that reproduces attacks: one folder per trace (named by `traces`' keys, "left" and "right" in the app).

    seed:    every trace was made with its own CPU generator of this seed, by a model on `device`.
    fold:    the networks were folded (`zoo.load(fold=True)`); their gradients round differently from unfolded ones'.
    about:   further facts for spec.json, anything JSON can hold.
    brought: cards of the models whose weights are not part of this project, but somebody's own.
    extras:  further arrays by name ("right/transferred_probabilities" goes beside the right trace's own).

    Holds spec.json (what was done, with what), README.txt (how to do it again), and per trace the arrays as .npy
    (float32; labels and targets int64) and PNGs (clean, adversarial, perturbation magnified by one factor for all).
    Equal results give equal bytes: the files carry a fixed date.
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
        spec["brought"] = [_own(card) for card in brought]
    files = {
        "README.txt": _readme(list(traces), brought).encode(),
        "spec.json": json.dumps(spec, indent=2, allow_nan=False).encode(),
    }
    for side, trace in traces.items():
        arrays = {name: getattr(trace, name) for name in ARRAYS}
        files |= {f"{side}/{name}.npy": _npy(array) for name, array in arrays.items() if array is not None}
        pictures = {
            "clean": trace.clean,
            "adversarial": trace.adversarial,
            f"perturbation_x{factor}": magnified(trace.adversarial - trace.clean, factor),
        }
        for what, images in pictures.items():
            files |= {f"{side}/png/{i:03d}_{what}.png": png(image) for i, image in enumerate(images)}
    files |= {f"{name}.npy": _npy(array) for name, array in (extras or {}).items()}
    return _zip(files)


def _identity(trace: "Trace") -> dict[str, Any]:
    return {
        "attack": trace.spec,
        "model": trace.model,
        "statistics": trace.statistics,
        "weight_hash": trace.weight_hash,
        "image_ids": list(trace.ids),
        "joint": trace.joint,
    }


def _own(card: "Card") -> dict[str, Any]:
    """What `zoo.bring` has to be told to make the same model of the file again."""
    shape = {key: getattr(card, key) for key in ("architecture", "norm", "power", "width", "dataset")}
    return {"model": card.name, "file": card.recipe["file"], "sha256": card.sha256, **shape}


def _npy(array: Tensor) -> bytes:
    values = array.detach().cpu()
    buffer = io.BytesIO()
    np.save(buffer, (values.float() if values.is_floating_point() else values).numpy(), allow_pickle=False)
    return buffer.getvalue()


def _zip(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix wherever it is written, for equal bytes
            entry.external_attr = 0o644 << 16
            out.writestr(entry, content)
    return buffer.getvalue()


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
                     pixels), seed, versions. "joint": the images were attacked together, as one batch.
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
The same versions on the same kind of device give the same images. Elsewhere sums round differently, and an attack that
takes the sign of a gradient can differ by a step in single pixels.
"""
