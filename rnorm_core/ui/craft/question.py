"""The controls of an attack, in one row."""

from dataclasses import dataclass

import streamlit as st

from rnorm_core.attacks import CATALOGUE
from rnorm_core.data import CLASSES, Batch
from rnorm_core.experiments import landscape
from rnorm_core.experiments.attack_pair import DIRECTIONS, Request
from rnorm_core.norms import looks_at_batch
from rnorm_core.ui.attack_player.question import attack_size
from rnorm_core.ui.settings.sidebar import Settings
from rnorm_core.ui.shared import query_params

UNTARGETED = "any other class"
MOST_STEPS = 200
STEPS = "How many times the attack asks the network which way to go."
QUERIES = "How many changes the attack tries out, each with a question to the network. An image that is fooled is done."
TARGET = "What the network is to be led to. With “any other class” every wrong answer will do."
TRANSFER = (
    "For each network its own attack; or one made for one of them and shown to both: does it fool the other, too?"
)


@dataclass(frozen=True)
class Question:
    """The chosen attack, without images; fields as in `attack_pair.Request`, the size in k of k/255."""

    attack: str
    size: float | None
    steps: int | None
    target: int | None
    craft: str

    def request(self, settings: Settings, batch: Batch) -> Request:
        """The attack on the whole batch, at the chosen size."""
        return Request(
            settings.left, settings.right, ids=batch.ids, labels=tuple(batch.labels.tolist()), attack=self.attack,
            eps=None if self.size is None else self.size / 255, steps=self.steps, target=self.target, craft=self.craft,
            seed=settings.seed, device=settings.device,
        )  # fmt: skip

    def landscape(self, settings: Settings, batch: Batch, index: int) -> landscape.Request:
        """The attack on one image of the batch, at all sizes where that is possible."""
        variants = settings.left, settings.right
        whole = len(batch) > 1 and any(looks_at_batch(variant.statistics) for variant in variants)
        sizes = () if self.size is None else (self.size,)
        if self.size is not None and not whole and not CATALOGUE[self.attack].black_box:
            sizes = landscape.SIZES[CATALOGUE[self.attack].norm]
        return landscape.Request(
            variants, ids=batch.ids, labels=tuple(batch.labels.tolist()), index=None if whole else index,
            attack=self.attack, sizes_255=sizes, steps=self.steps, target=self.target,
            craft={"each": None, "left": 0, "right": 1}[self.craft], seed=settings.seed, device=settings.device,
        )  # fmt: skip


def choose_attack(dataset: str, *, one_image: bool) -> Question:
    """Attack, size, steps, target and direction, in one row; of one image the player has the slider for the size."""
    titles = {entry.title: entry for entry in CATALOGUE.values()}
    classes = CLASSES[dataset]
    columns = iter(st.columns([1.5, 1.2, 0.9, 1.5, 1.5], gap="medium"))
    with next(columns):
        title = query_params.bound(
            st.selectbox, "Attack", list(titles), list(CATALOGUE).index("pgd"), key="attack",
            help="The size of a change is measured in two ways. L-inf: by the one colour value that moves most. "
            "L2: by the length of the whole change. FGSM, BIM, MI-FGSM, APGD and Square go by L-inf; DeepFool, CW "
            "and DDN by L2.",
        )  # fmt: skip
        entry = titles[title]
    with next(columns):
        size, in_player = None, one_image and not entry.black_box
        if entry.takes_eps:
            size = attack_size(entry.norm, in_player=in_player)
            if in_player:
                st.caption("All sizes are computed: move the slider below.")
        else:
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
        craft = "each"
        if entry.family == "noise":
            st.caption("The same noise for both.")
        else:
            titles_of = list(DIRECTIONS.values())
            chosen = query_params.bound(st.selectbox, "Craft for", titles_of, key="craft", help=TRANSFER)
            craft = next(key for key, direction in DIRECTIONS.items() if direction == chosen)
    st.caption(f"**{entry.title}.** {entry.about} {entry.source}.")
    return Question(entry.name, size, steps, target, craft)
