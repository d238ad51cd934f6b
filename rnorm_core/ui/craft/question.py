"""The controls of an attack, in one row."""

from dataclasses import dataclass

import streamlit as st

from rnorm_core.attacks import CATALOGUE
from rnorm_core.data import CLASSES, Batch
from rnorm_core.experiments.attack_pair import DIRECTIONS, Request
from rnorm_core.ui.settings.sidebar import Settings
from rnorm_core.ui.shared import query_params

# k of k/255: fine steps where the accuracy of ordinary networks falls, coarse steps above.
EPS = [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32]
EPS_L2 = [0, 4, 8, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 255]
UNTARGETED = "any other class"
MOST_STEPS = 200
STEPS = "How many times the attack asks the network which way to go."
QUERIES = "How many changes the attack tries out, each with a question to the network. An image that is fooled is done."
TARGET = "What the network is to be led to. With “any other class” every wrong answer will do."
TRANSFER = (
    "For each network its own attack; or one made for one of them and shown to both: does it fool the other, too?"
)


def epsilon(norm: str = "linf") -> float:
    """The attack size in pixel units, chosen as k of k/255."""
    linf = norm == "linf"
    levels = query_params.bound(
        st.select_slider, "eps (k/255)" if linf else "eps (L2, k/255)", EPS if linf else EPS_L2, 1 if linf else 32,
        key="eps" if linf else "eps_l2", shown=_number,
        help="Each colour value of a pixel has 256 levels, 0 to 255; at k/255 none moves by more than k." if linf else
        "The length of the whole change, the root of the sum of squares over all values: 255/255 is one of them moved "
        "from black to white, or all 3,072 moved by 4.6 levels.",
    )  # fmt: skip
    return levels / 255


@dataclass(frozen=True)
class Question:
    """The chosen attack, without images; fields as in `attack_pair.Request`."""

    attack: str
    eps: float | None
    steps: int | None
    target: int | None
    craft: str

    def request(self, settings: Settings, batch: Batch) -> Request:
        return Request(
            settings.left, settings.right, ids=batch.ids, labels=tuple(batch.labels.tolist()), attack=self.attack,
            eps=self.eps, steps=self.steps, target=self.target, craft=self.craft, seed=settings.seed,
            device=settings.device,
        )  # fmt: skip


def choose_attack(dataset: str) -> Question:
    """Attack, size, steps, target and direction, in one row."""
    titles = {entry.title: entry for entry in CATALOGUE.values()}
    classes = CLASSES[dataset]
    columns = iter(st.columns([1.3, 1.5, 0.9, 1.3, 1.4], gap="medium"))
    with next(columns):
        title = query_params.bound(
            st.selectbox, "Attack", list(titles), list(CATALOGUE).index("pgd"), key="attack",
            help="The size of a change is measured in two ways. L-inf: by the one colour value that moves most. "
            "L2: by the length of the whole change. FGSM, BIM, MI-FGSM, APGD and Square go by L-inf; DeepFool, CW "
            "and DDN by L2.",
        )  # fmt: skip
        entry = titles[title]
    with next(columns):
        eps = epsilon(entry.norm) if entry.takes_eps else None
        if eps is None:
            st.caption("No eps: it searches for the smallest change that is enough.")
    with next(columns):
        steps = None
        if entry.one_step:
            st.caption("It takes one step.")
        else:
            usual, most = entry.default_steps, max(MOST_STEPS, entry.default_steps)
            key = "steps" if usual == CATALOGUE["pgd"].default_steps else f"steps_{entry.name}"
            label, help_text = ("Queries", QUERIES) if entry.black_box else ("Steps", STEPS)
            steps = int(query_params.bound(st.number_input, label, 1, most, usual, 1, key=key, help=help_text))
    with next(columns):
        target = None
        if entry.family == "noise":
            st.caption("Noise aims at no class.")
        elif entry.targeted:
            name = query_params.bound(st.selectbox, "Target class", [UNTARGETED, *classes], key="target", help=TARGET)
            target = None if name == UNTARGETED else classes.index(name)
        else:
            st.caption("It cannot aim at a class.")
    with next(columns):
        chosen = query_params.bound(st.selectbox, "Craft for", list(DIRECTIONS.values()), key="craft", help=TRANSFER)
    st.caption(f"**{entry.title}.** {entry.about} {entry.source}.")
    craft = next(key for key, direction in DIRECTIONS.items() if direction == chosen)
    return Question(entry.name, eps, steps, target, craft)


def _number(value: float) -> str:
    return f"{value:g}"
