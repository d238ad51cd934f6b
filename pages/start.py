"""Start: twenty photos attacked in the same way on three networks, and one of them step by step.

The learner sees that a change too small to notice can change a prediction, and how the networks differ in this.
Measured accuracy at a few attack sizes shows the same over many images.
"""

from functools import partial

import streamlit as st

from rnorm_core import evaluation
from rnorm_core.data import class_title
from rnorm_core.experiments import landscape
from rnorm_core.experiments.landscape import photos
from rnorm_core.report.sources import experiment
from rnorm_core.ui import attack_player
from rnorm_core.ui.attack_player.question import attack_size
from rnorm_core.ui.settings.bar import settings_bar
from rnorm_core.ui.shared import live_job
from rnorm_core.ui.shared.growing_result import growing
from rnorm_core.ui.shared.guard import guard, problems
from rnorm_core.ui.shared.navigation import door
from rnorm_core.ui.shared.panels import answer, explain, figure, page_title, pictures
from rnorm_core.ui.shared.provenance import how_measured
from rnorm_core.ui.start import question, view, words

with guard("start"):
    settings = settings_bar()
    page_title("Can a change too small to see fool a network?")
    size = attack_size("linf", in_player=True)
    samples, variants = question.samples(settings), question.networks(settings)
    measured = evaluation.Table(())
    with problems():
        measured = view.table(settings.dataset)
    above, strip, player = st.container(), st.container(), figure()
    with strip:
        names = st.container()
        photo = samples.select([index := view.choose_photo(samples)])
    asked, found, parts, kept = question.all_photos(settings, size), None, [], []
    with player:
        request = question.request(settings, photo)
        result = growing(request, partial(landscape.run, request, batch=photo, first=size))
        if result is not None:
            parts = [attack_player.show(result, 0, photo.dataset, chosen=size, key="player")]
            kept = [attack_player.source(result, photo, size)]
        else:
            pictures([(photo.images[0], "the photo, not attacked", class_title(photo.classes[int(photo.labels[0])]))])
    with strip:
        if result is not None and result.finished:
            found = live_job.run(asked, partial(photos.run, asked), slot="photos")
        if found:
            view.mark_photos(samples, found, size, names)
    with above:
        sentences = [words.of_photos(variants, found.at(size), size)] if found else []
        answer(" ".join(filter(None, [*sentences, words.of_table(measured, variants, size)])))
    with player:
        how_measured(
            "photos", f"which of the samples each network recognises after PGD of {asked.steps} steps; each photo is "
            "attacked by itself, for each network",
            weights={variant.label: variant.weight_hash for variant in variants}, n=samples.source, seed=settings.seed,
            parts=parts, sources=[*kept, *([experiment("photos", found)] if found else [])],
        )  # fmt: skip
    view.show_accuracy(measured, variants, size)
    explain(
        "The twenty photos, each attacked for each network by the same recipe (PGD, 20 steps). Below, the chosen "
        "photo: attacked; the change, made so strong that it can be seen (grey is none); and a map of all attack sizes "
        "and steps, coloured where the network is wrong. The bars at the end count how many test images are still "
        "recognised as the attack grows.",
        "A network learns what photos look like, not which small changes mean nothing. The attack asks the network "
        "itself, through its gradient, which way each pixel has to move to do most harm; three thousand moves too "
        "small to see add up. A normalisation layer decides how far such moves reach: BatchNorm divides by a standard "
        "deviation, RobustNorm by a power of the range. Whether that makes a network robust, or only moves the point "
        "where it breaks, is what this lab is for.",
        there=result is not None,
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        door("start", "A quarter of a grey level: 0.25/255", to="player", eps=0.25)
        door("start", "The size most papers use: 8/255", to="player", eps=8)
        if found and (other := view.another(samples, found, size, index)) is not None:
            door("start", "Another photo on which they differ", to="player", photo=samples.name(other))
        door("craft", "Craft an attack of your own")
        door("accuracy", "Every attack, every size")
        door("shift", "What happens inside the networks")
