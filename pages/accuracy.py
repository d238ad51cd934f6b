"""Accuracy: how many images networks still recognise as an attack grows, and whether two of them differ by more than
chance.

The learner sees measured curves with intervals in two units, the sizes the paper looked at, left and right compared
image by image, and may measure some points again, here and now.
"""

from dataclasses import replace

import streamlit as st

from rnorm_core import evaluation, figures, ui, zoo
from rnorm_core.attacks import CATALOGUE
from rnorm_core.errors import UserError
from rnorm_core.evaluation.file import COMMAND
from rnorm_core.evaluation.sweep import BATCH
from rnorm_core.norms import looks_at_batch

PGD, NOISE = CATALOGUE["pgd"].title, CATALOGUE["noise"].title


def curves(table: evaluation.Table, choice: ui.Curves) -> None:
    """A chart for each attack, and the numbers behind them."""
    if not choice.sides or not choice.attacks:
        ui.show_error(UserError("There is nothing to draw.", "choose a model, a mode it has, and an attack."))
        return
    drawn, missing, places = [], [], None
    for i, attack in enumerate(choice.attacks):
        if i % 2 == 0:
            places = st.columns(2 if len(choice.attacks) > 1 else 1, gap="large")
        lines = ui.lines(table, (*choice.sides, *choice.seeds), attack, choice.pixels, choice.fair)
        drawn += lines
        known, name = {line.side for line in lines}, ui.attack_title(attack)
        missing += [f"{side.label} under {name}" for side in choice.sides if side not in known]
        if lines and places:
            with places[i % 2]:
                title = f"How much is left {'in the worst case' if attack == ui.WORST else f'under {name}'}?"
                draw(lines, choice, title, f"curves {attack}", choice.seeds, "other seeds")
    if missing and table.rows:
        st.caption(f"Not in the table: {'; '.join(missing)}.")
    if drawn and choice.pixels == "8-bit":
        st.caption(
            "Rounding to the nearest grey level loses a change of less than half a level, and makes a whole level of a "
            "larger one: a file attacked at 0.5/255 may hold changes twice as large as the attack was allowed."
        )
    if drawn:
        behind(ui.records(drawn))


def draw(lines: list, choice: ui.Curves, title: str, key: str, beside: tuple[ui.Side, ...], thin: str) -> None:
    shown, about = [replace(line.curve, thin=line.side in beside) for line in lines], ui.conditions(lines)
    ui.chart(figures.accuracy_curve(shown, about, choice.evenly, title=title, marks=True, thin=thin), key=key)


def powers(dataset: str, table: evaluation.Table, choice: ui.Curves) -> None:
    """RobustNorm's p, where enough of them were measured: the one chosen beside BatchNorm, the others thin."""
    attack = (*choice.attacks, "pgd")[0]
    if not (found := ui.choose_power(dataset, table, attack, choice.pixels)):
        return
    chosen, others, plain = found
    if lines := ui.lines(table, (chosen, *plain, *others), attack, choice.pixels, choice.fair):
        draw(lines, choice, "Does the power of the range matter?", "powers", others, "other p")


def behind(records: list[dict]) -> None:
    weights = ", ".join(dict.fromkeys(f"{record['model']} `{record['weights'][:12]}`" for record in records))
    st.caption(
        f"Measured by this project. Sizes are in pixel units; the axis above has them in the paper's, whose authors "
        f"divide pixels by about {figures.PAPER_STD} (CIFAR-10's own deviation is about {figures.OWN_STD}; touch a "
        "point for both). Left of the dotted line a change is smaller than one grey level, the least a file holds. "
        f"Weights: {weights}. `{COMMAND}` makes such a table; the command of each single attack stands in it."
    )
    ui.numbers(records, "The numbers behind the curves", "accuracy.csv")


def compare(comparison: ui.Comparison | None, sides: tuple[ui.Side, ...]) -> None:
    if comparison is None:
        yours = dict.fromkeys(side.title for side in sides if zoo.is_brought(side.name))
        why = f"No accuracies come with {' and '.join(yours)}" if yours else (
            "The table does not hold left and right under this attack at this size"
        )  # fmt: skip
        st.caption(f"{why}: measure it below.")
        return
    picture, words = st.columns([3, 2], gap="large", vertical_alignment="center")
    with words:
        st.markdown("\n\n".join(ui.told(comparison)))
        st.caption(
            "The intervals and p (McNemar's test: of the images on which the two differ, could as many be on one side "
            "by chance?) say what other images might do. Another training might do otherwise, too: one seed is an "
            "example."
        )
    if comparison.left != comparison.right:
        left, right = ((side.label, side.norm) for side in (comparison.left, comparison.right))
        with picture:
            ui.chart(figures.agreement(comparison.rows, left, right, comparison.condition), key="agreement")


def measure(asked: ui.Measurement, shipped: list[figures.Curve], choice: ui.Curves, eps: float) -> None:
    """What was asked for by the button, while it is measured, when it was stopped and when it is done."""

    def draw(measured: ui.Measured) -> None:
        st.session_state["_measured"] = measured  # so that what is there stays when it is stopped
        if curves := [*shipped, *measured.curves(choice.fair)]:
            title = "Does it come out the same here?"
            about = f"{CATALOGUE[asked.attack].title}, {asked.pixels} pixels; open: measured here"
            ui.chart(figures.accuracy_curve(curves, about, choice.evenly, title=title, marks=True), key="measured")

    result = ui.run(asked, ui.measure(asked), slot="measure", draw=draw)
    if result is None and ui.is_stopped("measure"):
        result = st.session_state.get("_measured")
    if result is None or result.asked != asked:
        return
    draw(result)
    if comparison := result.comparison(eps):
        st.markdown("\n\n".join(ui.told(comparison)))
    weights = "; ".join(f"{side.label} {side.weight_hash[:12]}" for side in asked.sides)
    st.caption(
        f"Measured here: {asked.count} images ({asked.source}), seed {asked.seed}, {asked.device}. Weights: {weights}."
    )
    if asked.count < BATCH and any(looks_at_batch(side.statistics) for side in asked.sides):
        st.caption(
            f"With the statistics of a batch of {asked.count} it is another network than with {BATCH}, as above."
        )


with ui.guard("accuracy"):
    settings = ui.sidebar()
    st.title("How much accuracy is left?")
    st.markdown(
        "Each network is attacked anew at every size, and the images it still recognises are counted. Where do the "
        "curves of two norms part, and where does every one of them end?"
    )
    table, sides = ui.read_table(settings.dataset), (settings.left, settings.right)
    choice = ui.choose_curves(settings.dataset, table)
    curves(table, choice)
    powers(settings.dataset, table, choice)
    attack, eps = ui.attack_and_size()
    compare(ui.compare(table, *sides, attack, eps, choice.pixels), sides)
    asked = ui.measurement(settings, attack, eps, choice.pixels)
    low, high = evaluation.wilson(asked.count // 2, asked.count)
    st.caption(
        f"{asked.count} images tell an accuracy near a half to within about {50 * (high - low):.0f} points either way."
    )
    if st.session_state.get("_measuring") == asked:
        lines = ui.lines(table, sides, attack, choice.pixels, choice.fair)
        measure(asked, [line.curve for line in lines], choice, eps)
    ui.explain(
        "Each point counts the images that a network still recognises when they are attacked at that size; the bar "
        "through it says how far the choice of images may have moved it. Left against right, the same images are "
        "counted once for each side: two networks may be equally good and yet fail on different images, and only "
        "images on which they differ can tell which one is better.",
        "A gradient attack adds up many small pushes, all in the worst direction, so networks fall at sizes at which "
        "random noise does nothing. What a norm can change is how far a push reaches: that may shift a curve, to "
        "the right or to the left; where the paper looked, a shift to the right is a gain. A shifted curve is not a "
        "flat one: look where it ends. "
        "With the batch's own statistics the attacked images also move the mean and the scale that all are normalised "
        "with; whether what is left then is robustness or only a weaker attack, these curves alone cannot say.",
        there=bool(table.rows),
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        ui.door("accuracy", "The batch's own statistics", modes=["tracked", "batch"])
        ui.door("accuracy", "Noise of the same size, as a control", attacks=[PGD, NOISE])
        ui.door("accuracy", "Rounded to what a file can hold", pixels="8-bit")
        ui.door("accuracy", "Only images all of them get right", counted="right when clean")
        ui.door("accuracy", "The sizes to scale", axis="to scale")
        ui.door("paper", "What becomes of the paper's claims?")
        ui.door("craft", "Look at such an attack", attack=PGD, eps=1)
        ui.door("start", "Back to the start")
