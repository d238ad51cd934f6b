"""Tables of attacks: on one image, on some, on many."""

from typing import Any

import torch
from torch import Tensor

from rnorm_core import pixels
from rnorm_core.data import CLASSES
from rnorm_core.evaluation.measure.comparison import Comparison
from rnorm_core.evaluation.tables.curves import WORST
from rnorm_core.experiments import accuracy_sweep, attack_pair, landscape, transfer_matrix
from rnorm_core.experiments.landscape import photos as photos_experiment
from rnorm_core.report.files import Tables
from rnorm_core.report.numbers.parts import EPS, network, of_hits, of_pair, share


def accuracy(result: accuracy_sweep.Result) -> Tables:
    """Of all images and, where both networks are measured without an attack, of those that both get right then."""
    request, hits = result.request, result.hits
    clean = [hits[variant, 0] for variant in request.variants if (variant, 0) in hits]
    counted = {"all": torch.ones_like(next(iter(hits.values())))} if hits else {}
    if len(clean) == len(request.variants) and torch.stack(clean).all(0).any():
        counted["right when clean"] = torch.stack(clean).all(0)
    in_order = sorted(hits.items(), key=lambda item: (request.variants.index(item[0][0]), item[0][1]))
    points = [
        {**network(variant), EPS: eps, "images": images, **of_hits(mask[among])}
        for images, among in counted.items()
        for (variant, eps), mask in in_order
    ]
    pairs = [found for eps in request.eps_255 if (found := result.comparison(eps))]
    return {"accuracy": points, "pairs": [row for one in pairs for row in comparison(one)["pairs"]]}


def comparison(found: Comparison) -> Tables:
    """Left and right, image by image."""
    kinds = [("all", found.everything), ("right when clean", found.fair)]
    attack = f"{found.attack} of {found.how}" if found.attack == WORST else found.attack
    names = {"left": found.left.label, "right": found.right.label, "attack": attack, EPS: found.eps_255}
    return {"pairs": [{**names, "images": images, **of_pair(pair)} for images, pair in kinds if pair]}


def pair(result: attack_pair.Result) -> Tables:
    """A row for each image and network."""
    batch, rows = result.batch, []
    for outcome in result.outcomes:
        trace, change = outcome.trace, outcome.trace.adversarial - outcome.trace.clean
        for i, label in enumerate(trace.labels.tolist()):
            row = {
                **network(outcome.variant), "image": batch.ids[i][:8], "label": batch.classes[label],
                "largest change (k/255)": 255 * float(change[i].abs().max()),
                "length (k/255)": 255 * float(torch.linalg.vector_norm(change[i])),
            }  # fmt: skip
            row |= _answer("clean", trace.clean_probabilities[i], batch.classes, label)
            row |= _answer("attacked", trace.adversarial_probabilities[i], batch.classes, label)
            rows.append(row | _answer("saved as PNG", outcome.saved[i], batch.classes, label))
    return {"images": rows}


def _answer(when: str, probabilities: Tensor, classes: tuple[str, ...], label: int) -> dict[str, Any]:
    return {
        f"{when}: answer": classes[int(probabilities.argmax())],
        f"{when}: its probability": float(probabilities.max()),
        f"{when}: probability of the label": float(probabilities[label]),
    }


def landscapes(result: landscape.Result, dataset: str = "cifar10") -> Tables:
    """A row for each image, network, size and step, with the probabilities of all classes; and what a file keeps."""
    classes, steps, saved = CLASSES[dataset], [], []
    for image, networks in result.by_image.items():
        for each in networks:
            for e, size in enumerate(each.sizes_255 or (None,)):
                about = {**network(each.variant), "image": result.request.ids[image][:8], EPS: size}
                for s, (probabilities, lengths) in enumerate(zip(each.probabilities[e], each.lengths[e], strict=True)):
                    linf, l2, *_ = (255 * lengths).tolist()
                    moved = {"step": s, "largest change (k/255)": linf, "length (k/255)": l2}
                    steps.append({**about, **moved, **_classes(probabilities, classes)})
                saved.append({**about, **_classes(each.saved[e], classes)})
    return {"steps": steps, "saved as PNG": saved}


def _classes(probabilities: Tensor, classes: tuple[str, ...]) -> dict[str, Any]:
    return {"answer": classes[int(probabilities.argmax())], **dict(zip(classes, probabilities.tolist(), strict=True))}


def pictures(result: landscape.Result, size_255: float | None) -> dict[str, Tensor]:
    """The images without and with the attack of this size after its last step."""
    found = {}
    for image, networks in result.by_image.items():
        which = f"{result.request.ids[image][:8]} " if len(result.by_image) > 1 else ""
        for each in networks:
            e = each.sizes_255.index(size_255) if size_255 in each.sizes_255 else -1
            change = each.changes[e, -1].float() * each.scales[e] / landscape.LEVELS
            found[f"{which}clean"] = each.clean
            found[f"{which}attacked, {each.variant.label}"] = (each.clean + change).clamp(0, 1)
    return found


def pictures_of_pair(result: attack_pair.Result) -> dict[str, Tensor]:
    found = {}
    for i, short in enumerate(name[:8] for name in result.batch.ids):
        found[f"{short} clean"] = result.batch.images[i]
        for outcome in result.outcomes:
            change = outcome.trace.adversarial[i] - outcome.trace.clean[i]
            found[f"{short} attacked, {outcome.variant.label}"] = outcome.trace.adversarial[i]
            found[f"{short} change, {outcome.variant.label}"] = pixels.magnified(change, pixels.magnification(change))
    return found


def photos(result: photos_experiment.Result) -> Tables:
    """Whether a network still recognises an image."""
    request = result.request
    return {
        "photos": [
            {**network(variant), EPS: eps, "photo": i, "right": int(right)}
            for v, variant in enumerate(request.variants)
            for e, eps in enumerate(request.sizes_255)
            for i, right in enumerate(result.right[v, e].tolist())
        ]
    }


def transfer(result: transfer_matrix.Result) -> Tables:
    """Each network on clean images, on noise, and on images that were attacked for each network."""
    matrix, eps = result.matrix, result.request.eps_255
    made_for = ["nothing: clean", "nothing: noise", *(crafter.label for crafter in matrix.crafters)]
    return {
        "matrix": [
            {"made for": made, EPS: 0 if made.endswith("clean") else eps, **network(scorer), **share(cell)}
            for made, cells in zip(made_for, matrix.rows, strict=True)
            for scorer, cell in zip(matrix.scorers, cells, strict=True)
        ]
    }
