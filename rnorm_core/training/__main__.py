"""Trains one network: `python -m rnorm_core.training --model resnet20 --norm rn --dataset cifar10 --recipe fast`.

Needs torch, numpy, pyarrow, Pillow and safetensors. The command writes a checkpoint after every epoch. If it is started
again after a stop, it continues from the checkpoint. At the end the weights and their card are in --out. With --holdout
N the last N of the shuffled training images are not used for training. They are classified after every epoch (to tune a
recipe), and nothing is written to --out. With --stop-at-accuracy A as well, the training ends after the first epoch
that gets the share A of them right, and the network of that epoch is written: it was stopped early, and no test image
had a part in it.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from rnorm_core import model_names, models, norms, zoo
from rnorm_core.data import CLASSES, data_hash, files, kept_and_held
from rnorm_core.errors import UserError, one_line_errors
from rnorm_core.evaluation.card import COMMAND as MEASURE
from rnorm_core.evaluation.card import complete_test_set, measure
from rnorm_core.home import home
from rnorm_core.training import checkpoint
from rnorm_core.training.augment import TrainingImages
from rnorm_core.training.loop import train
from rnorm_core.training.precision import fitting
from rnorm_core.training.publish import publish
from rnorm_core.training.recipe import PRECISIONS, RECIPES, Recipe, recipe


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m rnorm_core.training", description=__doc__)
    parser.add_argument("--model", default="resnet20", choices=models.ARCHITECTURES)
    parser.add_argument("--norm", default="bn", choices=norms.NORMS)
    parser.add_argument("--power", type=float, default=norms.DEFAULT_POWER, help="RobustNorm's p")
    parser.add_argument("--width", type=float, default=1.0, help="factor for every number of channels")
    parser.add_argument("--dataset", default="cifar10", choices=sorted(models.PIXEL_STATISTICS))
    parser.add_argument("--recipe", default="fast", choices=RECIPES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=_positive, help="number of epochs, instead of the recipe's")
    parser.add_argument("--lr", type=float, help="peak learning rate, instead of the recipe's")
    default = "default: the recipe's; fp32 where the device has no bf16"
    parser.add_argument("--precision", choices=PRECISIONS, help=default)
    parser.add_argument("--data", type=Path, help="folder with CIFAR: the hub's parquet files, or torchvision's folder")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=_positive, help="CPU threads; default: torch's choice")
    parser.add_argument(
        "--holdout", type=_positive, default=0, metavar="N", help="keep N training images out, to tune a recipe"
    )
    shown = (
        "with --holdout: end after the first epoch that gets this share (0 to 1) of them right, and write the network"
    )
    parser.add_argument("--stop-at-accuracy", type=_share, metavar="A", help=shown)
    parser.add_argument("--name", help="name of the model; default: made from the other options")
    parser.add_argument(
        "--work", type=Path, help="folder of checkpoints and logs; default: RNORM_HOME, or ~/.cache/rnorm-lab"
    )
    parser.add_argument("--out", type=Path, default=zoo.DIRECTORY, help="folder of the finished model")
    options = parser.parse_args(argv)
    options.work = options.work or home()
    return options


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{number} is not positive")
    return number


def _share(text: str) -> float:
    if not 0 < (number := float(text)) <= 1:
        raise argparse.ArgumentTypeError(f"{number:g} is not a share of images")
    return number


def default_name(options: argparse.Namespace, plan: Recipe) -> str:
    """The network's name unless --name gives one; see `model_names.default_name`."""
    power = options.power if options.norm == "rn" else None
    name = model_names.default_name(
        options.dataset, options.model, options.norm, power=power, recipe=plan.name, seed=options.seed
    )
    return f"{name}-early" if options.stop_at_accuracy else name


def working_name(name: str, holdout: int) -> str:
    """The name of a training's checkpoint and log; a training with held-back images has a name of its own."""
    return name + (f"-holdout{holdout}" if holdout else "")


def run(options: argparse.Namespace) -> list[dict]:
    """Trains, publishes and measures one network; returns a row for each epoch, see `Card.curve`.

    UserError if options, images, files or hardware do not allow it.
    """
    if options.threads:
        torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    changes = {"epochs": options.epochs, "peak_lr": options.lr, "precision": options.precision}
    chosen = recipe(options.recipe, options.norm, **{k: v for k, v in changes.items() if v is not None})
    plan = chosen if options.precision else fitting(chosen, device)
    if options.norm == "dualbn" and not plan.attack_eps_255:
        raise UserError(
            f"The norm dualbn needs adversarial images; the recipe {plan.name} has none.", "use --recipe adv."
        )
    if options.stop_at_accuracy and not options.holdout:
        raise UserError("--stop-at-accuracy needs images to score on.", "hold some out: --holdout 5000.")
    writes = bool(options.stop_at_accuracy or not options.holdout)
    name = options.name or default_name(options, plan)
    published = options.out / f"{name}.safetensors"
    if published.exists() and writes:
        raise UserError(
            f"{published} exists already; its measured accuracies would be lost.",
            "train under another --name or to another folder with --out, or move it and its card away; "
            f"if only its measurements are missing: {MEASURE} {name}",
        )
    pixels = files.read(files.locate(options.dataset, "train", options.data), options.dataset, "train")
    if options.holdout >= len(pixels.ids):
        raise UserError(
            f"{options.holdout} of {len(pixels.ids)} images cannot be held out: no image is left to train on.",
            "choose a smaller --holdout.",
        )
    kept, held = kept_and_held(len(pixels.ids), options.holdout)
    images, labels = torch.tensor(pixels.images), torch.tensor(pixels.labels)

    torch.manual_seed(options.seed)
    shape = dict(architecture=options.model, norm=options.norm, width=options.width, dataset=options.dataset)
    shape |= dict(classes=len(CLASSES[options.dataset]), power=options.power)
    model = models.build(**shape)
    identity = shape | {"data_hash": data_hash(pixels.ids[i] for i in kept), "device": device.type}
    work = working_name(name, options.holdout)
    saved = checkpoint.at(options.work, work)
    _say(f"{name}: {sum(p.numel() for p in model.parameters()):,} parameters, {len(kept):,} images, on {device}")
    if plan.precision != chosen.precision:
        imitate = f"--precision {chosen.precision} imitates it"
        _say(f"in {plan.precision}: the hardware has no {chosen.precision} ({imitate})")

    began = time.monotonic()

    def on_epoch(row: dict) -> None:
        print("\r", end="")
        _say("  ".join(f"{k} {v}" for k, v in row.items()))
        _log(options.work / f"{work}.log.jsonl", row)

    def held_out(model: torch.nn.Module) -> dict:
        return {"held_out_accuracy": round(_accuracy(model, images[held], labels[held], device), 4)}

    def accurate_enough(row: dict) -> bool:
        return bool(options.stop_at_accuracy) and row["held_out_accuracy"] >= options.stop_at_accuracy

    curve = train(
        model,
        TrainingImages(images[kept], labels[kept], plan.padding, device),
        plan,
        options.seed,
        saved,
        identity,
        on_epoch=on_epoch,
        on_step=_time_left() if sys.stdout.isatty() else lambda *_: None,
        evaluate=held_out if options.holdout else lambda _: {},
        stop=accurate_enough,
    )
    _say(f"trained for {(time.monotonic() - began) / 60:.1f} min in this run")
    if not writes:
        return curve
    made = {"shape": shape, "recipe": plan, "seed": options.seed, "data_hash": identity["data_hash"], "curve": curve}
    if options.stop_at_accuracy:
        if not accurate_enough(curve[-1]):
            raise UserError(
                f"No epoch got {options.stop_at_accuracy:g} of the held-out images right; nothing is written.",
                f"stop at a smaller share; the last epoch got {curve[-1]['held_out_accuracy']:g}.",
            )
        made["early"] = {"holdout": options.holdout, "stop_at_accuracy": options.stop_at_accuracy}
    _say(f"written: {publish(options.out, name, model, **made)}")
    # Otherwise, if the network were moved away, the same command would publish this checkpoint again without any
    # training.
    saved.unlink()
    if options.out.resolve() != zoo.DIRECTORY:
        _say(f"not measured: only models in {zoo.DIRECTORY} are")
    elif not complete_test_set(options.dataset, options.data):
        _say(f"not measured: there is no full test set; later: {MEASURE} {name}")
    else:
        measure(name, options.data, say=_say)
    return curve


def _time_left() -> Callable[[int, int, float], None]:
    """Returns a callback that prints step, loss and the time left, on one line of the terminal."""
    first: list[tuple[int, float]] = []  # a training may begin at a checkpoint's step

    def on_step(step: int, total: int, loss: float) -> None:
        first[:] = first or [(step, time.monotonic())]
        pace = (time.monotonic() - first[0][1]) / max(1, step - first[0][0])
        left = pace * (total - step) / 60
        print(f"\r  step {step}/{total}  loss {loss:.3f}  {left:.1f} min left ", end="", flush=True)

    return on_step


def _accuracy(model: torch.nn.Module, images: Tensor, labels: Tensor, device: torch.device) -> float:
    """Share of images classified as labelled. images: uint8 (N, 32, 32, 3); labels: (N,)."""
    model.eval()
    with torch.inference_mode():
        pixels = images.permute(0, 3, 1, 2).float().div(255)
        correct = sum(
            int((model(part.to(device)).argmax(1).cpu() == y).sum())
            for part, y in zip(pixels.split(500), labels.split(500), strict=True)
        )
    return correct / len(labels)


def _log(path: Path, row: dict) -> None:
    try:
        with path.open("a") as file:
            file.write(json.dumps(row) + "\n")
    except OSError as error:  # the curve is in the checkpoint as well
        _say(f"warning: no line added to {path}: {error}")


def _say(text: str) -> None:
    print(text, flush=True)


def main() -> None:
    with one_line_errors():
        run(arguments())


if __name__ == "__main__":
    main()
