"""The controls of an attack: two in front, the rest behind a button."""

from contextlib import nullcontext
from dataclasses import dataclass

import streamlit as st

from rnorm_core.attacks import CATALOGUE, Entry
from rnorm_core.data import CLASSES, Batch
from rnorm_core.experiments import landscape
from rnorm_core.experiments.attack_pair import DIRECTIONS, Request
from rnorm_core.norms import looks_at_batch
from rnorm_core.ui.attack_player.question import attack_size, reserve_step
from rnorm_core.ui.settings import limits
from rnorm_core.ui.settings.bar import Settings
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
    """Attack and size, and the rest behind a button; of one image the player has the slider for the size."""
    titles = {entry.title: entry for entry in CATALOGUE.values()}
    with st.container(width=200):
        title = query_params.bound(
            st.selectbox, "Attack", list(titles), list(CATALOGUE).index("pgd"), key="attack",
            label_visibility="collapsed",
            help="The size of a change is measured in two ways. L-inf: by the one colour value that moves most. "
            "L2: by the length of the whole change. FGSM, BIM, MI-FGSM, APGD and Square go by L-inf; DeepFool, CW "
            "and DDN by L2.",
        )  # fmt: skip
    reserve_step()
    entry, size = titles[title], None
    if entry.takes_eps:
        in_player = one_image and not entry.black_box
        with nullcontext() if in_player else st.container(width=220):
            size = attack_size(entry.norm, in_player=in_player)
    with st.popover("More choices", icon=":material/tune:", key="more"):
        steps, target, craft = _steps(entry), _target(entry, dataset), _craft(entry)
        st.caption(f"**{entry.title}.** {entry.about} {entry.source}.")
        if not entry.takes_eps:
            st.caption("It has no eps: it searches for the smallest change that is enough.")
    return Question(entry.name, size, steps, target, craft)


def _steps(entry: Entry) -> int | None:
    if entry.one_step:
        return None
    usual = limits.steps(entry.default_steps)
    most = limits.steps(max(MOST_STEPS, usual))
    key = "steps" if usual == CATALOGUE["pgd"].default_steps else f"steps_{entry.name}"
    label, help_text = ("Queries", QUERIES) if entry.black_box else ("Steps", STEPS)
    return int(query_params.bound(st.number_input, label, 1, most, usual, 1, key=key, help=help_text))


def _target(entry: Entry, dataset: str) -> int | None:
    if entry.family == "noise" or not entry.targeted:
        return None
    classes = CLASSES[dataset]
    name = query_params.choose_one("Target class", [UNTARGETED, *classes], key="target", help=TARGET)
    return None if name == UNTARGETED else classes.index(name)


def _craft(entry: Entry) -> str:
    if entry.family == "noise":
        return "each"
    chosen = query_params.bound(st.selectbox, "Craft for", list(DIRECTIONS.values()), key="craft", help=TRANSFER)
    return next(key for key, direction in DIRECTIONS.items() if direction == chosen)
