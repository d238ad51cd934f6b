"""The questions about an attack, in one row."""

from dataclasses import dataclass

import streamlit as st

from rnorm_core.attacks import CATALOGUE
from rnorm_core.data import CLASSES, Batch
from rnorm_core.ui import url
from rnorm_core.ui.crafting import DIRECTIONS, Plan
from rnorm_core.ui.sidebar import Settings

# k of k/255: fine where ordinary networks break, coarse above.
EPS = [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32]
EPS_L2 = [0, 4, 8, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 255]
UNTARGETED = "any other class"
MOST_STEPS = 200
ASKS = "How many times the attack asks the network which way to go."
QUERIES = "How many changes the attack tries out, each with a question to the network. An image that is fooled is done."
AIM = "What the network is to be led to. With “any other class” every wrong answer will do."
TRANSFER = (
    "For each network its own attack; or one made for one of them and shown to both: does it fool the other, too?"
)


def epsilon(norm: str = "linf") -> float:
    """The attack size in pixel units, asked for as k/255."""
    linf = norm == "linf"
    grey = url.bound(
        st.select_slider, "eps (k/255)" if linf else "eps (L2, k/255)", EPS if linf else EPS_L2, 1 if linf else 32,
        key="eps" if linf else "eps_l2", shown=_number,
        help="Each colour value of a pixel has 256 levels, 0 to 255; at k/255 none moves by more than k." if linf else
        "The length of the whole change, the root of the sum of squares over all values: 255/255 is one of them moved "
        "from black to white, or all 3,072 moved by 4.6 levels.",
    )  # fmt: skip
    return grey / 255


@dataclass(frozen=True)
class Question:
    """The answers about an attack, before it is known on which images."""

    settings: Settings
    attack: str
    eps: float | None
    steps: int | None
    target: int | None
    craft: str

    def on(self, batch: Batch) -> Plan:
        s, labels = self.settings, tuple(int(label) for label in batch.labels)
        rest = self.attack, self.eps, self.steps, self.target, self.craft
        return Plan(s.left, s.right, batch.ids, labels, *rest, s.seed, s.device)


def attack(settings: Settings) -> Question:
    """Attack, size, steps, target and direction, in one row."""
    titles = {entry.title: entry for entry in CATALOGUE.values()}
    classes = CLASSES[settings.dataset]
    columns = iter(st.columns([1.3, 1.5, 0.9, 1.3, 1.4], gap="medium"))
    with next(columns):
        named = url.bound(
            st.selectbox, "Attack", list(titles), list(CATALOGUE).index("pgd"), key="attack",
            help="How large a change is can be said in two ways. L-inf: by the one colour value that moves most. "
            "L2: by the length of the whole change. FGSM, BIM, MI-FGSM, APGD and Square go by L-inf; DeepFool, CW "
            "and DDN by L2.",
        )  # fmt: skip
        entry = titles[named]
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
            label, asks = ("Queries", QUERIES) if entry.black_box else ("Steps", ASKS)
            steps = int(url.bound(st.number_input, label, 1, most, usual, 1, key=key, help=asks))
    with next(columns):
        target = None
        if entry.family == "noise":
            st.caption("Noise aims at no class.")
        elif entry.targeted:
            named = url.bound(st.selectbox, "Target class", [UNTARGETED, *classes], key="target", help=AIM)
            target = None if named == UNTARGETED else classes.index(named)
        else:
            st.caption("It cannot aim at a class.")
    with next(columns):
        craft = url.bound(st.selectbox, "Craft for", list(DIRECTIONS.values()), key="craft", help=TRANSFER)
    st.caption(f"**{entry.title}.** {entry.about} {entry.source}.")
    direction = next(key for key, title in DIRECTIONS.items() if title == craft)
    return Question(settings, entry.name, eps, steps, target, direction)


def _number(value: float) -> str:
    return f"{value:g}"
