"""An attack on two networks: one image in the player; of several a table, and the player of the one that is opened."""

from dataclasses import dataclass, replace
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from torch import Tensor

from rnorm_core.attacks import CATALOGUE
from rnorm_core.data import Batch
from rnorm_core.experiments import attack_pair, landscape
from rnorm_core.experiments.attack_pair import Result
from rnorm_core.figures.style import images
from rnorm_core.report import Source, sources
from rnorm_core.ui import attack_player
from rnorm_core.ui.attack_pair import words
from rnorm_core.ui.attack_player.photos import photo_pills
from rnorm_core.ui.attack_player.question import opened_size, reserve_opened
from rnorm_core.ui.craft.downloads import downloads
from rnorm_core.ui.craft.question import Question
from rnorm_core.ui.craft.words import of_one
from rnorm_core.ui.keep.shown import Part
from rnorm_core.ui.settings.bar import Settings
from rnorm_core.ui.shared import query_params
from rnorm_core.ui.shared.growing_result import growing
from rnorm_core.ui.shared.panels import answer, figure
from rnorm_core.ui.shared.provenance import how_measured


def show(question: Question, settings: Settings, batch: Batch, above: DeltaGenerator) -> bool:
    """Attacks the batch and shows the result, its sentence in `above`. Returns whether there is anything to see."""
    if (batch.labels < 0).any():
        st.caption("The label is unknown: what was attacked is the model's own clean prediction.")
    if len(batch) == 1:
        kept, opened = _player(question, settings, batch, 0, above), (question, 0)
    else:
        kept, opened = _several(question, settings, batch, above)
    if kept:
        variants, entry = (settings.left, settings.right), CATALOGUE[question.attack]
        how_measured(
            "attack", f"{entry.title}{f' of {question.steps} steps' * (question.steps is not None)}. {entry.about} "
            f"{entry.source}", weights={variant.label: variant.weight_hash for variant in variants},
            n=f"{images(len(batch))} from {batch.source}", seed=settings.seed,
            more=["The ZIP file holds the arrays and a script that repeats the attack."], parts=kept.parts,
            sources=kept.sources,
        )  # fmt: skip
        shown = None if opened is None else (opened[0].request(settings, batch), opened[1])
        downloads(question.request(settings, batch), batch, shown)
    return kept is not None


@dataclass(frozen=True, eq=False)
class Kept:
    """What is shown, as it can be kept."""

    parts: list[Part]
    sources: list[Source]


def _player(
    question: Question, settings: Settings, batch: Batch, index: int, above: DeltaGenerator | None = None
) -> Kept | None:
    request = question.landscape(settings, batch, index)
    work = partial(landscape.run, request, batch=batch, first=question.size)
    result = growing(request, work, slot="player", short=request.is_short)
    if result is None:
        return None
    opened = len(batch) > 1
    key = "player of one" if opened else "player"
    if above and (sentence := of_one(result, index, batch.dataset, question.size)):
        with above:
            answer(sentence)
    with figure():
        part = attack_player.show(result, index, batch.dataset, chosen=question.size, key=key, opened=opened)
    return Kept([part], [attack_player.source(result, batch, question.size)])


def _several(
    question: Question, settings: Settings, batch: Batch, above: DeltaGenerator
) -> tuple[Kept | None, tuple[Question, int] | None]:
    """What can be kept; the image that is opened, and the question at the size in its player."""
    request = question.request(settings, batch)
    result = growing(request, partial(attack_pair.run, request, batch=batch))
    query_params.reserve("look")
    norm, sizes = CATALOGUE[question.attack].norm, question.landscape(settings, batch, 0).sizes_255
    if own_size := len(sizes) > 1:
        reserve_opened(norm)
    if result is None:
        return None, None
    # Another session may have computed it first, from files with other names.
    result = replace(result, batch=batch)
    with above:
        answer("\n\n".join(words.of_all(outcome, batch.classes) for outcome in result.outcomes))
    kept = Kept([], [_source(result)])
    with figure(), st.container(key="of_batch"):
        _show_table(result)
    names = [batch.name(i) for i in range(len(batch))]
    chosen = photo_pills(batch, "Open one to see its attack step by step.", names, key="look")
    if chosen is None:
        return kept, None
    if own_size and question.size is not None:
        question = replace(question, size=opened_size(norm, question.size))
    if player := _player(question, settings, batch, names.index(chosen)):
        kept = Kept(player.parts, [*kept.sources, *player.sources])
    return kept, (question, names.index(chosen))


def _source(result: Result) -> Source:
    def pictures() -> dict[str, Tensor]:
        from rnorm_core.report.numbers import attacks  # all experiments

        return attacks.pictures_of_pair(result)

    return sources.experiment("attack on all", result, batch=result.batch, images=pictures)


def _show_table(result: Result) -> None:
    """What became of each image."""
    left, right = result.outcomes
    if (eps := result.request.eps) is not None:
        st.caption(f"At eps = {255 * eps:g}/255:")
    for column, outcome in zip(st.columns(2, gap="large"), result.outcomes, strict=True):
        for note in filter(None, (words.crafted_for(outcome), words.joint_note(outcome))):
            column.caption(note)
    rows = [
        {
            "image": result.batch.name(i),
            left.variant.label: words.verdict(left, i),
            # The blank makes the two columns' names differ if left and right are the same network.
            f"{right.variant.label} ": words.verdict(right, i),
        }
        for i in range(len(result.batch))
    ]
    st.dataframe(rows, hide_index=True, height=min(38 + 35 * len(rows), 220))
