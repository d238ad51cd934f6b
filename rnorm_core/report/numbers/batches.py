"""Tables of what the other images of a batch do."""

from rnorm_core.evaluation import Accuracy
from rnorm_core.experiments import batch_composition, layer_patching, precise_bn
from rnorm_core.experiments import poisoning as poisoning_experiment
from rnorm_core.report.files import Tables
from rnorm_core.report.numbers.parts import EPS, network, share


def sizes(result: batch_composition.SizesResult) -> Tables:
    """Accuracy by batch size; 0: the network in its usual mode."""
    rows, eps = [], result.request.eps_255
    for variant, clean in result.clean.items():
        usual = result.usual.get(variant)
        for size, known, each in ((0, usual[:1] if usual else (), clean), (eps, usual[1:] if usual else (), None)):
            each = result.attacked[variant] if each is None else each
            rows += [{**network(variant.usual), EPS: size, "batch size": 0, **share(one)} for one in known]
            rows += [{**network(variant), EPS: size, "batch size": one.batch_size, **share(one)} for one in each]
    return {"accuracy": rows}


def neighbours(result: batch_composition.NeighboursResult) -> Tables:
    """The answer to one image in every draw of its neighbours."""
    return {
        "draws": [
            {**network(mode), "image": draws.id[:8], "draw": i, "answer": draws.classes[int(probabilities.argmax())],
             **dict(zip(draws.classes, probabilities.tolist(), strict=True))}
            for variant in result.batch
            for mode, by_variant in ((variant, result.batch), (variant.usual, result.usual))
            if (draws := by_variant.get(variant))
            for i, probabilities in enumerate(draws.probabilities)
        ]
    }  # fmt: skip


def composition(result: batch_composition.CompositionResult) -> Tables:
    eps = result.request.eps_255
    conditions: list[tuple] = [(key, 0, one) for key, one in result.clean.items()]
    conditions += [(key, eps, one) for key, several in result.attacked.items() for one in several]
    batches, drawn = [], dict[tuple, int]()
    for (variant, name), size, accuracy in conditions:
        number = drawn[variant, name, size] = drawn.get((variant, name, size), 0) + 1
        batches.append({**network(variant), "batches": name, EPS: size, "draw": number, **share(accuracy)})
    shares: list[dict] = []
    for variant, mixtures in result.shares.items():
        for one in mixtures:
            about = {**network(variant), "attacked images": one.attacked}
            shares.append({**about, "counted": "attacked", **share(one.accuracy)})
            if one.neighbours is not None:
                shares.append({**about, "counted": "the clean ones beside them", **share(one.neighbours)})
    return {"batches": batches, "attacked images": shares}


def poisoning(result: poisoning_experiment.Result) -> Tables:
    """The answer to the unchanged image at every step; accuracy beside k poisoned images, all victims at once, and one
    at a time.
    """
    classes = result.batch.classes
    return {
        "victim": [
            {**network(mode), "step": step, "answer": classes[int(probabilities[0].argmax())],
             **dict(zip(classes, probabilities[0].tolist(), strict=True))}
            for mode, trace in result.traces.items()
            for step, probabilities in enumerate(trace.probabilities)
        ],
        "many victims": [
            {**network(variant), "poisoned": crowd.k, "when": when, **share(accuracy)}
            for variant, crowds in result.crowds.items()
            for crowd in crowds
            for when, accuracy in (("before", crowd.before), ("after", crowd.after))
        ],
        "one at a time": [
            {**network(variant), "poisoned": crowd.k, "when": when, **share(accuracy)}
            for variant, crowd in result.aimed.items()
            for when, accuracy in (("before", crowd.before), ("after", crowd.after))
        ],
    }  # fmt: skip


def patching(result: layer_patching.Result) -> Tables:
    """Accuracy with other statistics in one layer alone, and in all layers up to it; layer 0: in none."""
    rows: list[dict] = []
    for variant, found in result.patchings.items():
        none = [("clean images", found.clean), ("attacked images", found.attacked)]
        rows += [{**network(variant), "layer": 0, "name": "", "given to": key, **share(one)} for key, one in none]
        for i, (name, alone, up_to) in enumerate(zip(found.layers, found.alone, found.up_to, strict=True)):
            about = {**network(variant), "layer": i + 1, "name": name}
            given = [("it alone", alone), ("all layers up to it", up_to)]
            rows += [{**about, "given to": key, **share(one)} for key, one in given]
    return {"layers": rows}


def estimates(result: precise_bn.Result) -> Tables:
    """Accuracy with the statistics of k batches (0: the moving average), and their distances, medians over layers."""
    accuracy: list[dict] = []
    distances: list[dict] = []
    for variant, found in result.estimates.items():
        for one in (found.moving, *found.by_count):
            kinds: list[tuple[float, Accuracy | None]] = [(0, one.clean), (result.request.eps_255, one.attacked)]
            about = {**network(variant), "batches": one.k, "batch size": found.batch_size}
            accuracy += [{**about, EPS: eps, **share(each)} for eps, each in kinds if each is not None]
            for origin, far in (("moving average", one.from_moving), ("most batches", one.from_most)):
                median = {"means": precise_bn.median(far.mean), "scales": precise_bn.median(far.spread)}
                distances.append({**about, "from": origin, **median})
    return {"accuracy": accuracy, "distances": distances}
