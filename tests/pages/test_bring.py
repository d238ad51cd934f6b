"""Weights of one's own on every page: a sound file becomes a model of this visit, a wrong one is named."""

import io
import json
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from safetensors.torch import save
from streamlit.runtime.caching.cache_resource_api import clear_session_cache

from rnorm_core import evaluation, jobs, models, zoo
from rnorm_core.evaluation import Table
from rnorm_core.experiments import attack_pair
from rnorm_core.ui.craft import downloads
from tests.pages.shown import charts as charts_of

pytestmark = pytest.mark.usefixtures("small_zoo")
BN = "cifar10-resnet20-bn"


def file_of(norm: str = "rn", classes: int = 10, **about: str) -> bytes:
    torch.manual_seed(5)
    model = models.build("resnet20", norm, width=1 / 16, classes=classes).train()
    model(torch.rand(8, 3, 32, 32))
    torch.nn.init.normal_(model.classifier.weight)
    return save({key: value.contiguous() for key, value in model.state_dict().items()}, about or None)


SOUND = file_of(power="0.5")
NAME = f"yours-mine-{sha256(SOUND).hexdigest()[:8]}-p0.5"
TITLE = f"RobustNorm p=0.5, yours: mine {sha256(SOUND).hexdigest()[:4]}"


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(zoo.brought, "_brought", type(zoo.brought._brought)())
    monkeypatch.setattr(evaluation, "table", lambda dataset: Table(()))


@pytest.fixture
def with_mine(open_page, settle):
    """with_mine(page, **address): a page, and then a file brought to it."""

    def opened(name: str, raw: bytes = SOUND, filename: str = "mine.safetensors", **address):
        page = open_page(name, **address)
        bring(page, raw, filename)
        return settle(page)

    return opened


def uploader(page):
    return next(u for u in page.file_uploader if u.key and u.key.startswith("weights"))


def bring(page, raw: bytes, filename: str = "mine.safetensors"):
    uploader(page).set_value((filename, raw, "application/octet-stream")).run()


def right(players) -> str:
    """The title of the right network in the only player of a page."""
    ((_, networks),) = players
    return networks[1].about["label"]


def texts(page) -> str:
    return "\n".join(block.value for block in [*page.markdown, *page.caption, *page.info])


# --- on every page


def test_start(with_mine, players):
    page = with_mine("start")
    assert not page.error
    assert page.selectbox(key="right").value == NAME
    assert (
        page.selectbox(key="right shown").options[-1]
        == f"Yours · mine {sha256(SOUND).hexdigest()[:4]}, RobustNorm p=0.5"
    )
    assert right(players(page)) == TITLE
    assert f"BatchNorm; {TITLE}." in texts(page)  # not measured yet
    assert sha256(SOUND).hexdigest()[:12] in texts(page)


def test_craft(with_mine, players):
    page = with_mine("craft", attack="FGSM")
    assert right(players(page)) == TITLE


def test_shift(with_mine):
    page = with_mine("shift", attack="FGSM", batch="8")
    assert not page.error
    assert f"{TITLE}" in next(block.value for block in page.markdown if "clean images at hand" in block.value)
    assert len(charts_of(page)) == 4
    page.selectbox(key="right_mode").set_value("batch").run()
    assert not page.exception


def test_accuracy(with_mine, settle):
    page = with_mine("accuracy", n="8", under="FGSM")
    assert f"BatchNorm and {TITLE} were not measured before." in texts(page)
    assert f"; {TITLE} under " in texts(page)
    assert TITLE not in page.multiselect(key="models shown").options
    next(button for button in page.button if button.label == "Measure it here").click().run()
    settle(page)
    chart = charts_of(page)[-1].spec
    assert f"{TITLE}, measured here" in [t["name"].replace("<br>", " ") for t in chart["data"]]
    assert "Measured here: 8 images" in texts(page)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("batch", dict(part="Corruptions", n="8")),
        ("inside", {}),
        ("honesty", {}),
        ("batch", {}),
        ("paper", {}),
        ("models", {}),
    ],
)
def test_elsewhere(with_mine, name, address):
    page = with_mine(name, **address)
    assert not page.error
    assert not page.exception
    assert page.selectbox(key="right").value == NAME
    if name not in ("paper", "models"):  # which are of what is shipped
        assert TITLE in texts(page)


def test_an_archive_says_which_file_and_how_to_do_it_again(tmp_path, monkeypatch, capsys):
    from rnorm_core import data

    variants = zoo.Variant.of(BN), zoo.Variant.of(zoo.bring(SOUND, "mine.safetensors"))
    batch = data.samples("cifar10").select([0])
    labels = tuple(batch.labels.tolist())
    request = attack_pair.Request(*variants, ids=batch.ids, labels=labels, eps=2 / 255, steps=2, craft="right")
    archive = zipfile.ZipFile(io.BytesIO(downloads.archive(attack_pair.run(request, batch=batch))))
    (own,) = json.loads(archive.read("spec.json"))["brought"]
    assert (own["model"], own["file"], own["sha256"]) == (NAME, "mine.safetensors", sha256(SOUND).hexdigest())
    archive.extractall(tmp_path)
    Path(tmp_path / "mine.safetensors").write_bytes(SOUND)
    readme = (tmp_path / "README.txt").read_text()
    zoo.brought._brought.clear()  # another day
    monkeypatch.chdir(tmp_path)
    exec(compile(readme[readme.index("import json") : readme.index("The same versions")], "README.txt", "exec"), {})
    assert capsys.readouterr().out.endswith("archive: 0.0\n")


# --- for this visit alone


def test_another_visit_knows_nothing_of_it(with_mine, open_page):
    with_mine("start")
    other = open_page("start", right=NAME)
    assert NAME not in other.selectbox(key="right").options
    assert other.selectbox(key="right").value == "cifar10-resnet20-rn"
    assert f"`right={NAME}` in the address could not be used" in other.warning[0].value


def test_what_the_server_forgot_is_brought_again(with_mine, settle):
    page = with_mine("start")
    zoo.brought._brought.clear()
    page.run()
    assert page.selectbox(key="right").value == NAME
    assert not settle(page).error


def test_forgotten_it_is_gone(with_mine, settle):
    page = with_mine("start", left=BN)
    next(button for button in page.button if button.label == "Forget").click().run()
    settle(page)
    assert page.selectbox(key="right").value == "cifar10-resnet20-rn"
    assert NAME not in page.selectbox(key="right").options
    assert not page.warning


def kept_results() -> list:
    return [spec for spec in jobs.pool.shared._kept if NAME in repr(spec)]


def test_forgotten_nothing_of_it_is_left_on_the_server(with_mine):
    page = with_mine("start", left=BN)
    assert kept_results()
    assert NAME in zoo.brought._brought
    next(button for button in page.button if button.label == "Forget").click().run()
    assert not kept_results()
    assert NAME not in zoo.brought._brought
    assert NAME not in repr([page.session_state[key] for key in page.session_state if key.startswith("_partial")])


def test_when_the_browser_is_gone_so_is_the_network_until_it_comes_back(with_mine):
    page = with_mine("start", left=BN)
    clear_session_cache("test session id")  # as Streamlit does when a session is disconnected
    assert not kept_results()
    assert NAME not in zoo.brought._brought
    page.run()
    assert NAME in zoo.brought._brought
    assert page.selectbox(key="right").value == NAME


def test_only_some_are_kept(with_mine, monkeypatch):
    from rnorm_core.ui.settings import upload_weights

    monkeypatch.setattr(upload_weights, "MOST", 1)
    page = with_mine("start")
    bring(page, file_of("bn"), "another.safetensors")
    assert "uploaded files already" in page.error[0].value
    assert page.selectbox(key="right").value == NAME


# --- files that are refused


def test_a_file_without_p_waits_until_p_is_chosen(open_page, settle):
    page = open_page("start")
    bring(page, file_of(), "mine.safetensors")
    assert "does not say the p" in page.error[0].value
    page.number_input(key="weights_power").set_value(0.35).run()
    settle(page)
    assert not page.error
    assert zoo.card(page.selectbox(key="right").value).power == 0.35
    assert uploader(page).value is None


WRONG = {  # case: the file, what the page says about it
    "truncated": (SOUND[:-100], "cut off"),
    "within its header": (SOUND[:50], "cut off"),
    "pickle": (b"PK\x03\x04 a pickle", "was not opened"),
    "text": (b"words", "not a safetensors file"),
    "huge header": ((2**50).to_bytes(8, "little") + b"{}", "header"),
    "too large": (SOUND + bytes(10_000_001), "MB"),
    "wrong key": (SOUND.replace(b"stem.conv.weight", b"stem.conv.veight"), "stem.conv.weight"),
    "wrong shape": (SOUND.replace(b'"shape":[10,4]', b'"shape":[4,10]'), "10 classes"),
}


def test_a_wrong_file_is_named_and_nothing_is_lost(with_mine, settle, players):
    page = with_mine("start")
    for case, (raw, word) in WRONG.items():
        bring(page, raw, "wrong.safetensors")
        settle(page)
        (error,) = page.error
        assert "wrong.safetensors" in error.value, case
        assert word in error.value, case
        assert page.selectbox(key="right").value == NAME, case
        assert right(players(page)) == TITLE, case
        uploader(page).set_value(None).run()
        assert not page.error, case


def test_nan_is_named(open_page):
    page = open_page("start")
    tensors = models.build("resnet20", "none", width=1 / 16).state_dict()
    tensors["blocks.3.gain"].fill_(float("nan"))
    bring(page, save(tensors))
    assert "blocks.3.gain holds" in page.error[0].value


def test_a_network_of_torchvisions_has_a_card(with_mine, tmp_path):
    kind = {"architecture": "torchvision:shufflenet_v2_x0_5", "norm": "rn", "power": 0.2}
    path = zoo.save(models.build(**kind), tmp_path / "shuffle.safetensors", **kind)
    page = with_mine("models", path.read_bytes(), path.name)
    shown = page.multiselect(key="show")
    (mine,) = [name for name in shown.options if name.startswith("yours-shuffle")]
    shown.set_value([mine]).run()
    assert not page.error
    assert not page.exception
    assert "shufflenet_v2_x0_5" in texts(page)
