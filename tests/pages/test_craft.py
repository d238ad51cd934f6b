import io
import json
import threading
import zipfile

import numpy as np
import pytest
from PIL import Image
from streamlit.runtime.caching.cache_resource_api import clear_session_cache

from rnorm_core import data, jobs, zoo
from rnorm_core.experiments import attack_pair, landscape
from rnorm_core.norms import MEDIAN, STATISTICS
from rnorm_core.ui.craft import downloads

CAT, SHIP = "cat af12e124", "ship 200143cf"


def texts(page) -> str:
    return "\n".join(block.value for block in page.markdown)


def captions(page) -> str:
    return "\n".join(block.value for block in page.caption)


@pytest.fixture
def seen(players):
    """seen(page): the titles of the networks in the only player of a page."""

    def titles(page) -> list[str]:
        ((_, networks),) = players(page)
        return [network.about["label"] for network in networks]

    return titles


BOTH = ["BatchNorm", "RobustNorm"]


def of_all(page) -> list[str]:
    """The sentences about a batch of several images."""
    (said,) = [block.value for block in page.markdown if block.value.startswith(("**BatchNorm", "**RobustNorm"))]
    return said.split("\n\n")


def test_a_result_is_there_at_once(open_page, players):
    page = open_page("craft")
    ((header, (left, right)),) = players(page)
    assert [left.about["label"], right.about["label"]] == BOTH
    at = header["sizes"].index(1)
    # L-inf in pixels, and normalised by the smallest standard deviation of the three channels
    np.testing.assert_allclose(left.lengths[at, -1, [0, 2]], [1 / 255, 1 / 255 / 0.2435], rtol=1e-4)
    assert "In use: foolbox's 20 samples." in captions(page)
    assert not page.warning


def test_with_the_full_test_set(open_page, seen):
    page = open_page("craft", full=True, source="full test set", shown="frog", seed="5")
    options = page.get("button_group")[0].options
    assert options[0] == CAT  # the choice so far comes first, then frogs
    assert all(name.startswith("frog ") for name in options[1:])
    assert len(options) == 21
    assert seen(page) == BOTH
    assert "test split" in captions(page)


def test_the_full_test_set_is_offered_where_it_is_not(open_page, seen):
    page = open_page("craft", source="full test set")
    assert "Fetch 24 MB" in [button.label for button in page.button]
    assert "In use: foolbox's 20 samples." in captions(page)  # and the page works on
    assert seen(page) == BOTH


def test_without_a_network_fetching_says_what_to_do(open_page, settle, monkeypatch, seen):
    from rnorm_core.errors import UserError

    def no_network(dataset, on_progress=None):
        raise UserError("The hub cannot be reached.", "check the network.")

    monkeypatch.setattr(data, "fetch", no_network)
    page = open_page("craft", source="full test set")
    next(button for button in page.button if button.label == "Fetch 24 MB").click().run()
    settle(page)
    assert "check the network" in page.error[0].value
    assert seen(page) == BOTH


def test_an_address_makes_the_same_result_again(open_page):
    address = {"images": [SHIP, CAT], "eps": "0.5", "seed": "7", "steps": "5", "target": "frog"}
    first, second = of_all(open_page("craft", **address)), of_all(open_page("craft", **address))
    assert first == second
    assert "2 images were aimed at frog" in first[0]


def test_of_several_images_each_has_its_player_when_it_is_opened(open_page, settle, players):
    page = open_page("craft", images=[CAT, SHIP], eps="0", steps="1")
    assert of_all(page)[0].endswith("none of 2 images was fooled, 2 held.")
    assert players(page) == []
    assert page.select_slider(key="eps").value == 0  # the batch is attacked at one size
    page.get("button_group")[1].select(CAT).run()
    ((header, networks),) = players(settle(page))
    assert header["sizes"] == [0, 0.25, 0.5, 1, 2, 4, 8, 16]
    assert [header["classes"][network.about["truth"]] for network in networks] == ["cat", "cat"]


def test_the_size_in_the_player_of_one_of_several_images_is_its_own(open_page, settle, players, monkeypatch):
    run, attacked = attack_pair.run, []

    def counted(request, *args, **options):
        attacked.append(round(255 * request.eps, 3))
        return run(request, *args, **options)

    def chosen(page) -> float:
        return players(page)[0][0]["chosen"]

    monkeypatch.setattr(attack_pair, "run", counted)
    page = open_page("craft", images=[CAT, SHIP], eps="0.5", steps="1", seed="77", look=SHIP, look_eps="8")
    assert (chosen(page), attacked) == (8, [0.5])
    page.selectbox(key="look_eps").set_value(4).run()  # hidden: the player writes it
    assert (chosen(settle(page)), attacked) == (4, [0.5])
    assert "At eps = 0.5/255:" in captions(page)
    assert not page.warning
    page.select_slider(key="eps").set_value(2).run()  # the batch's takes the player along
    assert (chosen(settle(page)), attacked) == (2, [0.5, 2])
    page.selectbox(key="look_eps").set_value(4).run()
    page.get("button_group")[1].set_value(CAT).run()
    assert (chosen(settle(page)), attacked) == (4, [0.5, 2])  # the same size of another image
    named = open_page("craft", images=[CAT, SHIP], steps="1", look=SHIP, look_eps="3")
    assert "look_eps=3" in named.warning[0].value


def test_of_a_batch_that_is_attacked_as_one_each_image_has_a_player_at_the_chosen_size(open_page, players):
    page = open_page("craft", images=[CAT, SHIP], eps="2", steps="2", right_mode="batch", look=SHIP)
    ((header, networks),) = players(page)
    assert header["sizes"] == [2]
    assert header["classes"][networks[0].about["truth"]] == "ship"
    assert "depend on the other pictures" in header["notes"][1]


def test_noise_offers_no_target_and_an_address_with_one_is_named(open_page, seen):
    page = open_page("craft", attack="Random noise (L-inf)", target="frog")
    assert "target" not in [box.key for box in page.selectbox]
    assert "target=frog" in page.warning[0].value
    assert captions(page).count("control") == 1  # what the attack is, among the further choices
    assert seen(page) == BOTH


def test_every_question_about_an_attack_explains_itself(open_page):
    page = open_page("craft")
    keys = ("attack", "eps", "steps", "target", "craft", "left_mode", "right_mode")
    widgets = {w.key: w for w in [*page.selectbox, *page.select_slider, *page.number_input]}
    assert all(widgets[key].help for key in keys)
    assert all(mode in widgets["left_mode"].help for mode in (*STATISTICS, MEDIAN))


@pytest.mark.parametrize(
    "address",
    [
        {
            "eps": "3.3",  # between two steps
            "steps": "0",
            "seed": "-1",
            "attack": "no such attack",
            "left": "cifar10-resnet20-xx",
            "images": "cat 00000000",
            "target": "unicorn",
            "surprise": "1",  # no such setting
        },
        {"eps": "99", "steps": "7.5"},
    ],
    ids=["every key", "out of range"],
)
def test_what_the_address_cannot_have_is_named(open_page, address, seen):
    page = open_page("craft", **address)
    named = [warning.value.split("`")[1] for warning in page.warning]
    assert sorted(named) == sorted(f"{key}={value}" for key, value in address.items())
    assert seen(page) == BOTH


def test_a_notice_goes_when_the_choice_is_changed(open_page, settle):
    page = open_page("craft", eps="99")
    assert "99" in page.warning[0].value
    settle(page.run())
    assert page.warning  # it stays as long as nothing was chosen instead
    page.select_slider(key="eps").set_value(2).run()
    assert not settle(page).warning


def test_a_door_on_the_page_makes_its_settings_and_no_notice(open_page, settle):
    page = open_page("craft", eps="2")
    next(button for button in page.button if button.label.startswith("Too small")).click().run()
    settle(page)
    assert page.select_slider(key="eps").value == 0.25
    assert not page.warning
    (said,) = [block.value for block in page.markdown if "grey levels:" in block.value]
    assert "BatchNorm sees **frog**" in said
    assert said.endswith("Saved as a PNG file, the change no longer fools BatchNorm and RobustNorm.")


def test_the_sentence_says_what_the_player_shows(open_page, players):
    page = open_page("craft", eps="1")
    ((header, networks),) = players(page)
    (said,) = [block.value for block in page.markdown if "at most 1 of 255 grey levels:" in block.value]
    for network in networks:
        winner = network.probabilities[3, -1].argmax()
        assert f"{network.about['label']} sees **{header['classes'][winner]}** (" in said
        assert header["classes"][winner] != "cat"
    held = open_page("craft", eps="0")
    assert "BatchNorm still sees **cat**" in texts(held)
    assert "with the smallest change that it finds: BatchNorm sees" in texts(open_page("craft", attack="DeepFool"))


def test_no_image_is_an_error_that_says_what_to_do(open_page):
    page = open_page("craft")
    page.get("button_group")[0].set_value([]).run()
    assert "No image is chosen." in page.error[0].value
    assert "**What you will see" in texts(page)  # the page goes on below
    assert "Try this" in texts(page)


def test_minimum_norm_has_no_sizes(open_page, players):
    page = open_page("craft", attack="DeepFool")
    assert not page.select_slider
    ((header, _),) = players(page)
    assert (header["sizes"], header["steps"]) == ([], [0, 1])


@pytest.mark.parametrize(
    ("attack", "name", "label"), [("APGD", "apgd", "Steps"), ("Square Attack", "square", "Queries")]
)
def test_attacks_that_measure_robustness(open_page, players, attack, name, label):
    """Their own number of steps: as many as their papers take, unless the address has fewer."""
    page = open_page("craft", attack=attack, eps="8", **{f"steps_{name}": "30"})
    steps = page.number_input(key=f"steps_{name}")
    assert (steps.label, steps.value) == (label, 30)
    assert steps.max == {"apgd": 200, "square": 5000}[name]
    ((header, _),) = players(page)
    assert header["steps"][-1] == 30
    assert len(header["sizes"]) == {"apgd": 8, "square": 1}[name]  # thousands of queries are for one size
    assert not page.warning


def test_square_takes_its_papers_queries_at_once_where_the_network_gives_in(open_page, players):
    page = open_page("craft", attack="Square Attack", eps="16")
    assert page.number_input(key="steps_square").value == 5000
    ((header, networks),) = players(page)
    assert header["steps"][-1] == 5000
    assert all(network.probabilities[0, -1].argmax() != network.about["truth"] for network in networks)


def test_a_transfer_says_for_whom_it_was_crafted(open_page, players):
    ((header, _),) = players(open_page("craft", craft="left, shown to right", eps="4", steps="5"))
    assert header["notes"] == ["", "The attack was crafted for the other model."]


def uploader(page):
    return next(one for one in page.file_uploader if one.key.startswith("upload "))  # another takes weights


def upload(page, raw: bytes, name: str, settle):
    uploader(page).set_value((name, raw, "image/png")).run()
    return settle(page)


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_picture_of_ones_own(open_page, settle, seen):
    page = upload(open_page("craft"), picture(), "mine.png", settle)
    assert "**mine.png**" in texts(page)
    assert "own clean prediction" in captions(page)
    assert seen(page) == BOTH
    page.selectbox(key="upload_label").set_value("cat").run()
    assert "own clean prediction" not in captions(settle(page))


@pytest.mark.parametrize(
    "gone", [lambda page: clear_session_cache("test session id"), lambda page: uploader(page).set_value(None).run()]
)
def test_results_of_a_picture_go_with_it(open_page, settle, gone):
    page = upload(open_page("craft"), picture(), "mine.png", settle)
    own = data.upload(picture(), "mine.png", None, "cifar10").ids[0]
    kept = jobs.pool.shared._kept
    assert any(own in repr(spec) for spec in kept)
    gone(page)
    assert not any(own in repr(spec) for spec in kept)


def test_a_file_that_is_no_picture(open_page, settle, seen):
    page = upload(open_page("craft"), b"not a picture", "notes.png", settle)
    assert "'notes.png' is not an image" in page.error[0].value
    assert uploader(page).value is None  # the next file does not stand beside it
    assert seen(page) == BOTH  # of the data set's images, as before
    assert "**What you see" in texts(page)
    page = upload(page, picture(), "mine.png", settle)
    assert not page.error
    assert "**mine.png**" in texts(page)


def test_an_unexpected_error_is_not_hidden(open_page, monkeypatch):

    def broken(*args, **kwargs):
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(landscape, "run", broken)
    with pytest.raises(AssertionError, match="a defect"):
        open_page("craft", seed="4321")


def test_the_zip_holds_both_sides(open_page):
    page = open_page("craft", images=[CAT, SHIP], eps="1", steps="3", look=CAT)
    offered = [button.label for button in page.get("download_button")]
    assert offered == ["Keep this", "PNG, left", "PNG, right", "Everything (ZIP)", "Keep this page"]

    batch = data.samples("cifar10").select([0, 1])
    left, right = zoo.Variant.of("cifar10-resnet20-bn"), zoo.Variant.of("cifar10-resnet20-rn")
    labels = tuple(batch.labels.tolist())
    request = attack_pair.Request(left, right, ids=batch.ids, labels=labels, steps=2, craft="left")
    archive = zipfile.ZipFile(io.BytesIO(downloads.archive(attack_pair.run(request, batch=batch))))
    names, spec = archive.namelist(), json.loads(archive.read("spec.json"))
    assert "left/adversarial.npy" in names
    assert "right/adversarial.npy" not in names  # it was made for the left
    assert "right/adversarial_probabilities.npy" in names
    expected = {"name": right.model, "statistics": "tracked", "norm": "rn", "weight_hash": right.weight_hash}
    assert spec["shown_to_right"] == expected
    assert list(spec["traces"]) == ["left"]


def press(page, label: str) -> None:
    next(button for button in page.button if button.label == label).click().run()


def test_stop_and_start_again(open_page, monkeypatch):
    """A job that ends only when it is stopped, in place of the attack."""

    def endless(request, progress, *, batch, first):
        while True:
            progress(0.5, "endless")
            threading.Event().wait(0.01)

    monkeypatch.setattr(landscape, "run", endless)
    page = open_page("craft", settled=False, seed="1234")
    assert page.get("progress")
    press(page, "Stop")
    assert "Stopped." in texts(page)
    assert "**What you will see" in texts(page)
    assert not page.get("progress")
    press(page, "Start again")
    assert page.get("progress")
    press(page, "Stop")


@pytest.mark.parametrize("name", ["craft", "start"])
def test_what_was_there_stays_when_it_is_stopped(open_page, monkeypatch, players, name):
    """An attack that goes on for ever after its first size."""
    run, stalled = landscape.run, threading.Event()

    def slow(request, progress, *, batch, first):
        def first_size(fraction, text, partial=None):
            progress(fraction, text, partial)
            while partial is not None:
                stalled.set()
                progress(fraction, text)
                threading.Event().wait(0.01)

        return run(request, first_size, batch=batch, first=first)

    monkeypatch.setattr(landscape, "run", slow)
    page = open_page(name, settled=False, seed="4242")
    assert stalled.wait(60)
    press(page, "Stop")
    assert "Stopped." in texts(page)
    ((header, _),) = players(page)
    assert header["sizes"] == [0, 1]
    assert not header["finished"]
