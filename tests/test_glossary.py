"""The glossary: the words that belong there, two short sentences each, and numbers and formulas that are the code's."""

import inspect
import json
import re
import tomllib
from pathlib import Path
from statistics import NormalDist
from typing import Any

import pytest
import torch
from torch import nn

from rnorm_core import attacks, glossary, norms, probes, shift, zoo
from rnorm_core.data import Batch
from rnorm_core.errors import UserError
from rnorm_core.evaluation import wilson
from rnorm_core.training.recalibrate import recalibrate
from rnorm_core.ui.shared.navigation import PAGES

ROOT = Path(__file__).resolve().parent.parent
TERMS = """
95 % interval; adversarial example; adversarial training; APGD; batch statistics; batch-median; BatchNorm;
clean accuracy; dual BatchNorm; eps (k/255); FGSM; gradient masking; GroupNorm; L-inf norm; L2 norm;
loss of an attack; natural band; no norm; p (power); paired test; PGD; PreciseBN; random noise; range;
robust accuracy; RobustNorm; seed; Square Attack; standard deviation of the channel; statistics mode;
tracked statistics; tracked-mean; transfer attack; Wasserstein distance; weight hash; worst case over attacks
"""
WORDS = 30  # in a sentence, at most


@pytest.fixture(autouse=True)
def same_numbers():
    torch.manual_seed(0)


def default(function, parameter: str):
    return inspect.signature(function).parameters[parameter].default


def sentences(text: str) -> list[str]:
    """A full stop ends one if a space or nothing follows, other than in "e.g.", "i.e." and "vs."."""
    return re.split(r"(?<=[.!?])(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bvs\.)\s+", text.strip())


# --- every entry


def test_the_terms_are_there_in_alphabetical_order():
    assert [entry.term for entry in glossary.entries()] == [term.strip() for term in TERMS.split(";")]


def test_two_short_sentences():
    for entry in glossary.entries():
        parts = sentences(entry.text)
        assert len(parts) == 2, parts
        assert all(part[0].isupper() and part[-1] == "." for part in parts), parts
        assert [len(part.split()) for part in parts if len(part.split()) > WORDS] == []
        assert not re.search(r"[*_`$<>\[\]]|  ", entry.text)  # it is shown where Markdown is not read, too


def test_sentences_are_counted_right():
    assert len(sentences("It holds 95 % of them, e.g. 0.5/255 vs. 1.5/255, i.e. 3 times. Is p = 0.2? ")) == 2
    assert len(sentences("One. two! Three")) == 3


def test_a_page_shows_it():
    for entry in glossary.entries():
        assert entry.page in PAGES


def test_no_word_means_two_things():
    words = [word.casefold() for entry in glossary.entries() for word in entry.words]
    assert len(words) == len(set(words))
    assert {"tracked", "batch", "tracked-mean"} == set(norms.STATISTICS) <= set(words)
    for name in ("pgd", "fgsm", "apgd", "square"):
        assert attacks.CATALOGUE[name].title.casefold() in words


def test_brackets_of_formulas_close():
    for entry in glossary.entries():
        depth = 0
        for bracket in re.findall(r"(?<!\\)[{}]", entry.formula):
            depth += 1 if bracket == "{" else -1
            assert depth >= 0
        assert depth == 0
        assert entry.formula.count("(") == entry.formula.count(")")
        assert "$" not in entry.formula
        assert all(
            two == r"\frac" or two == r"\tfrac" for two in re.findall(r"\\[a-z]+(?=\{[^{}]*\}\{)", entry.formula)
        )


# --- numbers in the texts are the code's

POWER, LOW_TO_HIGH = default(norms.RobustNorm2d, "power"), [100 * level for level in shift.LEVELS]
LEVEL = 100 * default(wilson, "level")
NUMBERS = {
    "95 % interval": [LEVEL, 100],
    "eps (k/255)": [255, 255, norms.EPS],
    "natural band": [LOW_TO_HIGH[2] - LOW_TO_HIGH[0], LOW_TO_HIGH[0], LOW_TO_HIGH[2]],
    "p (power)": [POWER, 0, 1, 1],
    "RobustNorm": [POWER],
}


def test_numbers_are_those_of_the_code():
    for entry in glossary.entries():
        numbers = [float(number) for number in re.findall(r"(?<![\w.-])\d+(?:\.\d+)?(?!\w)", entry.text)]
        assert numbers == pytest.approx(NUMBERS.get(entry.term, []))


def test_p_is_what_the_names_say():
    cards = [zoo.card(name) for name in zoo.names()]
    assert {card.power for card in cards if card.norm == "rn" and not re.search(r"-p\d+", card.name)} == {POWER}
    x = torch.randn(4, 3, 5, 5)
    ends = x.amax((0, 2, 3)) - x.amin((0, 2, 3))
    for power, scale in ((0, torch.ones(3)), (1, ends)):
        layer = norms.RobustNorm2d(3, power=power, statistics="batch").eval()
        torch.testing.assert_close(layer.statistics(x)[1], scale + norms.EPS)


@pytest.mark.parametrize("mode", norms.all_modes("bn"))
def test_dependence_on_other_images_is_explained_correctly(mode):
    text = glossary.find(mode).text
    assert ("depends on the other images" in text) == norms.looks_at_batch(mode)
    assert ("does not depend on the other images" in text) != norms.looks_at_batch(mode)


# --- formulas are the code's


def evaluate(formula: str, **known: Any) -> Any:
    """The value of a LaTeX formula of fractions, roots, powers and functions; of several, a list."""
    parts = [part for part in re.split(r",\s*\\quad\s*", formula) if part.strip()]
    if len(parts) > 1:
        return [evaluate(part, **known) for part in parts]
    text = re.sub(r"^.*?(?:=|\\leftarrow)", "", parts[0])
    text = text.replace(r"\nabla_x L", "gradient").replace(r"\epsilon", "epsilon").replace(r"\cdot", "*")
    text = re.sub(r"\\mathrm\{(\w+)\}", r"\1", text)
    text = re.sub(r"\^(\w)", r"^{\1}", text)
    while text != (simpler := _innermost(text)):
        text = simpler
    return eval(text, {"__builtins__": {}, "sqrt": lambda x: x**0.5, **known})


def _innermost(text: str) -> str:
    """Fractions, roots and powers without one inside become Python."""
    text = re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r"((\1)/(\2))", text)
    return re.sub(r"\^\{([^{}]*)\}", r"**(\1)", re.sub(r"\\sqrt\{([^{}]*)\}", r"sqrt(\1)", text))


def formula(term: str) -> str:
    return glossary.find(term).formula


def test_formulas_are_read_right():
    assert evaluate(r"y = \frac{a + \frac{1}{2}}{\sqrt{b^2}} \cdot 3^{a}", a=2, b=5) == pytest.approx(4.5)
    assert evaluate(r"\mathrm{one} - 1, \quad z = 7", one=1) == [0, 7]


@pytest.mark.parametrize(("term", "norm"), [("BatchNorm", "bn"), ("RobustNorm", "rn")])
def test_norms_do_what_their_formulas_say(term, norm):
    x = 3 * torch.randn(6, 1, 5, 5) + 2
    layer = norms.make_norm(norm, 1, statistics="batch").eval()
    known = {"mean": x.mean(), "var": x.var(correction=0), "max": x.max(), "min": x.min(), "p": POWER}
    torch.testing.assert_close(layer(x), evaluate(formula(term), x=x, epsilon=norms.EPS, **known))


def test_the_range_and_its_power():
    x = torch.randn(6, 1, 5, 5)
    spread = evaluate(formula("range"), max=x.max(), min=x.min())
    layer = norms.RobustNorm2d(1, statistics="batch").eval()
    assert layer.statistics(x)[1].item() == pytest.approx(
        evaluate(formula("p"), range=spread.item(), p=POWER, epsilon=norms.EPS)
    )


def test_the_deviation_of_a_channel():
    x = torch.randn(1, 40)
    unit = probes.describe("layer", "bn", x, None).unit
    assert unit.item() == pytest.approx(
        evaluate(formula("standard deviation"), x=x, mean=x.mean(), average=torch.mean).item()
    )


@pytest.mark.parametrize("norm", ["bn", "rn"])
def test_tracked_statistics_are_the_moving_average(norm):
    layer, x = norms.make_norm(norm, 1).train(), torch.randn(6, 1, 5, 5)
    layer.get_buffer("running_mean").fill_(2)
    layer(x)
    expected = evaluate(formula("tracked"), tracked=2, batch=x.mean())
    torch.testing.assert_close(layer.get_buffer("running_mean")[0], expected)


def test_precise_bn_averages_as_its_formula_says():
    batches = [torch.randn(4, 1, 3, 3) * k + k for k in (1, 2, 3)]
    x = torch.stack(batches).flatten(1)
    of_batches = {"mean_b": x.mean(1), "var_b": x.var(1, correction=0), "range_b": x.amax(1) - x.amin(1)}
    mean = x.mean()
    average, *rest = evaluate(formula("PreciseBN"), average=torch.mean, mean=mean, **of_batches)
    torch.testing.assert_close(average, mean)
    for norm, buffer, expected in zip(("bn", "rn"), ("running_var", "running_range"), rest, strict=True):
        layer = norms.make_norm(norm, 1)
        recalibrate(nn.Sequential(layer), batches)
        torch.testing.assert_close(layer.get_buffer("running_mean")[0], mean)
        torch.testing.assert_close(layer.get_buffer(buffer)[0], expected)


@pytest.mark.parametrize(("correct", "n"), [(126, 200), (1, 20), (977, 1000)])
def test_the_interval_is_wilsons(correct, n):
    ends, quantile = formula("95 % interval").split(r", \quad ")
    z = evaluate(quantile)
    assert z == pytest.approx(NormalDist().inv_cdf((1 + LEVEL / 100) / 2), abs=0.005)
    ends = [evaluate(ends.replace(r"\pm", sign), a=correct / n, n=n, z=z) for sign in "-+"]
    assert ends == pytest.approx(wilson(correct, n), abs=1e-4)


@pytest.mark.parametrize(("term", "steps"), [("FGSM", 1), ("PGD", 3)])
def test_attacks_do_what_their_formulas_say(term, steps):
    model, eps, size = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 10)).eval(), 8 / 255, 5 / 255
    clean, labels = torch.rand(4, 3, 32, 32), torch.tensor([0, 1, 2, 3])
    batch = Batch(clean, labels, tuple("abcdefghij"), tuple("1234"), "planted", "cifar10")
    options = {} if steps == 1 else {"steps": steps, "step_size": size, "random_start": False}
    adversarial = attacks.make(term.lower(), eps, **options).run(model, batch, torch.Generator()).adversarial
    x = clean
    for _ in range(steps):
        x.requires_grad_()
        gradient = torch.autograd.grad(nn.functional.cross_entropy(model(x), labels), x)[0]
        x = evaluate(
            formula(term), x=x, x_t=x, eps=eps, step=size, gradient=gradient, sign=torch.sign,
            clip=lambda image: image.clamp(0, 1), project=lambda image: clean + (image - clean).clamp(-eps, eps),
        ).detach()  # fmt: skip
    torch.testing.assert_close(adversarial, x, atol=1e-6, rtol=0)


# --- finding a word, and files that are not sound


def test_words_are_found_in_any_spelling():
    assert glossary.find("pgd") is glossary.find("Projected  Gradient descent") is glossary.find("PGD (L-inf)")
    for entry in glossary.entries():
        assert all(glossary.find(word.upper()) is entry for word in entry.words)


def test_an_unknown_word_lists_those_that_are_known():
    with pytest.raises(UserError, match="'dropout'") as caught:
        glossary.find("dropout")
    assert all(entry.term in caught.value.fix for entry in glossary.entries())


GOOD = {"term": "seed", "text": "One. Two.", "page": "start"}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("[{", "cannot be read"),
        ("[]", "is not a list of entries"),
        ({"seed": "text"}, "is not a list of entries"),
        ([GOOD, "seed"], "number 2"),
        ([GOOD, {"text": "One.", "page": "start"}], "the entry number 2: 'term' is missing"),
        ([GOOD | {"text": " "}], "'seed': 'text' is missing"),
        ([GOOD | {"page": 3}], "'seed': 'page' is missing"),
        ([GOOD | {"formular": "x"}], "'seed': there is no field 'formular'"),
        ([GOOD | {"formula": 3}], "'seed': 'formula'"),
        ([GOOD | {"aliases": "start"}], "'seed': 'aliases'"),
        ([GOOD | {"aliases": ["a", ""]}], "'seed': 'aliases'"),
        ([GOOD, GOOD], "'seed': the word 'seed' was there before"),
        ([GOOD | {"aliases": ["Seed"]}], "'seed': the word 'Seed' was there before"),
        ([GOOD, GOOD | {"term": "start", "aliases": ["SEED"]}], "'start': the word 'SEED' was there before"),
    ],
)
def test_a_broken_file_names_the_entry(tmp_path, content, complaint):
    path = tmp_path / "words.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    with pytest.raises(UserError, match=r"words\.json") as caught:
        glossary.read(path)
    assert complaint in caught.value.what


def test_a_missing_file_is_a_users_error(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        glossary.read(tmp_path / "none.json")


def test_the_file_is_installed_with_the_library():
    packed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["package-data"]
    assert any(glossary.FILE.match(pattern) for pattern in packed["rnorm_core"])
    assert glossary.FILE.parent == ROOT / "rnorm_core"
