"""The loop and its checkpoint: resumed equals uninterrupted, and nothing is lost when something goes wrong."""

import errno
import resource
import shutil
from contextlib import contextmanager

import pytest
import torch
from safetensors import safe_open

from rnorm_core.errors import UserError
from rnorm_core.training import checkpoint
from rnorm_core.training.loop import train


class Interrupted(Exception):
    pass


def plain(curve: list[dict]) -> list[dict]:
    """Without the one thing that time changes."""
    return [{key: value for key, value in row.items() if key != "seconds"} for row in curve]


def same_weights(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    theirs = other.state_dict()
    return all(torch.equal(value, theirs[key]) for key, value in one.state_dict().items())


@contextmanager
def little_room(size: int):
    """No file may grow beyond `size` bytes, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_it_learns_and_says_how(build, images, short, tmp_path):
    model, rows, steps = build(), [], []
    curve = train(
        model,
        images(160),
        short(batch_size=8),
        0,
        tmp_path / "c",
        {},
        on_epoch=rows.append,
        on_step=lambda *at: steps.append(at),
    )
    assert curve == rows
    assert [row["epoch"] for row in curve] == [1, 2, 3]
    assert curve[-1]["train_loss"] < curve[0]["train_loss"]
    assert curve[-1]["train_accuracy"] > curve[0]["train_accuracy"]
    assert [row["lr"] for row in curve] == pytest.approx([short().lr_at(step, 20) for step in (19, 39, 59)], abs=1e-6)
    assert [(step, total) for step, total, _ in steps] == [(20, 60), (40, 60), (60, 60)]
    assert all(row["seconds"] >= 0 for row in curve)


@pytest.mark.parametrize(
    ("norm", "precision", "stopped_in"), [("bn", "fp32", 1), ("rn", "bf16", 2), ("rn", "fp32", 1), ("none", "bf16", 2)]
)
def test_a_resumed_training_equals_an_uninterrupted_one(build, images, short, tmp_path, norm, precision, stopped_in):
    plan = short(norm, precision=precision)
    whole = build(norm)
    expected = train(whole, images(), plan, 4, tmp_path / "whole", {"of": norm})

    def stop(row):
        if row["epoch"] == stopped_in:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(build(norm), images(), plan, 4, tmp_path / "cut", {"of": norm}, on_epoch=stop)
    again, epochs = build(norm, seed=99), []  # its own initial weights must not matter
    torch.rand(7)  # nor the global generator
    curve = train(
        again, images(), plan, 4, tmp_path / "cut", {"of": norm}, on_epoch=lambda row: epochs.append(row["epoch"])
    )
    assert epochs == list(range(stopped_in + 1, 4))
    assert plain(curve) == plain(expected)
    assert same_weights(again, whole)


def test_stopped_within_an_epoch_the_epoch_is_begun_again(build, images, short, tmp_path):
    plan = short(batch_size=4, epochs=2)
    whole = build()
    expected = train(whole, images(96), plan, 0, tmp_path / "whole", {})

    def stop(step, total, loss):
        if step > total // 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(build(), images(96), plan, 0, tmp_path / "cut", {}, on_step=stop)
    again = build(seed=3)
    assert plain(train(again, images(96), plan, 0, tmp_path / "cut", {})) == plain(expected)
    assert same_weights(again, whole)


def test_a_finished_training_trains_nothing(build, images, short, tmp_path):
    first, second, rows, plan = build(), build(seed=1), [], short(epochs=1)
    expected = train(first, images(), plan, 0, tmp_path / "c", {})
    assert train(second, images(), plan, 0, tmp_path / "c", {}, on_epoch=rows.append) == expected
    assert rows == []
    assert same_weights(first, second)


def test_seed_and_recipe_decide_the_result(build, images, short, tmp_path):
    models = []
    one = short(epochs=1)
    for i, (seed, plan) in enumerate([(0, one), (0, one), (1, one), (0, short(epochs=1, peak_lr=0.1))]):
        models.append(build())
        train(models[-1], images(), plan, seed, tmp_path / str(i), {})
    assert same_weights(models[0], models[1])
    assert not same_weights(models[0], models[2])
    assert not same_weights(models[0], models[3])


def test_the_checkpoint_of_another_training_is_refused(build, images, short, tmp_path):
    path, plan, identity = tmp_path / "c", short(epochs=1), {"norm": "rn"}
    train(build(), images(), plan, 0, path, identity)
    before = path.read_bytes()
    for other, seed, name in ((plan, 1, identity), (plan, 0, {"norm": "bn"}), (short(epochs=5), 0, identity)):
        with pytest.raises(UserError, match="another training"):
            train(build(), images(), other, seed, path, name)
        assert path.read_bytes() == before


def test_a_broken_checkpoint_is_named(build, images, short, tmp_path):
    path = tmp_path / "c.safetensors"
    train(build(), images(), short(epochs=1), 0, path, {})
    whole = path.read_bytes()
    no_checkpoint = checkpoint.save_tensors({"a": torch.zeros(2)})
    for broken in (b"", whole[:7], whole[:1000], whole[:-5], b"x" * 500, no_checkpoint):
        path.write_bytes(broken)
        with pytest.raises(UserError, match=r"c\.safetensors .*delete it"):
            train(build(), images(), short(epochs=1), 0, path, {})
        assert path.read_bytes() == broken
    with pytest.raises(UserError, match="no checkpoint, or one of another version"):
        checkpoint.read(path)


def test_a_flipped_byte_in_a_checkpoint_is_an_error(build, images, short, tmp_path):
    path = tmp_path / "c.safetensors"
    train(build(), images(), short(epochs=1), 0, path, {})
    whole = path.read_bytes()
    digit = whole.index(b"train_loss") + len(b'train_loss\\": 0.1')
    for at in (digit, len(whole) - 1, len(whole) // 2):
        broken = bytearray(whole)
        broken[at] ^= 1
        path.write_bytes(broken)
        with pytest.raises(UserError, match=r"c\.safetensors .*checksum"):
            checkpoint.read(path)


def test_a_full_disk_leaves_the_checkpoint_before(build, images, short, tmp_path):
    room = 5000  # bytes: the write begins, and does not end
    path = tmp_path / "c.safetensors"
    whole = build()
    plan = short(epochs=2)
    expected = train(whole, images(), plan, 0, tmp_path / "whole", {})
    kept = []

    def fill(row):
        if row["epoch"] == 1:
            kept.append(path.read_bytes())
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

    with little_room(resource.RLIM_INFINITY), pytest.raises(UserError, match=r"could not be written.*free some"):
        train(build(), images(), plan, 0, path, {}, on_epoch=fill)
    assert path.read_bytes() == kept[0]
    assert list(tmp_path.glob("*.partial")) == []
    again = build()
    assert plain(train(again, images(), plan, 0, path, {})) == plain(expected)
    assert same_weights(again, whole)


@pytest.mark.parametrize("function", ["pathlib.Path.write_bytes", "os.replace"])
def test_no_space_left_on_device(build, images, short, tmp_path, monkeypatch, function):
    path = tmp_path / "c.safetensors"

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(function, full)
        with pytest.raises(UserError, match="No space left on device"):
            train(build(), images(), short(epochs=1), 0, path, {})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made(build, images, short, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="could not be written"):
        train(build(), images(), short(epochs=1), 0, tmp_path / "file" / "c", {})


def test_a_loss_that_is_no_number_stops_and_keeps_the_checkpoint(build, images, short, tmp_path):
    path = tmp_path / "c"

    def spoil(row):
        with torch.no_grad():
            model.classifier.weight.fill_(float("nan"))

    model = build()
    with pytest.raises(UserError, match=r"in epoch 2.*--lr"):
        train(model, images(), short(), 0, path, {}, on_epoch=spoil)
    tensors, progress = checkpoint.read(path)
    assert [row["epoch"] for row in progress["curve"]] == [1]
    assert all(torch.isfinite(tensor).all() for tensor in tensors.values())


def test_fewer_images_than_a_batch(build, images, short, tmp_path):
    with pytest.raises(UserError, match=r"20 images .* a batch of 32"):
        train(build(), images(20), short(), 0, tmp_path / "c", {})


def test_the_gradients_norm_is_bounded(build, images, short, tmp_path):
    """One step of plain SGD from the same start moves by at most lr * clip."""
    for clip, bound in ((0.01, 0.01), (0.0, None)):
        model = build()
        before = [p.detach().clone() for p in model.parameters()]
        plan = short(
            epochs=1, batch_size=128, clip=clip, momentum=0.0, nesterov=False, weight_decay=0.0, peak_lr=1.0, warmup=0.0
        )
        train(model, images(), plan, 0, tmp_path / str(clip), {})
        moved = torch.cat([(p.detach() - b).flatten() for p, b in zip(model.parameters(), before, strict=True)]).norm()
        assert moved == pytest.approx(bound, rel=1e-2) if bound else moved > 0.1


def test_a_checkpoint_is_safetensors_with_its_progress_in_the_header(build, images, short, tmp_path):
    path = tmp_path / "c"
    train(build(), images(), short(epochs=1), 0, path, {"norm": "rn"})
    with safe_open(path, "pt") as file:
        assert "model.stem.conv.weight" in file.keys()  # noqa: SIM118
        assert "momentum.stem.conv.weight" in file.keys()  # noqa: SIM118
        assert set(file.metadata()) == {"progress", "sha256"}
    shutil.copy(path, tmp_path / "copy")
    tensors, progress = checkpoint.read(tmp_path / "copy")
    assert progress["identity"]["norm"] == "rn"
    assert progress["identity"]["recipe"]["epochs"] == 1
    assert len(tensors) > 20
