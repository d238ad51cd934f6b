"""Trains one network: `python -m rnorm_core.training --model resnet20 --norm rn --dataset cifar10 --recipe fast`.

Needs torch, numpy, pyarrow, Pillow and safetensors. Writes a checkpoint after every epoch and, run again, goes on
from there. At the end the weights and their card lie in --out. With --holdout N the last N of the shuffled training
images are held back and scored after every epoch (for tuning a recipe), and nothing is written to --out.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import torch

from rnorm_core import models, norms, zoo
from rnorm_core.data import CLASSES, data_hash, files
from rnorm_core.errors import UserError, one_line_errors
from rnorm_core.training import checkpoint
from rnorm_core.training.augment import TrainingImages
from rnorm_core.training.loop import train
from rnorm_core.training.measure import COMMAND as MEASURE
from rnorm_core.training.measure import complete_test_set, measure
from rnorm_core.training.precision import fitting
from rnorm_core.training.publish import publish
from rnorm_core.training.recipe import PRECISIONS, RECIPES, Recipe, recipe

CACHE = Path.home() / ".cache" / "rnorm-lab"


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m rnorm_core.training", description=__doc__)
    parser.add_argument("--model", default="resnet20", choices=models.ARCHITECTURES)
    parser.add_argument("--norm", default="bn", choices=norms.NORMS)
    parser.add_argument("--power", type=float, default=0.2, help="RobustNorm's p")
    parser.add_argument("--width", type=float, default=1.0, help="multiplies every number of channels")
    parser.add_argument("--dataset", default="cifar10", choices=sorted(models.PIXEL_STATISTICS))
    parser.add_argument("--recipe", default="fast", choices=RECIPES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=_positive, help="instead of the recipe's")
    parser.add_argument("--lr", type=float, help="peak learning rate instead of the recipe's")
    shown = "default: the recipe's; fp32 where the device has no bf16"
    parser.add_argument("--precision", choices=PRECISIONS, help=shown)
    parser.add_argument("--data", type=Path, help="folder with parquet parts or torchvision's CIFAR folder")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=_positive, help="CPU threads")
    parser.add_argument("--holdout", type=_positive, default=0, help="hold back N training images for tuning")
    parser.add_argument("--name", help="of the model; made from the choices by default")
    parser.add_argument("--work", type=Path, default=CACHE, help="folder of checkpoints and logs")
    parser.add_argument("--out", type=Path, default=zoo.DIRECTORY, help="folder of the finished model")
    return parser.parse_args(argv)


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{number} is not positive")
    return number


def default_name(options: argparse.Namespace, plan: Recipe) -> str:
    """cifar10-resnet20-rn; a p, recipe or seed that is not the default one is appended."""
    name = f"{options.dataset}-{options.model}-{options.norm}"
    if options.norm == "rn" and options.power != 0.2:
        name += f"-p{round(options.power * 100):03d}"
    if plan.name != "fast":
        name += f"-{plan.name}"
    return name + (f"-seed{options.seed}" if options.seed else "")


def working_name(name: str, holdout: int) -> str:
    """What a training's checkpoint and log are called: one that holds images back is another one."""
    return name + (f"-holdout{holdout}" if holdout else "")


def run(options: argparse.Namespace) -> list[dict]:
    """What the command does; returns the curve. UserError where it cannot."""
    if options.threads:
        torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    changes = {"epochs": options.epochs, "peak_lr": options.lr, "precision": options.precision}
    asked = recipe(options.recipe, options.norm, **{k: v for k, v in changes.items() if v is not None})
    plan = asked if options.precision else fitting(asked, device)
    if options.norm == "dualbn" and not plan.attack_eps_255:
        raise UserError(f"dualbn's second norm wants adversarial images; {plan.name} has none.", "use --recipe adv.")
    name = options.name or default_name(options, plan)
    published = options.out / f"{name}.safetensors"
    if published.exists() and not options.holdout:
        raise UserError(
            f"{published} is there already, and what was measured of it would be lost.",
            "train under another --name or to another folder with --out, or move it and its card away; "
            f"if only its measurements are missing: {MEASURE} {name}",
        )
    pixels = files.read(files.locate(options.dataset, "train", options.data), options.dataset, "train")
    if options.holdout >= len(pixels.ids):
        raise UserError(f"{options.holdout} of {len(pixels.ids)} images cannot be held back.", "lower --holdout.")
    # Held-back images are the same for every seed and recipe, so that tuning compares like with like.
    order = torch.randperm(len(pixels.ids), generator=torch.Generator().manual_seed(0))
    kept, held = (order[: len(order) - options.holdout], order[len(order) - options.holdout :])
    images, labels = torch.tensor(pixels.images), torch.tensor(pixels.labels)

    torch.manual_seed(options.seed)
    shape = dict(architecture=options.model, norm=options.norm, width=options.width, dataset=options.dataset)
    shape |= dict(classes=len(CLASSES[options.dataset]), power=options.power)
    model = models.build(**shape)
    identity = shape | {"data_hash": data_hash(pixels.ids[i] for i in kept), "device": device.type}
    work = working_name(name, options.holdout)
    saved = checkpoint.at(options.work, work)
    _say(f"{name}: {sum(p.numel() for p in model.parameters()):,} parameters, {len(kept):,} images, on {device}")
    if plan.precision != asked.precision:
        _say(f"in {plan.precision}: the hardware has no {asked.precision} (--precision {asked.precision} imitates it)")

    began, first = time.monotonic(), None

    def on_step(step: int, total: int, loss: float) -> None:
        nonlocal first
        first = first or (step, time.monotonic())
        pace = (time.monotonic() - first[1]) / max(1, step - first[0])
        left = pace * (total - step) / 60
        print(f"\r  step {step}/{total}  loss {loss:.3f}  {left:.1f} min left ", end="", flush=True)

    def on_epoch(row: dict) -> None:
        print("\r", end="")
        _say("  ".join(f"{k} {v}" for k, v in row.items()))
        _log(options.work / f"{work}.log.jsonl", row)

    def score_held(model: torch.nn.Module) -> dict:
        model.eval()
        with torch.inference_mode():
            x = images[held].permute(0, 3, 1, 2).float().div(255)
            hits = sum(
                int((model(part.to(device)).argmax(1).cpu() == y).sum())
                for part, y in zip(x.split(500), labels[held].split(500), strict=True)
            )
        return {"held_out_accuracy": round(hits / len(held), 4)}

    curve = train(
        model,
        TrainingImages(images[kept], labels[kept], plan.padding, device),
        plan,
        options.seed,
        saved,
        identity,
        on_epoch,
        on_step if sys.stdout.isatty() else lambda *_: None,
        score_held if options.holdout else lambda _: {},
    )
    _say(f"trained for {(time.monotonic() - began) / 60:.1f} min in this run")
    if options.holdout:
        return curve
    _say(f"written: {publish(options.out, name, model, shape, plan, options.seed, identity['data_hash'], curve)}")
    saved.unlink()  # or, the network moved away, the same command would publish it again and train nothing
    if options.out.resolve() != zoo.DIRECTORY:
        _say(f"not measured: only models in {zoo.DIRECTORY} are")
    elif not complete_test_set(options.dataset, options.data):
        _say(f"not measured: there is no full test set; later: {MEASURE} {name}")
    else:
        measure(name, options.data, say=_say)
    return curve


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
