import re
import threading

import pytest

from rnorm_core import evaluation, jobs
from rnorm_core.evaluation.tables.headline import headline
from rnorm_core.experiments import landscape, shipped
from rnorm_core.experiments.landscape import photos
from rnorm_core.experiments.shipped.defaults import PHOTOS
from rnorm_core.rounding import percent
from rnorm_core.zoo import Variant
from tests import trainings
from tests.pages.shown import charts as charts_of

BN, RN, NONE = (f"cifar10-resnet20-{norm}" for norm in ("bn", "rn", "none"))


def texts(page) -> str:
    return "\n".join(block.value for block in page.markdown)


def answer(page) -> str:
    return next(block.value for block in page.markdown if "photos" in block.value)


def labels(page, players) -> list[str]:
    ((_, networks),) = players(page)
    return [network.about["label"] for network in networks]


def test_three_networks_are_seen_without_any_button_or_job(open_page, players, monkeypatch):
    def no_job(request, work):
        raise AssertionError(f"{request} is computed")

    monkeypatch.setattr(jobs, "start", no_job)
    page = open_page("start", settled=False)
    ((header, networks),) = players(page)
    assert [network.about["label"] for network in networks] == ["BatchNorm", "RobustNorm", "no norm"]
    assert header["sizes"] == [0, 0.25, 0.5, 1, 2, 4, 8, 16]
    assert (header["chosen"], header["finished"]) == (1, True)
    right = [network.probabilities[3, -1].argmax() == network.about["truth"] for network in networks]
    assert len(set(right)) == 2  # the first photo separates them
    for part in ("What you see", "Why", "Try this"):
        assert part in texts(page)
    assert not page.warning
    assert not charts_of(page)  # the browser need not load plotly for this page


def test_the_player_begins_at_the_step_of_the_address(open_page, players):
    page = open_page("start", attack_step="4", eps="2")
    ((header, _),) = players(page)
    assert (header["chosen"], header["step"]) == (2, 4)
    assert not page.warning
    page.session_state["attack_step"] = 7  # as the player says; it knows, so its bytes stay the same
    page.run()
    assert players(page)[0][0]["step"] == 4
    page.session_state["attack_step"] = None
    page.run()
    assert players(page)[0][0]["step"] is None


def test_the_sentence_counts_the_photos_and_the_table(open_page):
    page = open_page("start")
    kept = shipped.result(PHOTOS["cifar10"].request()).at(1).sum(1).tolist()
    said = answer(page)
    assert f"BatchNorm still recognises **{kept[0]}**, RobustNorm **{kept[1]}** and no norm **{kept[2]}**" in said
    table = evaluation.table("cifar10")
    left, right, none = (headline(table, Variant.of(name), 1) for name in (BN, RN, NONE))
    points = percent((right.correct - left.correct) / left.n).removesuffix(" %")
    over = over_trainings(RN, BN, 1)
    assert f"RobustNorm recognises **{points} points more** than BatchNorm at 1/255 ({over}) and" in said
    assert over_trainings(NONE, RN, 1).endswith("chance")
    chance = "(over trainings this may be chance)"
    assert f"The network without a norm is ahead of both: {percent(none.value)} at 1/255 {chance}." in said
    bars = next(block.value for block in page.markdown if "data:image/svg" in block.value)
    shown = re.search(r"Still right at 1/255, the size above BatchNorm \(no attack: [\d.]+ %\) ([\d.]+) %", bars)
    assert float(shown[1]) == pytest.approx(100 * left.value, abs=0.051)
    assert "n = 2,000" in texts(page)


def over_trainings(left: str, right: str, size: float) -> str:
    """What the sentence says of the three trainings of each network, counted otherwise."""
    names = [f"{name}{seed}" for name in (left, right) for seed in trainings.SEEDS]
    values = [mask.mean() for mask in trainings.right_under(names, size).values()]
    ends = trainings.welch(values[:3], values[3:])
    low, value, high = (f"{100 * x:+.1f}".replace("-", "\N{MINUS SIGN}") for x in ends)
    chance = ", so this may be chance" * (ends[0] <= 0 <= ends[2])
    table = evaluation.table("cifar10")
    shown = [headline(table, Variant.of(name), size).value for name in (left, right)]
    fewer = ", under attacks that all of them had," * (shown != pytest.approx([values[0], values[3]]))
    return f"over 3 trainings of each{fewer} {value} points, 95\N{NO-BREAK SPACE}%: {low} to {high}{chance}"


@pytest.mark.parametrize("size", [0.5, 2])
def test_the_interval_over_trainings_is_of_the_chosen_size(open_page, size):
    assert f"BatchNorm at {size}/255 ({over_trainings(RN, BN, size)})" in answer(open_page("start", eps=str(size)))


def test_a_difference_that_chance_explains_is_none(open_page):
    assert "RobustNorm recognises **about as many as** BatchNorm at 0.25/255" in answer(open_page("start", eps="0.25"))


def test_a_change_that_can_be_seen_is_not_called_hidden(open_page):
    assert answer(open_page("start", eps="16")).startswith("Of these 20 photos")


def test_the_same_networks_at_another_size(open_page):
    said = answer(open_page("start", eps="0"))
    assert said.startswith("Of these 20 photos, without any change, BatchNorm still recognises **20**")
    assert "at 1/255" in said  # the table's sizes are sizes of attacks


def test_other_networks_are_counted_here_and_now(open_page, players):
    page = open_page("start", left=RN, right=NONE, eps="0.25", seed="5")
    assert labels(page, players) == ["RobustNorm", "no norm"]
    request = photos.Request((Variant.of(RN), Variant.of(NONE)), "cifar10", (0.25,), 20, 5)
    kept = photos.run(request).at(0.25).sum(1).tolist()
    assert f"RobustNorm still recognises **{kept[0]}** and no norm **{kept[1]}**" in answer(page)
    assert "Of 2,000 test images no norm recognises" in answer(page)


def test_the_photo_and_the_size_of_the_address_are_the_players(open_page, players):
    ((header, networks),) = players(open_page("start", eps="8", photo="ship 5b92a8aa"))
    assert header["chosen"] == 8
    assert header["classes"][networks[0].about["truth"]] == "ship"


def test_a_door_leads_to_another_photo_on_which_the_networks_differ(open_page, settle, players):
    page = open_page("start")
    next(button for button in page.button if button.label.startswith("Another photo")).click().run()
    settle(page)
    ((header, networks),) = players(page)
    right = {network.probabilities[3, -1].argmax() == network.about["truth"] for network in networks}
    assert len(right) == 2
    assert header["classes"][networks[0].about["truth"]] != "ship"
    assert not page.warning


def test_the_photo_does_not_depend_on_the_networks(open_page, players):
    ((header, networks),) = players(open_page("start", left_mode="batch", right_mode="batch"))
    assert header["classes"][networks[0].about["truth"]] == "ship"


def test_what_was_measured_is_not_called_unmeasured(open_page):
    page = open_page("start", right=BN, right_mode="batch")
    assert not page.info
    assert "photos, each shown alone, with" in answer(page)  # a photo alone and 128 together are not the same
    assert "test images, in batches of 128, BatchNorm with batch statistics recognises" in answer(page)


def test_a_model_in_a_batch_mode_says_so(open_page, players):
    ((header, networks),) = players(open_page("start", right=BN, right_mode="batch"))
    assert networks[1].about["label"] == "BatchNorm with batch statistics"
    assert header["notes"][0] == ""
    assert "takes statistics from the pictures" in header["notes"][1]


def test_everything_but_the_device_is_in_the_address(open_page, in_address):
    page = open_page("start")
    choices = {"dataset", "left", "left_mode", "right", "right_mode", "source", "seed", "eps", "attack_step"}
    assert in_address(page) == choices


def test_only_the_modes_that_a_model_has_are_offered(open_page):
    page = open_page("start", right=NONE, right_mode="batch")
    assert page.selectbox(key="right_mode").options == ["tracked"]
    assert "`right_mode=batch`" in page.warning[0].value
    page.selectbox(key="right shown").set_value(BN).run()
    assert page.selectbox(key="right_mode").options == ["tracked", "batch", "tracked-mean", "batch-median"]


def test_when_it_is_stopped_the_photo_stays(open_page, monkeypatch):
    """A job that ends only when it is stopped, in place of the attack."""

    def endless(request, progress, *, batch, first):
        while True:
            progress(0.5, "endless")
            threading.Event().wait(0.01)

    monkeypatch.setattr(landscape, "run", endless)
    page = open_page("start", settled=False, seed="1234")
    (stop,) = [button for button in page.button if button.label == "Stop"]
    stop.click().run()
    assert "Stopped." in texts(page)
    shown = [block.proto.body for block in page.get("html") if "the photo, not attacked" in block.proto.body]
    assert len(shown) == 1
    assert "of 2,000 test images" in answer_of_table(page)


def answer_of_table(page) -> str:
    """The sentence without that of the photos, which are not attacked either."""
    return next(block.value for block in page.markdown if "test images" in block.value).lower()
